// Publishes the ledger's own events to the log, in order, after they are stored. The log's outages hold nothing up but
// themselves: appends wait here, the same bytes are repeated, and what a run could not publish the next one does.
import { ToolwardenError } from '../events/errors.ts'
import { APPEND_DEADLINE_MS, type EventLog, type LogRecord } from '../events/log.ts'

/** The most appends that wait; above it ingest waits too. */
export const MAX_WAITING_APPENDS = 1_000
const FIRST_RETRY_MS = 50
const LONGEST_RETRY_MS = 5_000

/** Told when the log refuses for good, or when it does not answer for now. */
export interface PublisherEvents {
  readonly onFailed: (error: ToolwardenError) => void
}

/** One append on its way to the log. */
export interface Publication {
  /** The partition of the embedded log that takes it: a chain that this process alone writes. */
  readonly chain: string
  readonly records: readonly LogRecord[]
}

/** A queue with one append in flight. */
export class Publisher {
  readonly #eventLog: EventLog
  readonly #events: PublisherEvents
  /** Oldest first; the first is the one in flight, or the one to repeat. */
  readonly #queue: Publication[] = []
  #running: Promise<void> | undefined
  #lastError: ToolwardenError | undefined
  #stopped = false
  #wake: (() => void) | undefined
  /** Who waits for the queue to become short. */
  #observers: { readonly most: number; readonly resolve: () => void }[] = []

  constructor(eventLog: EventLog, events: PublisherEvents) {
    this.#eventLog = eventLog
    this.#events = events
  }

  /** How many appends the log has not acknowledged. */
  get waiting(): number {
    return this.#queue.length
  }

  /** Why the last attempt failed; undefined since one succeeded. */
  get lastError(): ToolwardenError | undefined {
    return this.#lastError
  }

  /** Queues appends; they go out behind the caller's back. */
  publish(publications: readonly Publication[]): void {
    this.#queue.push(...publications)
    if (this.#running === undefined && this.#queue.length > 0) this.#running = this.#drain()
  }

  /** Resolves when no more than `most` appends wait, when it was stopped, or when the time is up. */
  async settled(most = 0, timeMs?: number): Promise<void> {
    if (this.#queue.length <= most || this.#stopped) return
    await new Promise<void>((resolve) => {
      const timer = timeMs === undefined ? undefined : setTimeout(resolve, timeMs)
      this.#observers.push({
        most,
        resolve: () => {
          clearTimeout(timer)
          resolve()
        },
      })
    })
  }

  /** Ends it; what still waits is left to the next run. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#wake?.()
    await this.#running
    this.#notify()
  }

  async #drain(): Promise<void> {
    let retryMs = FIRST_RETRY_MS
    for (let next = this.#queue[0]; next !== undefined && !this.#stopped; next = this.#queue[0]) {
      try {
        const options = { deadlineMs: APPEND_DEADLINE_MS, chain: next.chain, mayUseReserve: true }
        await this.#eventLog.append('events', next.records, options)
        this.#queue.shift()
        this.#notify()
        this.#lastError = undefined
        retryMs = FIRST_RETRY_MS
      } catch (error) {
        if (!isPassing(error)) return this.#fail(error)
        this.#lastError = error
        await this.#pause(retryMs)
        retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS)
      }
    }
    this.#running = undefined
  }

  #notify(): void {
    const isDone = ({ most }: { most: number }): boolean => this.#stopped || this.#queue.length <= most
    for (const { resolve } of this.#observers.filter(isDone)) resolve()
    this.#observers = this.#observers.filter((observer) => !isDone(observer))
  }

  #fail(error: unknown): void {
    this.#stopped = true
    this.#notify()
    this.#lastError =
      error instanceof ToolwardenError
        ? error
        : new ToolwardenError('INTERNAL', "the ledger's own events can't be published", { cause: error })
    this.#events.onFailed(this.#lastError)
  }

  #pause(timeMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

function isPassing(error: unknown): error is ToolwardenError {
  return (
    error instanceof ToolwardenError &&
    (error.code === 'LOG_UNAVAILABLE' || error.code === 'LOG_IN_DOUBT' || error.code === 'LOG_FULL')
  )
}
