// Rows that have no place in the store: no leaf, no statement, no signature speaks for them. Their copies stay in quarantine.
import { verifyRecords } from '../../events/chain-verifier.ts'
import { ToolwardenError } from '../../events/errors.ts'
import type { LogRecord } from '../../events/log.ts'
import { decodeSignature } from '../../events/record.ts'
import type { Trust } from '../../events/trust.ts'
import { STANDING } from '../history-filter.ts'
import { findPruned } from '../pruning.ts'
import type { EventRow, LedgerStore, Timed } from '../store.ts'
import { ROW_COLUMNS } from '../stored-event.ts'
import { findUnannounced } from '../verify-ranges.ts'
import { chainOf, type Damage, placeOf } from './damage.ts'
import { groupRows } from './group-rows.ts'
import type { Mender } from './mender.ts'
import { findEventRows, findLeaves } from './stored-rows.ts'

/** How many rows are looked at in one turn. */
const MAX_ROWS = 2_000
const MICROS = 'toUnixTimestamp64Micro(ingested_at) AS micros'
/** The leaves among the rows of a condition alone: the index may have many more. */
const isNoLeaf = (condition: string): string =>
  `${condition} AND hash NOT IN (SELECT hash FROM leaves WHERE hash IN (SELECT hash FROM events WHERE ${condition}))`

/** What is cleaned with. */
export interface ForgedRowsOptions {
  readonly store: LedgerStore
  readonly log: string
  readonly trust: Trust
  readonly mender: Mender
  readonly isDryRun: boolean
}

/** Removes forged rows, in turns while there are any. Throws STORE_*. */
export async function removeForged(options: ForgedRowsOptions): Promise<void> {
  for (const find of [findUnannouncedForged, findReadBackForged, findOwnForged]) {
    for (;;) {
      const rows = await find(options)
      await options.mender.mend({ events: rows.map(removal), payloads: [], quarantine: [] })
      if (rows.length === 0 || options.isDryRun) break
    }
  }
}

function removal(row: Timed<EventRow>): Damage<EventRow> {
  return { place: placeOf(row), key: '', chain: chainOf(row), found: [row], expected: undefined }
}

/** What no statement announces, unless it is the only row of a leaf. */
async function findUnannouncedForged({ store }: ForgedRowsOptions): Promise<readonly Timed<EventRow>[]> {
  const { beforeMicros: fromMicros } = await findPruned(store)
  const found = await findUnannounced(store, { fromMicros, upToMicros: await store.findNewestMicros() })
  const leaves = await findLeaves(
    store,
    found.map(({ hash }) => hash),
  )
  const forged: Timed<EventRow>[] = []
  for (const { partition, offset, hash } of found) {
    if (leaves.has(hash) && !(await standsElsewhere(store, { partition, offset, hash }))) continue
    const rows = await findEventRows(store, 'events', { partition, from: offset, to: offset })
    forged.push(...rows.filter((row) => row.hash === hash))
  }
  return forged
}

async function standsElsewhere(
  store: LedgerStore,
  { partition, offset, hash }: { readonly partition: string; readonly offset: number; readonly hash: string },
): Promise<boolean> {
  const rows = await store.select(
    `SELECT 1 FROM events WHERE hash = {hash:String} AND ${STANDING}
       AND NOT (topic = 'events' AND partition = {partition:String} AND offset = {offset:UInt64}) LIMIT 1`,
    { partition, offset, hash },
    'verify',
  )
  return rows.length > 0
}

/** The ledger's own events stand as own rows; as read from the log only where they are leaves. */
async function findReadBackForged({ store }: ForgedRowsOptions): Promise<readonly Timed<EventRow>[]> {
  const condition = isNoLeaf(`topic = 'events' AND startsWith(writer, 'ledger/') AND ${STANDING}`)
  return await store.select(`SELECT ${ROW_COLUMNS}, ${MICROS} FROM events WHERE ${condition} LIMIT ${MAX_ROWS}`)
}

/** Own rows that are no leaves yet are those of the last moment before a crash: signed, or forged. */
async function findOwnForged({ store, log, trust }: ForgedRowsOptions): Promise<readonly Timed<EventRow>[]> {
  const condition = isNoLeaf(`topic = 'own' AND ${STANDING}`)
  const rows = await store.select<Timed<EventRow>>(
    `SELECT ${ROW_COLUMNS}, ${MICROS} FROM events WHERE ${condition}
     ORDER BY partition, sequence, hash LIMIT ${MAX_ROWS}`,
  )
  const context = { log, trust, headOf: () => undefined, hashAt: () => undefined }
  return [...groupRows(rows, chainOf).values()].flatMap((chain) => {
    const { verdicts } = verifyRecords(chain.map(asRecord), context)
    return chain.filter((_, at) => verdicts[at]?.outcome === 'quarantined')
  })
}

function asRecord(row: EventRow): LogRecord {
  const headers = { hash: Buffer.from(row.hash, 'hex') }
  const signature = signatureOf(row)
  return {
    key: chainOf(row),
    value: Buffer.from(row.body, 'utf8'),
    headers: signature === undefined ? headers : { ...headers, signature },
  }
}

/** What can't be read is no signature. */
function signatureOf({ signature }: EventRow): Buffer | undefined {
  const bytes = Buffer.from(signature, 'hex')
  try {
    decodeSignature(bytes)
    return bytes
  } catch (error) {
    if (error instanceof ToolwardenError) return undefined
    throw error
  }
}
