// Calls that were forwarded and whose outcome nobody knows, so that `onAmbiguous` can ask before the same call is made again.

/** How long such a call is remembered. */
export const UNKNOWN_KEPT_MS = 24 * 3_600_000
/** Most calls remembered; the oldest are forgotten first. */
const MAX_UNKNOWN_CALLS = 10_000

/** Statuses after which a call may have run or not. */
const unknownStatuses: ReadonlySet<string> = new Set(['ambiguous', 'timeout', 'upstream_lost', 'cancelled'])

/** What makes two calls the same. */
export interface CallIdentity {
  readonly principal: string
  readonly server: string
  readonly tool: string
  /** The keyed digest of the exact argument bytes. */
  readonly argumentsDigest: string
}

/** The calls of unknown outcome that one gateway knows of. */
export class UnknownOutcomes {
  /** When each was made, milliseconds since 1970; oldest first. */
  readonly #calls = new Map<string, number>()

  /** True while there is none: then nobody needs a digest. */
  get isEmpty(): boolean {
    return this.#calls.size === 0
  }

  /** Takes what became of a call: an unknown outcome is remembered, a known one settles the question. */
  take(call: CallIdentity, status: string, atMs: number): void {
    if (status === 'not_forwarded') return
    const key = keyOf(call)
    this.#calls.delete(key)
    if (!unknownStatuses.has(status)) return
    this.#calls.set(key, atMs)
    const oldest = this.#calls.keys().next()
    if (this.#calls.size > MAX_UNKNOWN_CALLS && oldest.done !== true) this.#calls.delete(oldest.value)
  }

  /** Whether the same call was made and its outcome is not known. */
  has(call: CallIdentity, nowMs: number): boolean {
    const atMs = this.#calls.get(keyOf(call))
    return atMs !== undefined && nowMs - atMs < UNKNOWN_KEPT_MS
  }
}

function keyOf({ principal, server, tool, argumentsDigest }: CallIdentity): string {
  return JSON.stringify([principal, server, tool, argumentsDigest])
}
