// Where ingest takes a partition up: after the last stored row, never where a consumer group says. Before, the newest
// statement of the ledger about the partition is held against the rows: what does not match is reported, not passed over.
import { rangeDigest } from './range-digest.ts'
import type { LedgerStore, Outcome } from './store.ts'

/** A partition whose rows don't match what the ledger once said of them. */
export interface ResumeProblem {
  readonly partition: string
  readonly from: number
  readonly to: number
  readonly text: string
}

/** Where to take a partition up. */
export interface ResumePoint {
  readonly from: number | 'beginning'
  readonly problem?: ResumeProblem
}

/** One consumed message as the digests cover it. */
export interface PositionRow {
  readonly partition: string
  readonly offset: number
  readonly outcome: Outcome
  readonly hash: string
  readonly signature: string
}

/** SQL for the rows of a range: one a position; of several the one that was believed. */
const RANGE_SQL = `SELECT partition, offset, outcome, hash, signature FROM events
WHERE topic = 'events' AND partition = {partition:String} AND offset >= {from:UInt64} AND offset <= {to:UInt64}
ORDER BY topic, partition, offset, outcome = 'duplicate' LIMIT 1 BY topic, partition, offset`

/** Finds the row to go on after. Throws STORE_*. */
export async function findResumePoint(store: LedgerStore, partition: string): Promise<ResumePoint> {
  const watermark = await store.findWatermark('events', partition)
  const statement = await findLastStatement(store, partition)
  const from = watermark === undefined ? 'beginning' : watermark + 1
  if (statement === undefined) return { from }
  const { from: said, to } = statement
  const rows = await store.select<PositionRow>(RANGE_SQL, { partition, from: said, to })
  const digest = rangeDigest(rows)
  if (digest === statement.digest) return { from }
  const text = `the ledger stored offsets ${said} to ${to} and said so; ${rows.length} of them are there, and their digest differs`
  return { from, problem: { partition, from: said, to, text } }
}

interface Statement {
  readonly from: number
  readonly to: number
  readonly digest: string
}

async function findLastStatement(store: LedgerStore, partition: string): Promise<Statement | undefined> {
  const rows = await store.select<Statement>(
    `SELECT range_from AS from, range_to AS to, JSONExtractString(body, 'digest') AS digest FROM events
     WHERE type = 'ledger/ingested' AND subject = {partition:String} AND outcome IN ('accepted', 'late')
     ORDER BY range_to DESC LIMIT 1`,
    { partition },
  )
  return rows[0]
}
