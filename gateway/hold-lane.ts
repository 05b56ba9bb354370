// The hold lane: a risky call of a session whose newest untrusted results the detectors have not judged yet waits for their
// verdict, a little; a rule that the result deserves would else come after the harm. Where there is no word on what was
// judged (no detectors, stale control) nothing waits. Gateways of the same client tell each other before they tell the client.
import type { JudgedPosition } from '../events/control-record.ts'
import { chainOf, type Event } from '../events/event.ts'
import type { Signals } from '../events/signals.ts'
import type { ToolClass } from '../events/tool-class.ts'
import { dropOldest } from './drop-oldest.ts'

/** Sessions with a result that is not judged; beyond, the oldest is forgotten. */
const MAX_SESSIONS = 5_000
/** Gateway runs of this process whose results one session has. */
const MAX_CHAINS = 50
/** A result counts as judged then, while control is fresh: a detector that restarted says nothing of what it had judged. */
export const MAX_UNJUDGED_MS = 5_000
/** Detectors say every two seconds how far they are; unheard for so long there is nothing to wait for. */
const MAX_SILENCE_MS = 6_000

/** What the gateways of one client, each a process, tell each other of results. Neither waits for the other. */
export interface Siblings {
  /** Before the client is told a result; false where the others could not be told. */
  tell(newest: JudgedPosition): boolean
  /** The newest result of each other one, none older than MAX_UNJUDGED_MS; undefined where that can't be known. */
  told(): readonly JudgedPosition[] | undefined
}

/** What a hold lane works with. */
export interface HoldLaneOptions {
  /** The longest wait, milliseconds; with 0 nothing ever waits. */
  readonly holdMs: number
  readonly nowMs: () => number
  /** Whether results of a tool are trusted by configuration. */
  readonly isTrusted: (source: { readonly server: string; readonly tool: string }) => boolean
  /** Absent where the process has all servers of its clients. */
  readonly siblings?: Siblings
}

/** Whose result it is. */
export interface ResultSource {
  readonly session: string
  readonly server: string
  readonly tool: string
}

/** A call that may have to wait. */
export interface RiskyCall {
  readonly sessions: readonly string[]
  readonly toolClass: ToolClass
}

interface Unjudged {
  readonly sequence: number
  readonly atMs: number
}

/** The results of one process that wait for a verdict. */
export class HoldLane {
  readonly #options: HoldLaneOptions
  /** By session and chain: the newest result. */
  readonly #unjudged = new Map<string, Map<string, Unjudged>>()
  /** By chain, as the detectors said last. */
  readonly #judged = new Map<string, number>()
  readonly #waiting = new Set<() => void>()
  /** When the detectors said so last. */
  #heardMs: number | undefined

  constructor(options: HoldLaneOptions) {
    this.#options = options
  }

  /**
   * A receipt is durable; its answer may go to the client once this resolves. That is at once, unless other gateways of
   * the client can't be told of it: then the answer waits for its verdict, for `holdMs` at most.
   */
  async returned(
    { session, ...source }: ResultSource,
    receipt: Event | undefined,
    signals: Signals | undefined,
  ): Promise<void> {
    const { holdMs, nowMs, isTrusted, siblings } = this.#options
    if (holdMs === 0 || receipt === undefined || !saysAnything(signals) || isTrusted(source)) return
    const { sequence } = receipt
    const chain = chainOf(receipt)
    const chains = this.#unjudged.get(session) ?? new Map<string, Unjudged>()
    chains.delete(chain)
    chains.set(chain, { sequence, atMs: nowMs() })
    dropOldest(chains, MAX_CHAINS)
    this.#unjudged.delete(session)
    this.#unjudged.set(session, chains)
    dropOldest(this.#unjudged, MAX_SESSIONS)
    if (siblings === undefined || siblings.tell({ chain, sequence })) return
    await this.#untilJudged(() => this.#isMissing([session]))
  }

  /** The detectors said how far they have judged. */
  judged(positions: readonly JudgedPosition[]): void {
    this.#heardMs = this.#options.nowMs()
    for (const { chain, sequence } of positions) {
      this.#judged.delete(chain)
      this.#judged.set(chain, Math.max(sequence, this.#judged.get(chain) ?? 0))
    }
    dropOldest(this.#judged, MAX_SESSIONS)
    for (const wake of this.#waiting) wake()
  }

  /** Resolves, after `holdMs` at the latest, with whether a verdict is still missing; at once for reads. */
  async isUnjudged({ sessions, toolClass }: RiskyCall): Promise<boolean> {
    if (toolClass === 'read' || !this.#isHeard) return false
    const { siblings } = this.#options
    // What is told from now on reaches the client after it sent this call.
    let told = siblings === undefined ? [] : siblings.told()
    const isMissing = (): boolean => {
      told ??= siblings?.told()
      return this.#isMissing(sessions) || told === undefined || told.some((newest) => !this.#isJudged(newest))
    }
    await this.#untilJudged(isMissing)
    return isMissing()
  }

  async #untilJudged(isMissing: () => boolean): Promise<void> {
    if (!isMissing()) return
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        resolve()
      }
      const wake = (): void => {
        if (!isMissing()) end()
      }
      const timer = setTimeout(end, this.#options.holdMs)
      this.#waiting.add(wake)
    })
  }

  /** Whether there are detectors to wait for. */
  get #isHeard(): boolean {
    const { holdMs, nowMs } = this.#options
    return holdMs > 0 && this.#heardMs !== undefined && nowMs() - this.#heardMs <= MAX_SILENCE_MS
  }

  #isJudged({ chain, sequence }: JudgedPosition): boolean {
    return (this.#judged.get(chain) ?? 0) >= sequence
  }

  #isMissing(sessions: readonly string[]): boolean {
    if (!this.#isHeard) return false
    const sinceMs = this.#options.nowMs() - MAX_UNJUDGED_MS
    return sessions.some((session) => {
      const chains = this.#unjudged.get(session)
      if (chains === undefined) return false
      for (const [chain, { sequence, atMs }] of chains)
        if (atMs < sinceMs || this.#isJudged({ chain, sequence })) chains.delete(chain)
      if (chains.size === 0) this.#unjudged.delete(session)
      return chains.size > 0
    })
  }
}

/** A result without any of these leads to no rule. */
function saysAnything(signals: Signals | undefined): boolean {
  if (signals === undefined) return false
  const { destinations, values, secrets, markers } = signals
  return destinations.length + values.length + secrets.length + markers > 0
}
