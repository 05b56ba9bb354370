// An event log in memory that keeps the port's contract, with hooks for everything that can go wrong with an append.
// Several logs opened on one MemoryStorage see the same records, as processes on one disk do; each chain is a partition.
import { ToolwardenError } from '../../events/errors.ts'
import {
  type AppendOptions,
  type EventLog,
  type LatestOptions,
  type LogRecord,
  MAX_APPEND_BYTES,
  type OnBatch,
  type Position,
  recordBytes,
  type StoredRecord,
  type SubscribeOptions,
  type Subscription,
  type Topic,
} from '../../events/log.ts'

const MAX_BATCH_RECORDS = 1_000

/**
 * What goes wrong with one append: `unavailable` and `full` (for those that may not use the reserve) write nothing and say so;
 * `lost` writes nothing and `written` writes everything, and both leave it in doubt; `defect` writes and throws a foreign error.
 */
export type Fault = 'none' | 'unavailable' | 'full' | 'lost' | 'written' | 'defect'

/** One append as the log was asked for it. */
export interface Attempt {
  readonly topic: Topic
  readonly records: readonly LogRecord[]
  readonly options: AppendOptions
}

/** How an append goes; a promise makes it slow, and one that is never kept makes it hang. */
export type FaultHook = (attempt: Attempt) => Fault | Promise<Fault>

/** What the logs opened on it share. */
export class MemoryStorage {
  readonly #appends: Record<Topic, StoredRecord[][]> = { events: [], control: [], checkpoints: [] }
  /** By topic and partition: the offset of the next record. */
  readonly #ends = new Map<string, number>()
  #wake: (() => void)[] = []
  readonly #startMs: number

  /** The time of its first records; of their writers' clock only where a test says so. */
  constructor(startMs = 1_700_000_000_000) {
    this.#startMs = startMs
  }

  /** All records of a topic, in order. */
  records(topic: Topic): readonly StoredRecord[] {
    return this.#appends[topic].flat()
  }

  /** The appends of a topic, each with its records. */
  appends(topic: Topic): readonly (readonly StoredRecord[])[] {
    return this.#appends[topic]
  }

  /** The offset of the next record of a partition. */
  end(topic: Topic, partition: string): number {
    return this.#ends.get(`${topic} ${partition}`) ?? 0
  }

