// An event log as a member of a group sees it whose partitions are taken away and given back: batches end anywhere between two
// appends, and each time some of what was read comes once more, from an older position.
import type {
  AppendOptions,
  EventLog,
  LatestOptions,
  LogRecord,
  OnBatch,
  Position,
  StoredRecord,
  SubscribeOptions,
  Subscription,
  Topic,
} from '../../events/log.ts'

/** How often records come again. */
export interface Rebalancing {
  /** After each so many batches. */
  readonly every: number
  /** How many records come again. */
  readonly records: number
}

/** A log with that habit; everything is written and read through it. */
export class RebalancingLog implements EventLog {
  readonly #log: EventLog
  readonly #habit: Rebalancing

  constructor(log: EventLog, habit: Rebalancing) {
    this.#log = log
    this.#habit = habit
  }

  append(topic: Topic, records: readonly LogRecord[], options: AppendOptions): Promise<readonly Position[]> {
    return this.#log.append(topic, records, options)
  }

  subscribe(topic: Topic, options: SubscribeOptions, onBatch: OnBatch): Promise<Subscription> {
    const before = new Map<string, StoredRecord[]>()
    let batches = 0
    return this.#log.subscribe(topic, { ...options, maxBatchRecords: 3 }, async (records) => {
      await onBatch(records)
      const partition = records[0]?.position.partition ?? ''
      const known = [...(before.get(partition) ?? []), ...records]
      before.set(partition, known)
      batches++
      if (batches % this.#habit.every === 0) await onBatch(wholeAppends(known, this.#habit.records))
    })
  }

  latest(
    topic: Topic,
    onRecord: (record: StoredRecord) => Promise<void> | void,
    options?: LatestOptions,
  ): Promise<Subscription> {
    return this.#log.latest(topic, onRecord, options)
  }

  async close(): Promise<void> {
    // The log belongs to whoever opened it.
  }
}

/** The last records, and what belongs to the append of the first of them: only the last of an append carries a signature. */
function wholeAppends(records: readonly StoredRecord[], count: number): readonly StoredRecord[] {
  let from = Math.max(0, records.length - count)
  while (from > 0 && records[from - 1]?.headers.signature === undefined) from--
  return records.slice(from)
}
