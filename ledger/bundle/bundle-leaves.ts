// Which leaves of the Merkle log a bundle shows: those that were asked for, and of their chains the events between the first and
// the last of them, widened to whole appends, so that links and signatures can be checked.
import { ToolwardenError } from '../../events/errors.ts'
import { decodeSignature } from '../../events/record.ts'
import { listCondition, STANDING } from '../history-filter.ts'
import { findPruned } from '../pruning.ts'
import type { EventFilter } from '../query.ts'
import type { LedgerStore } from '../store.ts'

/** Leaves that one question is about. */
export const PAGE_LEAVES = 64 * 256

/** A leaf as the store knows it. */
export interface BundleLeaf {
  readonly position: number
  readonly hash: string
  readonly writer: string
  readonly instance: string
  readonly sequence: number
  readonly signature: string
  readonly attachments: string
  /** 1 where it was asked for. */
  readonly wanted: number
}

/** Sequence numbers of a chain that the bundle shows, inclusive. */
export interface ChainScope {
  readonly first: number
  readonly last: number
}

/** What of a ledger goes into a bundle. */
export interface Selection {
  /** Undefined for everything. */
  readonly scopes: ReadonlyMap<string, ChainScope> | undefined
  /** How many events were asked for. */
  readonly events: number
  /** Leaves before this one were pruned: they are skipped, whatever was asked for. */
  readonly minIndex: number
  readonly condition: ReturnType<typeof conditionOf>
}

/** What is in every bundle, for its verifier: which keys count from where on, and which payloads were erased. */
const ALWAYS = "type IN ('key/revoked', 'admin/erased')"

function conditionOf(filter: EventFilter) {
  const { from, to, ...equal } = filter
  const { sql, parameters } = listCondition({ from, to }, { after: undefined, limit: 0 }, equal)
  return { sql: sql === '1' ? '1' : `(${sql} OR ${ALWAYS})`, parameters }
}

/** Finds what a filter asks for among the first `size` leaves. Throws STORE_*. */
export async function selectLeaves(store: LedgerStore, filter: EventFilter, size: number): Promise<Selection> {
  const condition = conditionOf(filter)
  const { minIndex } = await findPruned(store)
  if (condition.sql === '1') return { scopes: undefined, events: size - minIndex, minIndex, condition }
  const rows = await store.select<ScopeRow>(scopeSql(condition.sql), { ...condition.parameters, size, minIndex })
  const scopes = new Map(rows.map((row) => [`${row.writer}/${row.instance}`, scopeOf(row)]))
  return { scopes, events: rows.reduce((sum, { events }) => sum + events, 0), minIndex, condition }
}

interface ScopeRow {
  readonly writer: string
  readonly instance: string
  readonly events: number
  readonly first: number
  /** The signature that covers the first event, and where it stands. */
  readonly signed: number
  readonly signature: string
  /** Where the append of the last event ends. */
  readonly end: number
}

function scopeSql(condition: string): string {
  return `WITH asked AS (
    SELECT writer, instance, min(sequence) AS first, max(sequence) AS last, uniqExact(hash) AS events FROM events
    WHERE ${STANDING} AND ${condition} AND hash IN (SELECT hash FROM leaves WHERE position >= {minIndex:UInt64} AND position < {size:UInt64})
    GROUP BY writer, instance
  )
  SELECT writer, instance, any(asked.events) AS events, any(asked.first) AS first,
    minIf(e.sequence, e.sequence >= asked.first) AS signed,
    argMinIf(e.signature, e.sequence, e.sequence >= asked.first) AS signature,
    minIf(e.sequence, e.sequence >= asked.last) AS end
  FROM (SELECT writer, instance, sequence, signature FROM events WHERE ${STANDING} AND signature != '') AS e
  INNER JOIN asked USING (writer, instance) GROUP BY writer, instance`
}

function scopeOf({ signed, signature, end, writer, first }: ScopeRow): ChainScope {
  if (signed < first || signature === '') throw damaged(`${writer}: no signature covers event ${first}`)
  const { count } = decodeSignature(Buffer.from(signature, 'hex'))
  return { first: Math.min(first, Math.max(1, signed - count + 1)), last: end }
}

/** The leaves from one position up to another, in order. Throws TREE_INVALID where one has no row, STORE_*. */
export async function readLeaves(
  store: LedgerStore,
  { condition }: Selection,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<readonly BundleLeaf[]> {
  const leaves = await store.select<BundleLeaf>(
    `SELECT l.position AS position, e.hash AS hash, writer, instance, sequence, signature, attachments,
       (${condition.sql}) AS wanted
     FROM events AS e INNER JOIN (
       SELECT position, hash FROM leaves WHERE position >= {start:UInt64} AND position < {end:UInt64}
     ) AS l ON e.hash = l.hash
     WHERE ${STANDING} AND e.hash IN (
       SELECT hash FROM leaves WHERE position >= {start:UInt64} AND position < {end:UInt64}
     ) ORDER BY position LIMIT 1 BY position`,
    { ...condition.parameters, start: from, end: to },
  )
  const wrong = leaves.findIndex(({ position }, at) => position !== from + at)
  if (wrong >= 0 || leaves.length !== to - from)
    throw damaged(`no stored event stands for leaf ${from + (wrong < 0 ? leaves.length : wrong)}`)
  return leaves
}

function damaged(message: string): ToolwardenError {
  return new ToolwardenError('TREE_INVALID', message, { where: 'the ledger', fix: 'run `toolwarden verify`' })
}
