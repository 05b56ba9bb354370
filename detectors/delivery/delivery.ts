// Tells destinations of alerts: reads the log by itself, checks what detectors and operators wrote there, and hands it to the
// lanes. At least once, with the same id each time; position and what waits are saved together.
import { ToolwardenError } from '../../events/errors.ts'
import type { EventLog, StoredRecord, Subscription } from '../../events/log.ts'
import { type Clock, formatTime, parseTime } from '../../events/time.ts'
import type { Trust } from '../../events/trust.ts'
import { ChainBook } from '../chain-book.ts'
import { type AlertNotice, isSelected, toNotice } from './alert-notice.ts'
import { DeadLetters } from './dead-letters.ts'
import { type DeliveryState, loadDeliveryState, type PendingNotice, saveDeliveryState } from './delivery-file.ts'
import type { Destination } from './destination.ts'
import { Lane } from './lane.ts'

/** How long after a change the state is saved, and how often positions alone are. */
const SAVE_AFTER_MS = 500
const SAVE_EVERY_MS = 30_000
/** How often it is looked for letters that are asked for again. */
const LOOK_EVERY_MS = 2_000
const RETRY_MS = 1_000

/** Something that whoever runs the delivery may want to show; never with a secret. */
export type DeliveryNotice =
  | {
      readonly type: 'delivery-failed'
      readonly destination: string
      readonly reason: string
      readonly failures: number
    }
  | { readonly type: 'dead-letter'; readonly destination: string; readonly alert: string; readonly reason: string }
  | { readonly type: 'dead-letters-dropped'; readonly count: number }
  | { readonly type: 'delivery-trouble'; readonly error: unknown }

/** What the delivery runs on. */
export interface DeliveryOptions {
  readonly eventLog: EventLog
  readonly clock: Clock
  readonly log: string
  readonly trust: Trust
  /** Its own; one process writes there. */
  readonly directory: string
  readonly destinations: readonly Destination[]
  readonly random: () => number
  readonly onNotice: (notice: DeliveryNotice) => void
}

/** Figures of one destination. */
export interface LaneStats {
  readonly destination: string
  readonly waiting: number
  /** What the oldest that waits is about happened so long ago, milliseconds; 0 when nothing waits. */
  readonly oldestWaitingMs: number
  readonly delivered: number
  /** Failed attempts that are made again. */
  readonly retried: number
  readonly dead: number
  /** Milliseconds since 1970; undefined before the first. */
  readonly lastDeliveredMs: number | undefined
}

/** Running delivery. */
export class AlertDelivery {
  readonly #options: DeliveryOptions
  readonly #book: ChainBook
  readonly #sinceMs: number
  readonly #lanes: readonly Lane[]
  readonly #letters: DeadLetters
  /** What waits for destinations that are not configured now; kept, should they come back. */
  readonly #others: DeliveryState['pending']
  readonly #timers: NodeJS.Timeout[] = []
  #retryTimer: NodeJS.Timeout | undefined
  #saveTimer: NodeJS.Timeout | undefined
  #saving: Promise<void> = Promise.resolve()
  #looking: Promise<void> = Promise.resolve()
  #subscription: Subscription | undefined
  #isStopped = false

