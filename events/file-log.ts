// The embedded event log: append-only segment files, one directory a chain, one writer a chain, so no locks.
// Any number of processes write and read one root at once; file-log-frame.ts says what the files hold.
import { ToolwardenError } from './errors.ts'
import { inOrder, keepNewest, type NewestByKey } from './file-log-compaction.ts'
import { DiskReserve, RESERVE_BYTES } from './file-log-disk-reserve.ts'
import { type FollowerOptions, TopicFollower } from './file-log-follower.ts'
import { LogRoot } from './file-log-root.ts'
import { type FaultStep, nothingWritten } from './file-log-segment.ts'
import { ChainFileWriter } from './file-log-writer.ts'
import type {
  AppendOptions,
  EventLog,
  ExpiredRange,
  LatestOptions,
  LogRecord,
  OnBatch,
  Position,
  StoredRecord,
  SubscribeOptions,
  Subscription,
  Topic,
} from './log.ts'

/** A segment of this many bytes is followed by a new one. */
const SEGMENT_BYTES = 64 * 1024 * 1024
/** A chain on a compacted topic is shortened when it has this many bytes, and twice what it keeps. */
const COMPACT_BYTES = 1024 * 1024
/** How often directories are looked at even without a sign from fs.watch. */
const POLL_MS = 500
/** The most records in one batch unless the subscriber says otherwise. */
const MAX_BATCH_RECORDS = 1_000
/** So many keys of a compacted topic are held before it is looked which are over. */
const DROP_AT_SIZE = 1_000
/** How long close() waits for the disk before it gives a chain up unsealed. */
const CLOSE_DEADLINE_MS = 2_000

/** Where the log is and how it behaves. */
export interface FileLogOptions {
  /** The directory; made (0700) when it is not there. */
  readonly root: string
  /** A file beside the log that remembers which log was used before; a root without its mark is refused then. */
  readonly memory?: string
  /** `disk` (unless told): acknowledged means that it survives a power cut; `process`: that it survives kill -9. */
  readonly durability?: 'disk' | 'process'
  readonly segmentBytes?: number
  readonly compactBytes?: number
  /** Free disk kept for appends that may use the reserve, bytes. */
  readonly reserveBytes?: number
  readonly pollMs?: number
  /** The log's clock, milliseconds since 1970. */
  readonly now?: () => number
  /** Whether a record of a compacted topic has nothing to say any more: it is then not kept. */
  readonly isOver?: (record: LogRecord, nowMs: number) => boolean
  /** Makes steps of the disk fail or hang, for tests. */
  readonly fault?: (step: FaultStep) => Promise<void> | void
}

/** The event log in files. */
export class FileLog implements EventLog {
  readonly #options: FileLogOptions
  readonly #reserve: DiskReserve
  readonly #root: LogRoot
  readonly #writers = new Map<string, ChainFileWriter>()
  readonly #followers = new Set<TopicFollower>()
  #isClosed = false

  constructor(options: FileLogOptions) {
    this.#options = options
    this.#reserve = new DiskReserve(options.root, options.reserveBytes ?? RESERVE_BYTES)
    this.#root = new LogRoot(options.root, options.memory)
  }

  async append(topic: Topic, records: readonly LogRecord[], options: AppendOptions): Promise<readonly Position[]> {
    this.#checkOpen()
    return this.#writer(topic, options.chain).append(records, options)
  }

