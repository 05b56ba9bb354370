// What a reader needs of one connected consumer: kafka-log.ts implements it, kafka-log-reader.ts uses it.

import type { StoredRecord } from './log.ts'

/** What one fetch brought of one partition. */
export interface FetchedBatch {
  readonly partition: number
  /** The records, append by append: an append is never split. */
  readonly appends: readonly (readonly StoredRecord[])[]
  /** The offset of the last thing fetched, transaction markers included. */
  readonly lastOffset: number
  /** Says that everything up to this offset was handed over; the next fetch begins after it. */
  resolve(offset: number): void
  /** Tells the group that this member lives; rejects when the group is being divided anew. */
  heartbeat(): Promise<void>
  /** Keeps the offset of the next record wanted with the group. */
  commit(nextOffset: number): Promise<void>
  /** False when the partition was taken away or repositioned since the fetch. */
  isCurrent(): boolean
}

/** What a consumer tells its reader. */
export interface SessionHandlers {
  /** These partitions, paused so far, are this consumer's now; the ones before are not any more. */
  onAssigned(partitions: readonly number[]): void
  onBatch(batch: FetchedBatch): Promise<void>
  /** A fetch brought nothing but transaction markers or aborted records up to this offset. */
  onSkipped(partition: number, lastOffset: number): void
  /** The consumer has ended by itself. */
  onEnded(error: unknown): void
}

/** A connected consumer. */
export interface ReaderSession {
  /** Sets where the partitions go on and lets them flow. */
  start(positions: ReadonlyMap<number, number>): void
  /** Leaves the group and disconnects, within seconds even if the broker is frozen. */
  close(): Promise<void>
}

/** The first offset that a partition still has and the one that its next record will get. */
export interface Watermarks {
  readonly low: number
  readonly high: number
}

/** What a reader asks the brokers. */
export interface ReaderSource {
  /** Begins to connect and join; whatever fails is told by onEnded. */
  open(handlers: SessionHandlers): ReaderSession
  watermarks(): Promise<ReadonlyMap<number, Watermarks>>
  /** The offsets kept with the group; empty without a group. */
  committed(): Promise<ReadonlyMap<number, number>>
}
