// Which stored events become leaves, and in which order: accepted and late ones, each hash once, by the ledger's time of
// storing, then topic, partition and offset. An insert is one block with one time, later than all before, so the order is
// that of arrival and does not change. A row that a second consumer stores late with an earlier time takes the next place.
import { hashBody } from '../events/chain.ts'
import { ToolwardenError } from '../events/errors.ts'
import type { LedgerStore, RowTopic } from './store.ts'
import { positionText } from './stored-event.ts'
import type { Leaf } from './tree-edge.ts'

/** A row's place in the order of leaves. */
export interface RowOrder {
  /** The ledger's time of storing, microseconds since 1970. */
  readonly micros: number
  readonly topic: RowTopic | ''
  readonly partition: string
  readonly offset: number
}

/** Before every row. */
export const FIRST_ROW: RowOrder = { micros: 0, topic: '', partition: '', offset: 0 }

/** A row that is not a leaf yet. */
export interface NewLeaf extends Leaf {
  readonly order: RowOrder
}

const IS_LEAF = "outcome IN ('accepted', 'late')"
const IS_AFTER = `${IS_LEAF} AND ingested_at >= fromUnixTimestamp64Micro({micros:Int64}) AND
  (ingested_at, topic, partition, offset) >
  (fromUnixTimestamp64Micro({micros:Int64}), {topic:String}, {partition:String}, {offset:UInt64})`

// The bodies are read of those rows alone that lie before the end of this batch, which is found without them.
const NEW_LEAVES_SQL = `WITH (
  SELECT max(at) FROM (
    SELECT ingested_at AS at FROM events WHERE ${IS_AFTER}
    ORDER BY ingested_at, topic, partition, offset LIMIT {limit:UInt64}
  )
) AS last
SELECT toUnixTimestamp64Micro(ingested_at) AS micros, topic, partition, offset, hash, body FROM events
WHERE ${IS_AFTER} AND ingested_at <= last AND hash NOT IN (
  SELECT hash FROM leaves WHERE hash IN (SELECT hash FROM events WHERE ${IS_AFTER} AND ingested_at <= last)
)
ORDER BY ingested_at, topic, partition, offset LIMIT 1 BY hash LIMIT {limit:UInt64}`

/**
 * The next rows after a place that are no leaves, in order. Throws TREE_INVALID for a row whose body was changed before
 * it became a leaf, STORE_*.
 */
export async function findNewLeaves(store: LedgerStore, after: RowOrder, limit: number): Promise<readonly NewLeaf[]> {
  const rows = await store.select<
    RowOrder & { readonly topic: RowTopic; readonly hash: string; readonly body: string }
  >(NEW_LEAVES_SQL, { ...after, limit })
  return rows.map(({ hash, body: text, ...order }) => {
    const body = Buffer.from(text, 'utf8')
    if (hashBody(body) === hash) return { hash: Buffer.from(hash, 'hex'), body, order }
    throw new ToolwardenError('TREE_INVALID', 'a stored body was changed before it became a leaf', {
      where: positionText(order),
      fix: 'stop the ledger and put the row back from the event log: toolwarden repair --reason <text>',
    })
  })
}

/** The place of the row that a leaf was made of. Throws STORE_*. */
export async function findRowOrder(store: LedgerStore, hash: Buffer): Promise<RowOrder | undefined> {
  const rows = await store.select<RowOrder>(
    `SELECT toUnixTimestamp64Micro(ingested_at) AS micros, topic, partition, offset FROM events
     WHERE ${IS_LEAF} AND hash = {hash:String} ORDER BY ingested_at, topic, partition, offset LIMIT 1`,
    { hash: hash.toString('hex') },
  )
  return rows[0]
}

/** How much the store knows of leaves: of its index, and of rows that can be leaves. Throws STORE_*. */
export async function countLeaves(
  store: LedgerStore,
): Promise<{ readonly indexed: number; readonly end: number; readonly rows: number }> {
  const [index] = await store.select<{ indexed: number; end: number }>(
    'SELECT uniqExact(position) AS indexed, if(count() = 0, 0, max(position) + 1) AS end FROM leaves',
  )
  const [events] = await store.select<{ rows: number }>(`SELECT count() AS rows FROM events WHERE ${IS_LEAF}`)
  return { indexed: index?.indexed ?? 0, end: index?.end ?? 0, rows: events?.rows ?? 0 }
}

/** The hashes among these that no row has. They travel in a URL: 256 at a time. Throws STORE_*. */
export async function findHashesWithoutRow(store: LedgerStore, hashes: readonly string[]): Promise<readonly string[]> {
  const rows = await store.select<{ hash: string }>(
    `SELECT DISTINCT hash FROM events WHERE ${IS_LEAF} AND hash IN {hashes:Array(String)}`,
    { hashes },
  )
  const stored = new Set(rows.map(({ hash }) => hash))
  return hashes.filter((hash) => !stored.has(hash))
}

/** The leaf index of a hash; undefined where it is no leaf (yet). Throws STORE_*. */
export async function findLeafIndex(store: LedgerStore, hash: string): Promise<number | undefined> {
  const rows = await store.select<{ position: number }>(
    'SELECT position FROM leaves WHERE hash = {hash:String} ORDER BY position LIMIT 1',
    { hash },
  )
  return rows[0]?.position
}
