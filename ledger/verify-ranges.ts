// The ledger's own statements against its rows: every `ledger/ingested` range is there with its digest, and no row of
// another writer stands outside of all of them.
import type { IntactEvent } from './chain-walk.ts'
import { rangeDigest } from './range-digest.ts'
import type { PositionRow } from './resume.ts'
import type { LedgerStore } from './store.ts'
import { positionText } from './stored-event.ts'
import { type Findings, MAX_LISTED } from './verify-report.ts'

/** How many ranges one statement asks for, and how many rows they may have together. */
const RANGES_A_QUERY = 50
const ROWS_A_QUERY = 20_000

interface Range {
  readonly source: IntactEvent
  readonly partition: string
  readonly from: number
  readonly to: number
  readonly events: number
  readonly digest: string
}

/** Checks the `ledger/ingested` statements among events. Throws STORE_*. */
export async function verifyRanges(
  store: LedgerStore,
  events: readonly IntactEvent[],
  findings: Findings,
): Promise<void> {
  let ranges: Range[] = []
  let rows = 0
  for (const source of events) {
    const { event } = source
    if (event.type !== 'ledger/ingested') continue
    const { partition, from, to, digest } = event
    ranges.push({ source, partition, from, to, events: event.events, digest })
    rows += event.events
    if (ranges.length < RANGES_A_QUERY && rows < ROWS_A_QUERY) continue
    await verifySome(store, ranges, findings)
    ranges = []
    rows = 0
  }
  if (ranges.length > 0) await verifySome(store, ranges, findings)
}

async function verifySome(store: LedgerStore, ranges: readonly Range[], findings: Findings): Promise<void> {
  const parameters: Record<string, string | number> = {}
  const conditions = ranges.map(({ partition, from, to }, index) => {
    parameters[`p${index}`] = partition
    parameters[`f${index}`] = from
    parameters[`t${index}`] = to
    return `(partition = {p${index}:String} AND offset >= {f${index}:UInt64} AND offset <= {t${index}:UInt64})`
  })
  // One row a position: of several, the one that was not called a repetition.
  const rows = await store.select<PositionRow>(
    `SELECT partition, offset, outcome, hash, signature FROM events
     WHERE topic = 'events' AND (${conditions.join(' OR ')})
     ORDER BY topic, partition, offset, outcome = 'duplicate' LIMIT 1 BY topic, partition, offset`,
    parameters,
    'verify',
  )
  for (const { partition, from, to, events, digest, source } of ranges) {
    const inRange = rows.filter((row) => row.partition === partition && row.offset >= from && row.offset <= to)
    findings.counts.ranges++
    if (rangeDigest(inRange) === digest) continue
    const { row, chain } = source
    findings.violation({
      code: 'range-mismatch',
      chain,
      sequence: row.sequence,
      hash: row.hash,
      position: `events/${partition}/${from}-${to}`,
      text: `the ledger stored ${events} messages here and said so; ${inRange.length} are there, and their digest differs`,
    })
  }
}

/** Finds rows that no statement announces. What the ledger reads back of its own writing needs none. Throws STORE_*. */
export async function verifyAnnounced(store: LedgerStore, stored: StoredBetween, findings: Findings): Promise<void> {
  for (const row of await findUnannounced(store, stored)) {
    const { partition, offset, hash, writer, instance, sequence } = row
    const position = positionText({ topic: 'events', partition, offset })
    const text = 'no statement of the ledger announces this row'
    const chain = writer === '' ? '' : `${writer}/${instance}`
    findings.violation({ code: 'row-unannounced', chain, sequence, hash, position, text })
  }
}

/** Which rows are looked at, by when the ledger stored them: what was pruned took the statements about it along. */
export interface StoredBetween {
  readonly fromMicros: number
  readonly upToMicros: number
}

/** A row that stands where no statement says that there is one. */
export interface UnannouncedRow {
  readonly partition: string
  readonly offset: number
  readonly hash: string
  readonly writer: string
  readonly instance: string
  readonly sequence: number
}

/** The first rows that no statement announces, MAX_LISTED at most. Throws STORE_*. */
export async function findUnannounced(
  store: LedgerStore,
  { fromMicros, upToMicros }: StoredBetween,
): Promise<readonly UnannouncedRow[]> {
  const rows = await store.select<UnannouncedRow>(
    `SELECT e.partition AS partition, e.offset AS offset, e.hash AS hash, e.writer AS writer, e.instance AS instance,
       e.sequence AS sequence
     FROM (
       SELECT partition, offset, hash, writer, instance, sequence FROM events
       WHERE topic = 'events' AND outcome != 'duplicate' AND NOT startsWith(writer, 'ledger/')
         AND ingested_at >= fromUnixTimestamp64Micro({from:Int64})
         AND ingested_at <= fromUnixTimestamp64Micro({upTo:Int64})
     ) AS e ASOF LEFT JOIN (
       SELECT subject, range_from, max(range_to) AS range_to FROM events
       WHERE type = 'ledger/ingested' AND outcome IN ('accepted', 'late') GROUP BY subject, range_from
     ) AS s ON e.partition = s.subject AND e.offset >= s.range_from
     WHERE s.subject = '' OR e.offset > s.range_to
     ORDER BY partition, offset LIMIT ${MAX_LISTED}`,
    { from: fromMicros, upTo: upToMicros },
    'verify',
  )
  const unannounced: UnannouncedRow[] = []
  for (const row of rows) if (!(await isAnnounced(store, row.partition, row.offset))) unannounced.push(row)
  return unannounced
}

/** Of overlapping statements the query above sees the nearest alone. */
async function isAnnounced(store: LedgerStore, partition: string, offset: number): Promise<boolean> {
  const found = await store.select(
    `SELECT 1 FROM events WHERE type = 'ledger/ingested' AND subject = {partition:String}
       AND range_from <= {offset:UInt64} AND range_to >= {offset:UInt64} AND outcome IN ('accepted', 'late') LIMIT 1`,
    { partition, offset },
    'verify',
  )
  return found.length > 0
}