  async subscribe(topic: Topic, options: SubscribeOptions, onBatch: OnBatch): Promise<Subscription> {
    return this.#follow(topic, {
      from: options.from,
      maxBatchRecords: options.maxBatchRecords ?? MAX_BATCH_RECORDS,
      onRecords: onBatch,
      onMissing: options.onExpired ?? stopAtMissing,
      onStopped: options.onStopped ?? (() => undefined),
    })
  }

  async latest(
    topic: Topic,
    onRecord: (record: StoredRecord) => Promise<void> | void,
    options: LatestOptions = {},
  ): Promise<Subscription> {
    const newest: NewestByKey = new Map()
    let isCaughtUp = false
    let dropAtSize = DROP_AT_SIZE
    return this.#follow(topic, {
      from: 'beginning',
      maxBatchRecords: MAX_BATCH_RECORDS,
      onRecords: async (records) => {
        for (const record of records) {
          const repeated = isRepeated(record, newest.get(record.key))
          if (keepNewest(newest, record) && isCaughtUp && !repeated) await onRecord(record)
        }
        if (!isCaughtUp || newest.size < dropAtSize) return
        this.#dropOver(newest)
        dropAtSize = Math.max(DROP_AT_SIZE, 2 * newest.size)
      },
      onMissing: stopAtMissing,
      onCaughtUp: async () => {
        for (const record of inOrder(newest)) await onRecord(record)
        this.#dropOver(newest)
        isCaughtUp = true
      },
      onStopped: options.onStopped ?? (() => undefined),
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#followers].map((follower) => follower.stop()))
    await Promise.all([...this.#writers.values()].map((writer) => writer.close(CLOSE_DEADLINE_MS)))
  }

  #writer(topic: Topic, partition: string): ChainFileWriter {
    const name = `${topic}/${partition}`
    const known = this.#writers.get(name)
    if (known !== undefined) return known
    const { root, now = Date.now, fault } = this.#options
    const writer = new ChainFileWriter({
      root,
      logRoot: this.#root,
      topic,
      partition,
      now,
      fault,
      durable: this.#options.durability !== 'process',
      compacted: isCompacted(topic),
      segmentBytes: this.#options.segmentBytes ?? SEGMENT_BYTES,
      compactBytes: this.#options.compactBytes ?? COMPACT_BYTES,
      reserve: this.#reserve,
      isOver: (record) => this.#isOver(record),
    })
    this.#writers.set(name, writer)
    return writer
  }

  async #follow(topic: Topic, options: FollowTopicOptions): Promise<Subscription> {
    this.#checkOpen()
    await this.#checkRoot()
    const { root, pollMs = POLL_MS } = this.#options
    const compacted = isCompacted(topic)
    const follower = new TopicFollower({ onCaughtUp: () => undefined, ...options, root, topic, compacted, pollMs })
    this.#followers.add(follower)
    await follower.start()
    await this.#checkRoot()
    return {
      caughtUp: follower.caughtUp,
      stop: async () => {
        await follower.stop()
        this.#followers.delete(follower)
      },
    }
  }

  #isOver(record: LogRecord): boolean {
    const { isOver, now = Date.now } = this.#options
    return isOver?.(record, now()) === true
  }

  #dropOver(newest: NewestByKey): void {
    for (const [key, record] of newest) if (this.#isOver(record)) newest.delete(key)
  }

  async #checkRoot(): Promise<void> {
    try {
      await this.#root.check()
    } catch (error) {
      throw error instanceof ToolwardenError ? error : nothingWritten(this.#options.root, error)
    }
  }

  #checkOpen(): void {
    if (!this.#isClosed) return
    throw new ToolwardenError('LOG_UNAVAILABLE', 'the event log was closed', { where: this.#options.root })
  }
}

type FollowTopicOptions = Pick<FollowerOptions, 'from' | 'maxBatchRecords' | 'onRecords' | 'onMissing' | 'onStopped'> &
  Partial<Pick<FollowerOptions, 'onCaughtUp'>>

/** True for a topic of which only the newest record of each key is kept. */
function isCompacted(topic: Topic): boolean {
  return topic === 'control'
}

/** A copy that a new run of the writer made of what an older one had said. */
function isRepeated(record: StoredRecord, held: StoredRecord | undefined): boolean {
  return held !== undefined && held.timeMs === record.timeMs && Buffer.compare(held.value, record.value) === 0
}

function stopAtMissing(range: ExpiredRange): void {
  if (range.damage !== undefined) throw range.damage
  throw new ToolwardenError('LOG_EXPIRED', 'records were removed from the event log before they were read', {
    where: `${range.topic}/${range.partition}: ${range.from} to ${range.to}`,
    fix: 'Subscribe from the beginning of what is left, or keep events longer.',
  })
}
