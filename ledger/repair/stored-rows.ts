// Reads what a repair compares: rows as they stand, leaves, statements, erasures. Nothing of it is believed by itself.
import { hashBody } from '../../events/chain.ts'
import { ToolwardenError } from '../../events/errors.ts'
import { parseEvent } from '../../events/event.ts'
import { PLAN_DIGEST } from '../erasure.ts'
import { STANDING } from '../history-filter.ts'
import { findPrunedLeaves } from '../pruning.ts'
import { PAYLOAD_ROW_COLUMNS, QUARANTINE_ROW_COLUMNS } from '../schema.ts'
import type { EventRow, LedgerStore, PayloadRow, Pruned, QuarantineRow, Timed } from '../store.ts'
import { ROW_COLUMNS } from '../stored-event.ts'
import { EVIDENCE_PART } from './evidence.ts'
import type { Statement } from './expected-rows.ts'

/** Hashes travel in a URL. */
const HASHES_A_QUERY = 250
/** Payloads are up to 350 KiB each. */
const PAYLOADS_A_QUERY = 64
const MICROS = 'toUnixTimestamp64Micro(ingested_at) AS micros'

/** A stretch of one partition of the log, both ends inclusive. */
export interface Stretch {
  readonly partition: string
  readonly from: number
  readonly to: number
}

const IN_STRETCH = `topic = {topic:String} AND partition = {partition:String}
  AND offset >= {from:UInt64} AND offset <= {to:UInt64}`

/** The rows of events in a stretch. Throws STORE_*. */
export async function findEventRows(
  store: LedgerStore,
  topic: EventRow['topic'],
  { partition, from, to }: Stretch,
): Promise<readonly Timed<EventRow>[]> {
  const parameters = { topic, partition, from, to }
  return await store.select(`SELECT ${ROW_COLUMNS}, ${MICROS} FROM events WHERE ${IN_STRETCH}`, parameters, 'verify')
}

/** The quarantined rows of a stretch, what repairs put there left out. Throws STORE_*. */
export async function findQuarantinedRows(
  store: LedgerStore,
  { partition, from, to }: Stretch,
): Promise<readonly Timed<QuarantineRow>[]> {
  return await store.select(
    `SELECT ${QUARANTINE_ROW_COLUMNS.join(', ')}, ${MICROS} FROM quarantine
     WHERE ${IN_STRETCH} AND NOT startsWith(part, '${EVIDENCE_PART}')`,
    { topic: 'events', partition, from, to },
    'verify',
  )
}

/** The payload rows of events. Throws STORE_*. */
export async function findPayloadRows(
  store: LedgerStore,
  hashes: readonly string[],
): Promise<readonly Timed<PayloadRow>[]> {
  const found: Timed<PayloadRow>[] = []
  for (let from = 0; from < hashes.length; from += PAYLOADS_A_QUERY)
    found.push(
      ...(await store.select<Timed<PayloadRow>>(
        `SELECT ${PAYLOAD_ROW_COLUMNS.join(', ')}, ${MICROS} FROM payloads WHERE hash IN {hashes:Array(String)}`,
        { hashes: hashes.slice(from, from + PAYLOADS_A_QUERY) },
        'verify',
      )),
    )
  return found
}

/** Which of these hashes are leaves by the store's index, which the repair has held against the tiles. Throws STORE_*. */
export async function findLeaves(store: LedgerStore, hashes: readonly string[]): Promise<ReadonlySet<string>> {
  return await findIn(store, 'SELECT DISTINCT hash FROM leaves WHERE hash IN {hashes:Array(String)}', hashes)
}

/** Which of these hashes stand in a chain at another place than as own rows. Throws STORE_*. */
export async function findReadBack(store: LedgerStore, hashes: readonly string[]): Promise<ReadonlySet<string>> {
  const sql = `SELECT DISTINCT hash FROM events
    WHERE topic = 'events' AND ${STANDING} AND hash IN {hashes:Array(String)}`
  return await findIn(store, sql, hashes)
}

async function findIn(store: LedgerStore, sql: string, hashes: readonly string[]): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  for (let from = 0; from < hashes.length; from += HASHES_A_QUERY) {
    const some = hashes.slice(from, from + HASHES_A_QUERY)
    for (const { hash } of await store.select<{ hash: string }>(sql, { hashes: some }, 'verify')) found.add(hash)
  }
  return found
}

/** What the ledger said of a stretch; what is neither a leaf nor known from the log is not its word. Throws STORE_*. */
export async function findStatements(
  store: LedgerStore,
  { partition, from, to }: Stretch,
  { known, pruned }: { readonly known: ReadonlySet<string>; readonly pruned: Pruned },
): Promise<readonly Statement[]> {
  const rows = await store.select<{ hash: string; body: string; micros: number }>(
    `SELECT hash, body, ${MICROS} FROM events WHERE type = 'ledger/ingested' AND ${STANDING}
       AND subject = {partition:String} AND range_to >= {from:UInt64} AND range_from <= {to:UInt64}
     ORDER BY range_from, ingested_at LIMIT 1 BY hash`,
    { partition, from, to },
    'verify',
  )
  const hashes = rows.map(({ hash }) => hash)
  const leaves = await findLeaves(store, hashes)
  const gone = await findPrunedLeaves(store, pruned, hashes)
  return rows.flatMap(({ hash, body, micros }) =>
    !gone.has(hash) && (leaves.has(hash) || known.has(hash)) ? readStatement(hash, body, { partition, micros }) : [],
  )
}

function readStatement(
  hash: string,
  body: string,
  { partition, micros }: { readonly partition: string; readonly micros: number },
): readonly Statement[] {
  const bytes = Buffer.from(body, 'utf8')
  if (hashBody(bytes) !== hash) return []
  try {
    const event = parseEvent(bytes)
    if (event.type !== 'ledger/ingested' || event.partition !== partition) return []
    const { from, to, events, digest } = event
    return [{ from, to, events, digest, micros }]
  } catch (error) {
    if (error instanceof ToolwardenError) return []
    throw error
  }
}

/** By event: the `admin/erased` event that covers its payload. What no event covers is no erasure. Throws STORE_*. */
export async function findErased(store: LedgerStore, hashes: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const covered = new Map<string, string>()
  for (let from = 0; from < hashes.length; from += HASHES_A_QUERY) {
    const some = hashes.slice(from, from + HASHES_A_QUERY)
    const listed = await store.select<{ erasure: string; hash: string }>(
      'SELECT DISTINCT erasure, hash FROM erasures WHERE hash IN {hashes:Array(String)}',
      { hashes: some },
      'verify',
    )
    const events = new Map<string, string | undefined>()
    for (const { erasure, hash } of listed) {
      if (!events.has(erasure)) events.set(erasure, await findErasureEvent(store, erasure))
      const event = events.get(erasure)
      if (event !== undefined) covered.set(hash, event)
    }
  }
  return covered
}

async function findErasureEvent(store: LedgerStore, erasure: string): Promise<string | undefined> {
  const [event] = await store.select<{ hash: string }>(
    `SELECT hash FROM events WHERE type = 'admin/erased' AND ${STANDING} AND subject = {erasure:String}
       AND JSONExtractString(body, 'digest') = (SELECT ${PLAN_DIGEST} FROM erasures WHERE erasure = {erasure:String}) LIMIT 1`,
    { erasure },
    'verify',
  )
  return event?.hash
}