  private constructor(options: DeliveryOptions, saved: DeliveryState | undefined) {
    const { log, trust, directory, destinations } = options
    this.#options = options
    this.#book = new ChainBook({ log, trust, ...(saved === undefined ? {} : { saved: saved.book }) })
    this.#sinceMs = saved?.sinceMs ?? this.#nowMs()
    this.#letters = new DeadLetters(directory)
    this.#lanes = destinations.map((destination) =>
      this.#createLane(destination, saved?.pending[destination.name] ?? []),
    )
    const names = new Set(destinations.map(({ name }) => name))
    this.#others = Object.fromEntries(Object.entries(saved?.pending ?? {}).filter(([name]) => !names.has(name)))
  }

  /** Begins to tell. Throws STORE_INVALID, LOG_*. */
  static async start(options: DeliveryOptions): Promise<AlertDelivery> {
    const saved = await loadDeliveryState(options.directory, options.log)
    const delivery = new AlertDelivery(options, saved)
    // From when it tells is kept from the first moment on.
    await delivery.#save()
    await delivery.#follow()
    delivery.#begin()
    return delivery
  }

  stats(): readonly LaneStats[] {
    return this.#lanes.map(({ destination, pending, delivered, retried, dead, lastDeliveredMs }) => ({
      destination: destination.name,
      waiting: pending.length,
      oldestWaitingMs: this.#ageOfOldest(pending),
      ...{ delivered, retried, dead, lastDeliveredMs },
    }))
  }

  /** Ends it: what waits is saved. */
  async stop(): Promise<void> {
    this.#isStopped = true
    for (const timer of this.#timers) clearInterval(timer)
    clearTimeout(this.#saveTimer)
    clearTimeout(this.#retryTimer)
    await this.#subscription?.stop()
    await this.#looking
    await Promise.all(this.#lanes.map((lane) => lane.stop()))
    await this.#saveOrTell()
  }

  #begin(): void {
    for (const lane of this.#lanes) lane.wake()
    this.#looking = this.#takeAsked()
    this.#timers.push(
      setInterval(() => this.#saveSoon(), SAVE_EVERY_MS).unref(),
      setInterval(() => {
        this.#looking = this.#looking.then(() => this.#takeAsked())
      }, LOOK_EVERY_MS).unref(),
    )
  }

  #createLane(destination: Destination, pending: readonly PendingNotice[]): Lane {
    const { onNotice, random } = this.#options
    const { name } = destination
    return new Lane({
      destination,
      pending,
      nowMs: () => this.#nowMs(),
      random,
      onChanged: () => this.#saveSoon(),
      onFailed: (reason, failures) => onNotice({ type: 'delivery-failed', destination: name, reason, failures }),
      onDead: (dead, reason) => this.#bury(name, dead, reason),
    })
  }

  async #bury(destination: string, { notice, failures }: PendingNotice, reason: string): Promise<void> {
    const { clock, onNotice } = this.#options
    onNotice({ type: 'dead-letter', destination, alert: notice.alert, reason })
    const diedAt = formatTime(clock.nowMicros())
    try {
      const dropped = await this.#letters.keep({ destination, notice, failures, reason, diedAt })
      if (dropped > 0) onNotice({ type: 'dead-letters-dropped', count: dropped })
    } catch (error) {
      // Nothing can be kept: what is left is to say so. The alert itself is in the ledger.
      onNotice({ type: 'delivery-trouble', error })
    }
  }

  /** A subscription that the log ended is followed by a new one from where it stood. */
  async #follow(): Promise<void> {
    const { eventLog, onNotice } = this.#options
    const again = (error: unknown): void => {
      if (this.#isStopped) return
      onNotice({ type: 'delivery-trouble', error })
      if (!(error instanceof ToolwardenError) || !error.retriable) return
      this.#retryTimer = setTimeout(() => this.#follow().catch(again), RETRY_MS).unref()
    }
    this.#subscription = await eventLog.subscribe(
      'events',
      {
        from: async (partition) => this.#book.nextOffset(partition),
        onExpired: () => undefined,
        onStopped: again,
      },
      (records) => this.#take(records),
    )
    this.#subscription.caughtUp.catch(() => undefined)
  }

  async #take(records: readonly StoredRecord[]): Promise<void> {
    // A gateway or a ledger says nothing of alerts: their records are not even read.
    const wanted = records.filter(({ key }) => key.startsWith('detectors/') || key.startsWith('api/'))
    const verdicts = this.#book.verify(wanted)
    this.#book.pass(records)
    for (const [index, verdict] of verdicts.entries()) {
      if (verdict.outcome !== 'accepted' && verdict.outcome !== 'late') continue
      if ((wanted[index]?.timeMs ?? 0) < this.#sinceMs) continue
      const notice = toNotice(verdict.event, verdict.hash)
      if (notice !== undefined) await this.#tell(notice)
    }
  }

  async #tell(notice: AlertNotice): Promise<void> {
    for (const lane of this.#lanes) if (isSelected(notice, lane.destination.selection)) await lane.add(notice)
  }

  /** Takes letters up again that an operator asked for. */
  async #takeAsked(): Promise<void> {
    try {
      const laneOf = new Map(this.#lanes.map((lane) => [lane.destination.name, lane]))
      // One for a destination that is not configured now waits until it is.
      const asked = (await this.#letters.listAsked()).filter(({ destination }) => laneOf.has(destination))
      if (asked.length === 0) return
      for (const { destination, notice } of asked) await laneOf.get(destination)?.add(notice)
      await this.#save()
      for (const letter of asked) await this.#letters.forgetAsked(letter)
    } catch (error) {
      this.#options.onNotice({ type: 'delivery-trouble', error })
    }
  }

  #saveSoon(): void {
    if (this.#isStopped || this.#saveTimer !== undefined) return
    this.#saveTimer = setTimeout(() => {
      this.#saveTimer = undefined
      this.#saveOrTell().catch(() => undefined)
    }, SAVE_AFTER_MS).unref()
  }

  async #saveOrTell(): Promise<void> {
    try {
      await this.#save()
    } catch (error) {
      this.#options.onNotice({ type: 'delivery-trouble', error })
    }
  }

  /** One save at a time, each of the moment at which it begins. */
  #save(): Promise<void> {
    const work = this.#saving.then(() => {
      const { directory, log } = this.#options
      const pending = Object.fromEntries(this.#lanes.map((lane) => [lane.destination.name, [...lane.pending]]))
      return saveDeliveryState(directory, {
        log,
        sinceMs: this.#sinceMs,
        book: this.#book.toJson(),
        pending: { ...this.#others, ...pending },
      })
    })
    this.#saving = work.catch(() => undefined)
    return work
  }

  #ageOfOldest(pending: readonly PendingNotice[]): number {
    const nowMs = this.#nowMs()
    return Math.max(0, ...pending.map(({ notice }) => nowMs - parseTime(notice.time) / 1000))
  }

  #nowMs(): number {
    return Math.floor(this.#options.clock.nowMicros() / 1000)
  }
}
