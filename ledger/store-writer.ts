// Writes batches to the store, each until it is there: the same rows again after a failure, and what an attempt in doubt
// wrote is read back before. Stamps each batch with a time later than that of every batch before.
import { ToolwardenError } from '../events/errors.ts'
import type { Clock } from '../events/time.ts'
import { pause } from './pause.ts'
import type { LedgerStore, StoreBatch } from './store.ts'

const FIRST_RETRY_MS = 50
const LONGEST_RETRY_MS = 5_000

/** Where a test can make ingest fail or hang; an error after the insert stands for an insert in doubt. */
export type IngestStep = 'before-insert' | 'after-insert' | 'before-publish'
/** Called at each step; what it throws happens there. */
export type IngestFault = (step: IngestStep) => Promise<void> | void

/** One writer, one insert at a time. */
export class StoreWriter {
  readonly #store: LedgerStore
  readonly #clock: Clock
  readonly #fault: IngestFault | undefined
  readonly #stopping = new AbortController()
  /** The time of the newest row; grows with every batch, whatever the clock does. */
  #newestMicros = 0
  #lastError: ToolwardenError | undefined

  constructor(store: LedgerStore, clock: Clock, fault?: IngestFault) {
    this.#store = store
    this.#clock = clock
    this.#fault = fault
  }

  /** Why the last attempt failed; undefined since one succeeded. */
  get lastError(): ToolwardenError | undefined {
    return this.#lastError
  }

  /** Learns the time of the newest row. Throws STORE_*. */
  async begin(): Promise<void> {
    this.#newestMicros = await this.#store.findNewestMicros()
  }

  /** From now on a failed attempt is the last. */
  stop(): void {
    this.#stopping.abort()
  }

  /** Resolves when all rows are stored. Throws STORE_INVALID, and STORE_UNAVAILABLE once stopped. */
  async write(rows: Omit<StoreBatch, 'ingestedAtMicros'>): Promise<void> {
    // The last row is the writer's own where it has said anything: no second consumer's row stands for it.
    const witness = rows.events.at(-1)
    if (witness === undefined) return
    this.#newestMicros = Math.max(this.#clock.nowMicros(), this.#newestMicros + 1)
    const batch = { ...rows, ingestedAtMicros: this.#newestMicros }
    let inDoubt = false
    await this.untilDone(async () => {
      if (inDoubt && (await this.#store.isStored(witness))) return
      await this.#fault?.('before-insert')
      inDoubt = true
      await this.#store.insert(batch)
      await this.#fault?.('after-insert')
    })
  }

  /** Repeats work until the store answers. */
  async untilDone<T>(work: () => Promise<T>): Promise<T> {
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS)) {
      try {
        const result = await work()
        this.#lastError = undefined
        return result
      } catch (error) {
        if (!(error instanceof ToolwardenError) || error.code !== 'STORE_UNAVAILABLE') throw error
        this.#lastError = error
        await pause(retryMs, this.#stopping.signal)
        if (this.#stopping.signal.aborted) throw error
      }
    }
  }
}
