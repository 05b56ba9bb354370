// What a compacted topic keeps: the newest record of each key, and how a chain is shortened to it.
// A new run takes over what older runs of the same writer left, then removes them (one process per writer runs at a time).
import { join } from 'node:path'
import { ChainCursor } from './file-log-cursor.ts'
import { encodeFrame } from './file-log-frame.ts'
import { chainDirectory, listTopic } from './file-log-paths.ts'
import type { LogRecord, StoredRecord, Topic } from './log.ts'

/** The newest record of each key, in no particular order. */
export type NewestByKey = Map<string, StoredRecord>

/** True when `left` replaces `right`: later by the log's time, then by offset, then by the partition's name. */
function isNewer(left: StoredRecord, right: StoredRecord): boolean {
  if (left.timeMs !== right.timeMs) return left.timeMs > right.timeMs
  if (left.position.offset !== right.position.offset) return left.position.offset > right.position.offset
  return left.position.partition > right.position.partition
}

/** The records in the order in which they were written, oldest first. */
export function inOrder(newest: NewestByKey): StoredRecord[] {
  return [...newest.values()].sort((left, right) => (isNewer(left, right) ? 1 : -1))
}

/** One frame for each record, with its own time and offset. */
export function encodeState(partition: string, records: readonly StoredRecord[]): Buffer {
  const frames = records.map((record) => {
    const { timeMs, position } = record
    return encodeFrame(partition, { kind: 'records', timeMs, firstOffset: position.offset, records: [record] })
  })
  return Buffer.concat(frames)
}

/** What older runs of a writer left on a compacted topic. */
export interface OlderRuns {
  /** Their newest records, placed in the new chain, in order. */
  readonly records: readonly StoredRecord[]
  readonly nextOffset: number
  readonly directories: readonly string[]
}

/** Where a new run stands. */
export interface OlderRunsOptions {
  readonly root: string
  readonly topic: Topic
  readonly partition: string
  /** What has nothing to say any more is not taken over. */
  readonly isOver: (record: LogRecord) => boolean
}

/** Reads what the other runs of this chain's writer left; LOG_CORRUPT when a part of it can't be read. */
export async function readOlderRuns({ root, topic, partition, isOver }: OlderRunsOptions): Promise<OlderRuns> {
  const writer = partition.slice(0, partition.lastIndexOf('/') + 1)
  const { partitions } = await listTopic(root, topic)
  const older = partitions.filter((other) => other.startsWith(writer) && other !== partition)
  const newest: NewestByKey = new Map()
  let nextOffset = 0
  for (const other of older) {
    const cursor = new ChainCursor({ directory: join(root, topic, other), topic, partition: other, compacted: true })
    await readAll(cursor, newest)
    nextOffset = Math.max(nextOffset, cursor.next ?? 0)
  }
  for (const [key, record] of newest) if (isOver(record)) newest.delete(key)
  // Offsets begin above the old ones, so that time and offset still say which of two records is newer.
  const records = inOrder(newest).map((record, index) => ({
    ...record,
    position: { topic, partition, offset: nextOffset + index },
  }))
  const directories = older.map((other) => chainDirectory(root, topic, other))
  return { records, nextOffset: nextOffset + records.length, directories }
}

async function readAll(cursor: ChainCursor, newest: NewestByKey): Promise<void> {
  for (;;) {
    const read = await cursor.read(Number.POSITIVE_INFINITY)
    switch (read.type) {
      case 'records':
        for (const record of read.records) keepNewest(newest, record)
        break
      case 'missing':
        if (read.range.damage !== undefined) throw read.range.damage
        break
      case 'idle':
      case 'sealed':
      case 'gone':
        return
    }
  }
}

/** Keeps the record if it is the newest of its key; true when it was. */
export function keepNewest(newest: NewestByKey, record: StoredRecord): boolean {
  const held = newest.get(record.key)
  if (held !== undefined && !isNewer(record, held)) return false
  newest.set(record.key, record)
  return true
}
