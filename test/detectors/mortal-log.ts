// An event log as a process sees it that is killed at its n-th append: from then on nothing is written, and nothing read.
import type {
  AppendOptions,
  EventLog,
  LatestOptions,
  LogRecord,
  Position,
  StoredRecord,
  SubscribeOptions,
  Subscription,
  Topic,
} from '../../events/log.ts'

/** When the process dies. */
export interface Death {
  /** The number of the append, from 1. */
  readonly atAppend: number
  /** `before`: nothing of it is written; `after`: it is in the log, and nobody was told. */
  readonly when: 'before' | 'after'
}

/** A log that ends with its process. */
export class MortalLog implements EventLog {
  readonly #log: EventLog
  readonly #death: Death | undefined
  readonly #underWay: Promise<unknown>[] = []
  #appends = 0
  isDead = false

  constructor(log: EventLog, death?: Death) {
    this.#log = log
    this.#death = death
  }

  /** Ends the process here; resolves when the log has done with what it was asked before. */
  async kill(): Promise<void> {
    this.isDead = true
    await Promise.allSettled(this.#underWay)
  }

  async append(topic: Topic, records: readonly LogRecord[], options: AppendOptions): Promise<readonly Position[]> {
    // What says only that control is alive is no step of the work, and comes at times of its own.
    if (records.some(({ key }) => key.startsWith('state/'))) return this.isDead ? never() : []
    this.#appends++
    const dies = this.#appends === this.#death?.atAppend
    if (dies && this.#death?.when === 'before') this.isDead = true
    if (this.isDead) return never()
    const work = this.#log.append(topic, records, options)
    this.#underWay.push(work)
    const positions = await work
    if (dies) this.isDead = true
    return this.isDead ? never() : positions
  }

  subscribe(
    topic: Topic,
    options: SubscribeOptions,
    onBatch: (records: readonly StoredRecord[]) => Promise<void> | void,
  ): Promise<Subscription> {
    return this.#log.subscribe(topic, options, (records) => (this.isDead ? undefined : onBatch(records)))
  }

  latest(
    topic: Topic,
    onRecord: (record: StoredRecord) => Promise<void> | void,
    options?: LatestOptions,
  ): Promise<Subscription> {
    return this.#log.latest(topic, (record) => (this.isDead ? undefined : onRecord(record)), options)
  }

  async close(): Promise<void> {
    this.isDead = true
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined)
}
