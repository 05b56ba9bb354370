// Reading a compacted topic: of what stood at the start only the newest record of each key, then every newer record.

import type { OnBatch, StoredRecord } from './log.ts'

type OnRecord = (record: StoredRecord) => Promise<void> | void

/** Turns a callback for records into one for batches, and what is to be called when the end that stood at the start is reached. */
export interface LatestCollector {
  readonly onBatch: OnBatch
  readonly flush: () => Promise<void>
}

/** Collects by key up to `ends` (partition → end offset at the start), then hands over and passes everything on. */
export function collectLatest(ends: ReadonlyMap<string, number>, onRecord: OnRecord): LatestCollector {
  const newest = new Map<string, StoredRecord>()
  const newer: StoredRecord[] = []
  let following = false
  const collect = (record: StoredRecord) => {
    const { partition, offset } = record.position
    if (offset >= (ends.get(partition) ?? 0)) return void newer.push(record)
    // Deleted first, so that keys are handed over in the order of their newest records.
    newest.delete(record.key)
    newest.set(record.key, record)
  }
  const flush = async () => {
    following = true
    for (const record of [...newest.values(), ...newer]) await onRecord(record)
    newest.clear()
    newer.length = 0
  }
  const onBatch = async (records: readonly StoredRecord[]) => {
    if (!following) return records.forEach(collect)
    for (const record of records) await onRecord(record)
  }
  return { onBatch, flush }
}
