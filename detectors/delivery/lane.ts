// The way to one destination: what is due is sent, one after the other; what failed waits without holding up the rest;
// what failed too often, or finds no room, is a dead letter. Bounded.
import type { AlertNotice } from './alert-notice.ts'
import { delayAfter } from './back-off.ts'
import type { PendingNotice } from './delivery-file.ts'
import type { Attempt, Destination } from './destination.ts'

/** Notices that wait for one destination. */
export const MAX_PENDING = 500
/** The longest time that a timer is set for. */
const MAX_TIMER_MS = 60_000

/** What a lane works with. */
export interface LaneOptions {
  readonly destination: Destination
  readonly pending: readonly PendingNotice[]
  readonly nowMs: () => number
  /** In [0, 1). */
  readonly random: () => number
  /** Told of every change, so that it is saved. */
  readonly onChanged: () => void
  /** Told of a failure that is not the last. */
  readonly onFailed: (reason: string, failures: number) => void
  /** A notice that is given up; it leaves the lane when this resolves. */
  readonly onDead: (dead: PendingNotice, reason: string) => Promise<void>
}

/** One destination and what waits for it. */
export class Lane {
  readonly #options: LaneOptions
  /** By id; changed by this class alone. */
  readonly #pending: Map<string, PendingNotice>
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #isStopped = false
  delivered = 0
  /** Attempts that failed and are made again. */
  retried = 0
  dead = 0
  lastDeliveredMs: number | undefined

  constructor(options: LaneOptions) {
    this.#options = options
    this.#pending = new Map(options.pending.map((each) => [each.notice.id, each]))
  }

  get destination(): Destination {
    return this.#options.destination
  }

  get pending(): readonly PendingNotice[] {
    return [...this.#pending.values()]
  }

  /** Takes a notice on; one that waits already is not taken twice. Resolves when it is in the lane, or a dead letter. */
  async add(notice: AlertNotice): Promise<void> {
    if (this.#pending.has(notice.id)) return
    const pending = { notice, failures: 0, nextAtMs: this.#options.nowMs() }
    if (this.#pending.size >= MAX_PENDING) {
      await this.#bury(pending, `${MAX_PENDING} notices wait already`)
      return
    }
    this.#pending.set(notice.id, pending)
    this.#options.onChanged()
    this.wake()
  }

  /** Sends what is due, now and later. */
  wake(): void {
    if (this.#isStopped || this.#running !== undefined) return
    clearTimeout(this.#timer)
    const next = this.#findNext()
    if (next === undefined) return
    const waitMs = next.nextAtMs - this.#options.nowMs()
    if (waitMs > 0) {
      this.#timer = setTimeout(() => this.wake(), Math.min(waitMs, MAX_TIMER_MS)).unref()
      return
    }
    this.#running = this.#send(next).finally(() => {
      this.#running = undefined
      this.wake()
    })
  }

  /** Sends nothing more; resolves when the attempt under way has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#running
  }

  #findNext(): PendingNotice | undefined {
    let next: PendingNotice | undefined
    for (const each of this.#pending.values()) if (next === undefined || each.nextAtMs < next.nextAtMs) next = each
    return next
  }

  async #send(pending: PendingNotice): Promise<void> {
    const { destination, nowMs, onChanged } = this.#options
    const attempt = await destination.send(pending.notice, nowMs())
    if (attempt.type === 'delivered') {
      this.#pending.delete(pending.notice.id)
      this.delivered++
      this.lastDeliveredMs = nowMs()
    } else await this.#failed(pending, attempt)
    onChanged()
  }

  async #failed(pending: PendingNotice, attempt: Extract<Attempt, { type: 'failed' }>): Promise<void> {
    const { destination, nowMs, random, onFailed } = this.#options
    const failures = pending.failures + 1
    if (failures >= destination.attempts || attempt.isFinal === true) {
      await this.#bury({ ...pending, failures }, attempt.reason)
      this.#pending.delete(pending.notice.id)
      return
    }
    this.retried++
    onFailed(attempt.reason, failures)
    const nextAtMs = nowMs() + delayAfter(failures, random(), attempt.retryAfterMs)
    this.#pending.set(pending.notice.id, { ...pending, failures, nextAtMs })
  }

  async #bury(pending: PendingNotice, reason: string): Promise<void> {
    this.dead++
    await this.#options.onDead(pending, reason)
  }
}