  write(topic: Topic, partition: string, records: readonly LogRecord[]): readonly Position[] {
    const end = this.end(topic, partition)
    const stored = records.map((record, index) => {
      const position = { topic, partition, offset: end + index }
      return { ...record, position, timeMs: this.#startMs + position.offset }
    })
    this.#appends[topic].push(stored)
    this.#ends.set(`${topic} ${partition}`, end + stored.length)
    for (const wake of this.#wake.splice(0)) wake()
    return stored.map(({ position }) => position)
  }

  /** Resolves at the next write, or when the returned function is called. */
  next(): { readonly written: Promise<void>; readonly give: () => void } {
    let give = (): void => undefined
    const written = new Promise<void>((resolve) => {
      give = resolve
      this.#wake.push(resolve)
    })
    return { written, give }
  }
}

/** One opened log. */
export class MemoryLog implements EventLog {
  readonly storage: MemoryStorage
  /** Every append that was asked for, in order; written here alone. */
  readonly attempts: Attempt[] = []
  readonly #fault: FaultHook
  readonly #followers = new Set<Follower>()
  /** By topic and chain: the append under way, which the next one waits for, as a disk's queue makes it. */
  readonly #tails = new Map<string, Promise<unknown>>()
  #closed = false

  constructor(options: { readonly storage?: MemoryStorage; readonly fault?: FaultHook } = {}) {
    this.storage = options.storage ?? new MemoryStorage()
    this.#fault = options.fault ?? (() => 'none')
  }

  async append(topic: Topic, records: readonly LogRecord[], options: AppendOptions): Promise<readonly Position[]> {
    if (this.#closed) throw new ToolwardenError('LOG_UNAVAILABLE', 'the log was closed')
    const bytes = records.reduce((sum, record) => sum + recordBytes(record), 0)
    if (bytes > MAX_APPEND_BYTES) throw new ToolwardenError('RECORD_TOO_LARGE', `${bytes} bytes`)
    const attempt = { topic, records, options }
    this.attempts.push(attempt)
    const lane = `${topic} ${options.chain}`
    const work = (this.#tails.get(lane) ?? Promise.resolve()).then(() => this.#write(attempt))
    this.#tails.set(
      lane,
      work.catch(() => undefined),
    )
    return await withDeadline(work, options.deadlineMs)
  }

  async subscribe(topic: Topic, options: SubscribeOptions, onBatch: OnBatch): Promise<Subscription> {
    const { from, onStopped, maxBatchRecords = MAX_BATCH_RECORDS } = options
    const ends = new Map(
      this.storage.records(topic).map(({ position: { partition, offset } }) => [partition, offset + 1]),
    )
    const startOf = async (partition: string): Promise<number> => {
      if (from === 'beginning') return 0
      if (from === 'end') return ends.get(partition) ?? 0
      const offset = await from(partition)
      if (offset === 'end') return ends.get(partition) ?? 0
      return offset === 'beginning' ? 0 : offset
    }
    return this.#follow(new Follower(this.storage, { topic, maxBatchRecords, startOf, onBatch, onStopped }))
  }

  async latest(
    topic: Topic,
    onRecord: (record: StoredRecord) => Promise<void> | void,
    options: LatestOptions = {},
  ): Promise<Subscription> {
    const before = this.storage.records(topic)
    const newest = new Map(before.map((record) => [record.key, record]))
    const superseded = new Set(before.filter((record) => newest.get(record.key) !== record))
    const onBatch = async (records: readonly StoredRecord[]): Promise<void> => {
      for (const record of records) if (!superseded.has(record)) await onRecord(record)
    }
    const follow = { topic, maxBatchRecords: 1, startOf: async () => 0, onBatch, onStopped: options.onStopped }
    return this.#follow(new Follower(this.storage, follow))
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(Array.from(this.#followers, (follower) => follower.stop()))
  }

  async #write(attempt: Attempt): Promise<readonly Position[]> {
    const { topic, records, options } = attempt
    const fault = await this.#fault(attempt)
    if (fault === 'unavailable') throw new ToolwardenError('LOG_UNAVAILABLE', 'as the test wants', { retriable: true })
    if (fault === 'full' && options.mayUseReserve !== true)
      throw new ToolwardenError('LOG_FULL', 'as the test wants', { retriable: true })
    if (fault === 'lost') throw inDoubt()
    const positions = this.storage.write(topic, options.chain, records)
    if (fault === 'written') throw inDoubt()
    if (fault === 'defect') throw new TypeError('a defect, as the test wants')
    return positions
  }

  #follow(follower: Follower): Follower {
    this.#followers.add(follower)
    return follower
  }
}

interface FollowerOptions {
  readonly topic: Topic
  /** Asked once for each partition. */
  readonly startOf: (partition: string) => Promise<number>
  readonly maxBatchRecords: number
  readonly onBatch: OnBatch
  readonly onStopped: ((error: unknown) => void) | undefined
}

class Follower implements Subscription {
  readonly caughtUp: Promise<void>
  readonly #storage: MemoryStorage
  readonly #options: FollowerOptions
  readonly #ended: Promise<void>
  #stopped = false
  #give: () => void = () => undefined

  constructor(storage: MemoryStorage, options: FollowerOptions) {
    this.#storage = storage
    this.#options = options
    let reached: () => void = () => undefined
    let failed: (error: unknown) => void = () => undefined
    this.caughtUp = new Promise((resolve, reject) => {
      reached = resolve
      failed = reject
    })
    // Whoever does not wait for it learns of a failure by `onStopped`.
    this.caughtUp.catch(() => undefined)
    this.#ended = this.#run(reached).catch((error: unknown) => {
      failed(error)
      options.onStopped?.(error)
    })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#give()
    await this.#ended
  }

  async #run(reached: () => void): Promise<void> {
    const { topic, startOf, onBatch } = this.#options
    const starts = new Map<string, number>()
    const end = this.#storage.appends(topic).length
    let next = 0
    while (!this.#stopped) {
      const { written, give } = this.#storage.next()
      this.#give = give
      const appends = this.#storage.appends(topic)
      if (next >= end) reached()
      if (next >= appends.length) await written
      else {
        const batch = this.#batchAt(next)
        next += batch.length
        const partition = batch[0]?.[0]?.position.partition ?? ''
        const start = starts.get(partition) ?? (await startOf(partition))
        starts.set(partition, start)
        const wanted = batch.flat().filter(({ position }) => position.offset >= start)
        if (wanted.length > 0) await onBatch(wanted)
      }
    }
  }

  /** Neighbouring appends of one partition, as many as a batch holds and at least one. */
  #batchAt(first: number): readonly (readonly StoredRecord[])[] {
    const appends = this.#storage.appends(this.#options.topic)
    const partition = appends[first]?.[0]?.position.partition
    let last = first + 1
    let records = appends[first]?.length ?? 0
    for (; last < appends.length && appends[last]?.[0]?.position.partition === partition; last++) {
      records += appends[last]?.length ?? 0
      if (records > this.#options.maxBatchRecords) break
    }
    return appends.slice(first, last)
  }
}

function inDoubt(): ToolwardenError {
  return new ToolwardenError('LOG_IN_DOUBT', 'as the test wants', { retriable: true })
}

async function withDeadline<Result>(work: Promise<Result>, deadlineMs: number): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(inDoubt()), deadlineMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
