// The conversation of a caller without a session id (events.md, "Context"): one over all servers of the gateway, until it
// has been quiet for a while.
import { derivedId, uuidv7 } from '../../events/time.ts'
import type { Caller } from './caller.ts'

/** Names conversations; one for each token, so there are never more than tokens. */
export class QuietSessions {
  readonly #quietMs: number
  readonly #nowMicros: () => number
  readonly #sessions = new Map<string, { readonly id: string; usedMicros: number }>()

  constructor(quietMs: number, nowMicros: () => number) {
    this.#quietMs = quietMs
    this.#nowMicros = nowMicros
  }

  /** The conversation that a request of a caller belongs to. */
  sessionOf({ principal, tokenId }: Caller): string {
    const nowMicros = this.#nowMicros()
    const known = this.#sessions.get(tokenId)
    if (known !== undefined && nowMicros - known.usedMicros < this.#quietMs * 1000) {
      known.usedMicros = nowMicros
      return known.id
    }
    const id = `http:${derivedId(principal, tokenId, uuidv7(nowMicros)).slice(0, 32)}`
    this.#sessions.set(tokenId, { id, usedMicros: nowMicros })
    return id
  }
}

/** The conversation of a session that the server named. */
export function sessionOfId({ principal, tokenId }: Caller, sessionId: string): string {
  return `http:${derivedId(principal, tokenId, sessionId).slice(0, 32)}`
}
