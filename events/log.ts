// The event-log port: an ordered, durable, partitioned log of records, as Kafka has it.
// Adapters: file-log.ts (embedded) and kafka-log.ts; test/contract/event-log.ts runs on both.
import { ToolwardenError } from './errors.ts'

/** The topics of toolwarden; `events` and `checkpoints` are deleted by age, `control` is compacted by key. */
export type Topic = 'events' | 'control' | 'checkpoints'

/** What a writer hands to the log. Header values are bytes; keys are UTF-8. */
export interface LogRecord {
  /** The chain (`writer/instance`) on `events`, the subject (`rule/<id>` …) on `control`. */
  readonly key: string
  readonly value: Uint8Array
  readonly headers: Readonly<Record<string, Uint8Array>>
}

/** Where a record stands: offsets of a partition grow, but need not be dense. */
export interface Position {
  readonly topic: Topic
  readonly partition: string
  readonly offset: number
}

/** A record read back from the log. */
export interface StoredRecord extends LogRecord {
  readonly position: Position
  /** The log's own time of the append, milliseconds since 1970; never the sender's `time` field. */
  readonly timeMs: number
}

/** Where the log can't give what a subscriber asked for, `from` to `to` (inclusive): retention removed it, or it is damaged. */
export interface ExpiredRange {
  readonly topic: Topic
  readonly partition: string
  readonly from: number
  readonly to: number
  /** LOG_CORRUPT with the place, where the records were damaged and not removed by age. */
  readonly damage?: ToolwardenError
}

/** Asked once for each partition when it is found or assigned: the offset of the first record wanted; `end`: none that is there. */
export type ResumeFrom = 'beginning' | 'end' | ((partition: string) => Promise<number | 'beginning' | 'end'>)

/** How to subscribe. */
export interface SubscribeOptions {
  readonly from: ResumeFrom
  /** Members of one group share the partitions (Kafka); without it a subscriber sees every partition. */
  readonly group?: string
  /**
   * Told once for each range that can't be read, in its place between the batches of its partition, which then go on after it.
   * Without it the subscription stops at such a range with LOG_EXPIRED or LOG_CORRUPT.
   */
  readonly onExpired?: (range: ExpiredRange) => void | Promise<void>
  /** Told when the subscription stops by itself: `onBatch` threw, or the log failed for good. */
  readonly onStopped?: (error: unknown) => void
  /** About how many records a batch holds at most, 1,000 unless told; an append is never split over two batches. */
  readonly maxBatchRecords?: number
}

/** A running subscription. */
export interface Subscription {
  /** Resolves when everything that stood in the log at the time of the subscribe has been handed over. */
  readonly caughtUp: Promise<void>
  /** Ends it; resolves when no call of `onBatch` is running any more. */
  stop(): Promise<void>
}

/** Records of one partition, in order, never a part of an append; the next batch of it comes only after the returned promise resolves. */
export type OnBatch = (records: readonly StoredRecord[]) => Promise<void> | void

/** An append-only log. All methods fail with LOG_* codes; a failure loses nothing that was acknowledged. */
export interface EventLog {
  /**
   * Resolves when all records are as durable as the log is configured to be; they become visible together, in order,
   * in one partition (so they share a key). At most MAX_APPEND_BYTES. Not idempotent: after LOG_IN_DOUBT (the deadline passed,
   * or the outcome is unknown) the caller repeats the same bytes until they are acknowledged.
   * LOG_UNAVAILABLE and LOG_FULL mean that nothing was written.
   */
  append(topic: Topic, records: readonly LogRecord[], options: AppendOptions): Promise<readonly Position[]>
  /** Hands over batches, each of one partition in order; a batch that throws stops the subscription, and nothing is skipped. */
  subscribe(topic: Topic, options: SubscribeOptions, onBatch: OnBatch): Promise<Subscription>
  /** Reads a compacted topic: the newest record of each key up to the end that stood at the call, then every newer one. */
  latest(
    topic: Topic,
    onRecord: (record: StoredRecord) => Promise<void> | void,
    options?: LatestOptions,
  ): Promise<Subscription>
  close(): Promise<void>
}

/** How long an append may take, and whether it may use the reserve of free disk kept for receipts. */
export interface AppendOptions {
  readonly deadlineMs: number
  /** The chain (`writer/instance`) that writes; it has one append in flight at a time and no other process writes it. */
  readonly chain: string
  /** True for receipts, stops and alerts: they may use the last of the disk, proposals may not. */
  readonly mayUseReserve?: boolean
}

/** How to follow a compacted topic. */
export interface LatestOptions {
  readonly onStopped?: (error: unknown) => void
}

/** The largest append, bytes of keys, values and headers together (a Kafka batch over 1 MB is refused). */
export const MAX_APPEND_BYTES = 900 * 1024
/** How long an append may take before its call is denied. */
export const APPEND_DEADLINE_MS = 2_000

/** The size that counts against MAX_APPEND_BYTES. */
export function recordBytes(record: LogRecord): number {
  let bytes = Buffer.byteLength(record.key) + record.value.byteLength
  for (const name of Object.keys(record.headers))
    bytes += Buffer.byteLength(name) + (record.headers[name]?.byteLength ?? 0)
  return bytes
}

/** A failed append in the log's own words. */
export function asLogFailure(error: unknown): ToolwardenError {
  if (error instanceof ToolwardenError) return error
  // An adapter that throws something else has a defect; whether it wrote is unknown.
  return new ToolwardenError('LOG_IN_DOUBT', 'the event log failed in an unknown way', {
    cause: error,
    retriable: true,
  })
}
