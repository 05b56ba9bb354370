// Which rows a prune takes, as conditions of SQL. All that is stored of a month goes, but for what the ledger goes on from: the
// newest row of each partition and chain, revocations of keys, and legal holds. Pure: numbers alone are written into it.
import type { Pruned } from './store.ts'

/** Events whose word counts as long as the ledger lives. */
const KEPT_TYPES = "('key/registered', 'key/revoked', 'admin/held', 'admin/released')"

/** By table; in this order, as the others follow what is left of `events`. */
export function pruneConditions({ beforeMicros, minIndex }: Pruned): Readonly<Record<string, string>> {
  if (!Number.isSafeInteger(beforeMicros) || !Number.isSafeInteger(minIndex)) throw new RangeError('not a whole number')
  const isOld = `ingested_at < fromUnixTimestamp64Micro(${beforeMicros})`
  const standing = "outcome IN ('accepted', 'late')"
  const oldLeaves = `(SELECT hash FROM leaves WHERE position < ${minIndex} AND hash IN
    (SELECT hash FROM events WHERE ${isOld} AND ${standing}))`
  return {
    // What is no leaf yet, or one of those that stay, is kept whatever its time says.
    events: `${isOld} AND type NOT IN ${KEPT_TYPES} AND (NOT ${standing} OR hash IN ${oldLeaves})
      AND (topic, partition, offset) NOT IN (SELECT topic, partition, max(offset) FROM events GROUP BY topic, partition)
      AND (topic, writer, instance, sequence) NOT IN
        (SELECT topic, writer, instance, max(sequence) FROM events GROUP BY topic, writer, instance)`,
    payloads: `${isOld} AND hash NOT IN (SELECT hash FROM events WHERE ${isOld})`,
    // What a repair put aside stays as long as the event of the repair.
    quarantine: `${isOld} AND (topic, partition, offset) NOT IN (SELECT topic, partition, offset FROM events WHERE ${isOld})
      AND JSONExtractString(headers, 'repair') NOT IN (SELECT subject FROM events WHERE type = 'ledger/repaired')`,
  }
}
