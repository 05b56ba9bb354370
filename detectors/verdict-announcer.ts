// Says to the gateways how far their receipts were judged, so that a risky call can wait for its verdict (gateway/hold-lane.ts).
// A receipt counts as judged once every rule that was found up to it is on `control`.
import { type JudgedPosition, MAX_JUDGED } from '../events/control-record.ts'

/** At most so often, milliseconds; what comes meanwhile goes with the next. */
const ANNOUNCE_MS = 20

/** What an announcer works with. */
export interface VerdictAnnouncerOptions {
  /** Resolves when what is being published now is published. */
  readonly published: () => Promise<void>
  readonly announce: (judged: readonly JudgedPosition[]) => void
}

/** Announces what was judged. */
export class VerdictAnnouncer {
  readonly #options: VerdictAnnouncerOptions
  /** By chain of a gateway, the newest last. */
  readonly #judged = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(options: VerdictAnnouncerOptions) {
    this.#options = options
  }

  /** A receipt was judged; what it led to is handed to the publisher already. */
  note(chain: string, sequence: number): void {
    this.#judged.delete(chain)
    this.#judged.set(chain, sequence)
    const [oldest] = this.#judged.keys()
    if (this.#judged.size > MAX_JUDGED && oldest !== undefined) this.#judged.delete(oldest)
    if (this.#timer !== undefined || this.#isStopped) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.#announce()
    }, ANNOUNCE_MS)
    this.#timer.unref()
  }

  /** Announces no more. */
  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  /** How far receipts were judged. */
  get judged(): readonly JudgedPosition[] {
    return Array.from(this.#judged, ([chain, sequence]) => ({ chain, sequence }))
  }

  async #announce(): Promise<void> {
    const { judged } = this
    await this.#options.published()
    if (!this.#isStopped) this.#options.announce(judged)
  }
}
