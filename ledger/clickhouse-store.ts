// The store on ClickHouse. Inserts and what ingest reads back go over one session, readers have their own.
import type { ChainHead } from '../events/chain.ts'
import { ToolwardenError } from '../events/errors.ts'
import { hashField, uuidField } from '../events/field.ts'
import type { Claims } from './claims.ts'
import { ClickHouseClaims } from './clickhouse-claims.ts'
import { type ClickHouseConnection, type ClickHouseSettings, openClickHouse } from './clickhouse-connection.ts'
import {
  compactRows,
  compactRowsByMonth,
  consistentSql,
  dateTime64,
  insertSelectSql,
  insertSql,
  selectSql,
} from './clickhouse-sql.ts'
import { pruneConditions } from './pruned-rows.ts'
import {
  EVENT_ROW_COLUMNS,
  PAYLOAD_ROW_COLUMNS,
  QUARANTINE_ROW_COLUMNS,
  SCHEMA_VERSION,
  schemaStatements,
} from './schema.ts'
import type {
  LeafRow,
  LedgerStore,
  Pruned,
  QueryParameters,
  ReadLane,
  RestoredRows,
  RowPosition,
  RowTopic,
  StoreBatch,
} from './store.ts'

/** How many chains one statement asks for. */
const CHAINS_A_QUERY = 50
/** How many sequence numbers one statement asks for: they travel in a URL. */
const SEQUENCES_A_QUERY = 500
/** Lines longer than this in all are sent in several inserts: payloads alone, of which repeats are harmless. */
const MAX_INSERT_LENGTH = 16 * 1024 * 1024

/** Opens the ledger's store and makes its tables. Throws STORE_LOCKED, STORE_UNAVAILABLE, STORE_INVALID, DEPENDENCY_MISSING. */
export async function openLedgerStore(settings: ClickHouseSettings, log: string): Promise<LedgerStore> {
  const connection = await openClickHouse(settings)
  try {
    for (const statement of schemaStatements()) await connection.ingest.command(statement)
    await checkMeta(connection, log)
    return new ClickHouseStore(connection)
  } catch (error) {
    await connection.close()
    throw error
  }
}

async function checkMeta({ ingest, where }: ClickHouseConnection, log: string): Promise<void> {
  const rows = await ingest.select<{ version: number; log: string }>(
    consistentSql('SELECT version, log FROM meta ORDER BY version'),
    {},
  )
  const newest = rows.at(-1)
  if (newest === undefined) {
    const row = JSON.stringify([SCHEMA_VERSION, log, dateTime64(Date.now() * 1000)])
    return await ingest.insert(insertSql('meta', ['version', 'log', 'made_at']), row)
  }
  if (newest.version > SCHEMA_VERSION)
    throw new ToolwardenError(
      'STORE_INVALID',
      `the store has tables of version ${newest.version}, this program knows ${SCHEMA_VERSION}`,
      { where, fix: 'use the newer toolwarden that made it' },
    )
  if (newest.log !== log)
    throw new ToolwardenError('STORE_INVALID', `the store holds the ledger ${newest.log}, not ${log}`, {
      where,
      fix: `set the name of the log to ${newest.log}, or choose another directory or database`,
    })
}

class ClickHouseStore implements LedgerStore {
  readonly claims: Claims
  readonly #connection: ClickHouseConnection

  constructor(connection: ClickHouseConnection) {
    this.#connection = connection
    this.claims = new ClickHouseClaims(connection.query, connection.where)
  }

  async insert(batch: StoreBatch): Promise<void> {
    const at = dateTime64(batch.ingestedAtMicros)
    for (const part of split(batch.payloads, ({ recorded, signals }) => recorded.length + signals.length))
      await this.#insertRows('payloads', PAYLOAD_ROW_COLUMNS, compactRows(part, PAYLOAD_ROW_COLUMNS, at))
    for (const part of split(batch.quarantined, ({ raw, headers }) => raw.length + headers.length))
      await this.#insertRows('quarantine', QUARANTINE_ROW_COLUMNS, compactRows(part, QUARANTINE_ROW_COLUMNS, at))
    // Last, and in one statement: what stands in `events` has everything else beside it.
    await this.#insertRows('events', EVENT_ROW_COLUMNS, compactRows(batch.events, EVENT_ROW_COLUMNS, at))
  }

  async insertLeaves(leaves: readonly LeafRow[]): Promise<void> {
    if (leaves.length === 0) return
    const rows = leaves.map(({ position, hash }) => JSON.stringify([position, hash])).join('\n')
    await this.#connection.ingest.insert(insertSql('leaves', ['position', 'hash']), rows)
  }

  async clearLeaves(): Promise<void> {
    await this.#connection.ingest.command('TRUNCATE TABLE leaves')
  }

  async removeDamaged(step: string): Promise<void> {
    const id = uuidField.parse(step)
    const copies = (table: string, columns: string): string =>
      `(SELECT ${columns} FROM quarantine
        WHERE part = 'row of ${table}' AND bytes > 0 AND JSONExtractString(headers, 'step') = '${id}')`
    const wanted = {
      events: `(topic, partition, offset, toString(hash)) IN
        ${copies('events', "topic, partition, offset, JSONExtractString(headers, 'key')")}`,
      payloads: `toString(hash) IN ${copies('payloads', "JSONExtractString(headers, 'key')")}`,
      quarantine: `(topic, partition, offset, part) IN
        ${copies('quarantine', "topic, partition, offset, JSONExtractString(headers, 'key')")}`,
    }
    for (const [table, condition] of Object.entries(wanted)) {
      // A mutation rewrites whole parts, so none is begun for nothing.
      const [found] = await this.#consistent<{ rows: number }>(
        `SELECT count() AS rows FROM ${table} WHERE ${condition}`,
      )
      if (found?.rows === 0) continue
      await this.#connection.ingest.command(
        `ALTER TABLE ${table} DELETE WHERE ${condition} SETTINGS mutations_sync = 2`,
      )
    }
  }

  async restore({ events, payloads, quarantined }: RestoredRows): Promise<void> {
    for (const part of split(payloads, ({ recorded, signals }) => recorded.length + signals.length))
      await this.#insertMonths('payloads', PAYLOAD_ROW_COLUMNS, compactRowsByMonth(part, PAYLOAD_ROW_COLUMNS))
    for (const part of split(quarantined, ({ raw, headers }) => raw.length + headers.length))
      await this.#insertMonths('quarantine', QUARANTINE_ROW_COLUMNS, compactRowsByMonth(part, QUARANTINE_ROW_COLUMNS))
    await this.#insertMonths('events', EVENT_ROW_COLUMNS, compactRowsByMonth(events, EVENT_ROW_COLUMNS))
  }

  async planErasure(erasure: string, condition: string, parameters: QueryParameters): Promise<void> {
    const select = `SELECT DISTINCT {erasure:String}, hash FROM payloads
      WHERE erased_by = '' AND hash IN (SELECT hash FROM events WHERE ${condition})`
    const sql = insertSelectSql('erasures', ['erasure', 'hash'], select)
    await this.#connection.ingest.command(sql, { ...parameters, erasure })
  }

  async carryOutErasure(erasure: string, erasedBy: string): Promise<void> {
    // A mutation is kept as text, so parameters have no place in it: what stands here is made of hex digits and hyphens.
    const [id, hash] = [uuidField.parse(erasure), hashField.parse(erasedBy)]
    // Over the readers' session: a mutation may take minutes, and ingest must not wait for it.
    await this.#connection.verify.command(
      `ALTER TABLE payloads UPDATE recorded = '', signals = '', erased_by = '${hash}'
       WHERE erased_by = '' AND hash IN (SELECT hash FROM erasures WHERE erasure = '${id}')
       SETTINGS mutations_sync = 2`,
    )
  }

  async prune(pruned: Pruned, before?: (table: string) => Promise<void> | void): Promise<void> {
    for (const [table, condition] of Object.entries(pruneConditions(pruned))) {
      await before?.(table)
      const [found] = await this.#connection.verify.select<{ rows: number }>(
        selectSql(`SELECT count() AS rows FROM ${table} WHERE ${condition}`),
        {},
      )
      if (found?.rows === 0) continue
      // Over the readers' session, as it may take minutes.
      await this.#connection.verify.command(
        `ALTER TABLE ${table} DELETE WHERE ${condition} SETTINGS mutations_sync = 2`,
      )
    }
  }

  async isStored({ topic, partition, offset }: RowPosition): Promise<boolean> {
    const rows = await this.#consistent(
      'SELECT 1 FROM events WHERE topic = {topic:String} AND partition = {partition:String} AND offset = {offset:UInt64} LIMIT 1',
      { topic, partition, offset },
    )
    return rows.length > 0
  }

  async findWatermark(topic: RowTopic, partition: string): Promise<number | undefined> {
    const rows = await this.#consistent<{ offset: number }>(
      `SELECT offset FROM events WHERE topic = {topic:String} AND partition = {partition:String}
       ORDER BY topic, partition, offset DESC LIMIT 1`,
      { topic, partition },
    )
    return rows[0]?.offset
  }

  async findNewestMicros(): Promise<number> {
    const rows = await this.#consistent<{ micros: number }>(
      'SELECT toUnixTimestamp64Micro(max(ingested_at)) AS micros FROM events',
    )
    return rows[0]?.micros ?? 0
  }

  async findHeads(lowest: ReadonlyMap<string, number>): Promise<ReadonlyMap<string, ChainHead>> {
    const near = await this.#headsFrom([...lowest].map(([chain, from]) => ({ chain, from: from - 1 })))
    // New, or beyond a gap: only then a whole chain is read.
    const far = [...lowest.keys()].filter((chain) => !near.has(chain)).map((chain) => ({ chain, from: 0 }))
    return new Map([...near, ...(await this.#headsFrom(far))])
  }

  async findHashes(chain: string, sequences: readonly number[]): Promise<ReadonlyMap<number, string>> {
    const hashes = new Map<number, string>()
    for (let from = 0; from < sequences.length; from += SEQUENCES_A_QUERY) {
      const rows = await this.#consistent<{ sequence: number; hash: string }>(
        `SELECT DISTINCT sequence, hash FROM events
         WHERE writer = {writer:String} AND instance = {instance:String} AND sequence IN {sequences:Array(UInt64)}
           AND outcome IN ('accepted', 'late')`,
        { ...splitChain(chain), sequences: sequences.slice(from, from + SEQUENCES_A_QUERY) },
      )
      for (const { sequence, hash } of rows) hashes.set(sequence, hash)
    }
    return hashes
  }

  async select<Row>(sql: string, parameters: QueryParameters = {}, lane: ReadLane = 'query'): Promise<readonly Row[]> {
    return await this.#connection[lane].select<Row>(selectSql(sql), parameters)
  }

  async close(): Promise<void> {
    await this.#connection.close()
  }

  async #headsFrom(chains: readonly { chain: string; from: number }[]): Promise<ReadonlyMap<string, ChainHead>> {
    const heads = new Map<string, ChainHead>()
    for (let start = 0; start < chains.length; start += CHAINS_A_QUERY) {
      const parameters: Record<string, string | number> = {}
      const parts = chains.slice(start, start + CHAINS_A_QUERY).map(({ chain, from }, index) => {
        const { writer, instance } = splitChain(chain)
        Object.assign(parameters, { [`w${index}`]: writer, [`i${index}`]: instance, [`s${index}`]: Math.max(0, from) })
        return `(writer = {w${index}:String} AND instance = {i${index}:String} AND sequence >= {s${index}:UInt64})`
      })
      const rows = await this.#consistent<{ writer: string; instance: string; top: number; top_hash: string }>(
        `SELECT writer, instance, max(sequence) AS top, argMax(hash, sequence) AS top_hash FROM events
         WHERE outcome IN ('accepted', 'late') AND (${parts.join(' OR ')}) GROUP BY writer, instance`,
        parameters,
      )
      for (const { writer, instance, top, top_hash } of rows)
        heads.set(`${writer}/${instance}`, { sequence: top, hash: top_hash })
    }
    return heads
  }

  async #insertMonths(table: string, columns: readonly string[], months: readonly string[]): Promise<void> {
    for (const rows of months) await this.#insertRows(table, columns, rows)
  }

  async #insertRows(table: string, columns: readonly string[], rows: string): Promise<void> {
    if (rows !== '') await this.#connection.ingest.insert(insertSql(table, [...columns, 'ingested_at']), rows)
  }

  async #consistent<Row>(sql: string, parameters: QueryParameters = {}): Promise<readonly Row[]> {
    return await this.#connection.ingest.select<Row>(consistentSql(sql), parameters)
  }
}

/** The two columns of a chain's name `role/name/instance`. */
function splitChain(chain: string): { readonly writer: string; readonly instance: string } {
  const end = chain.lastIndexOf('/')
  return { writer: chain.slice(0, Math.max(0, end)), instance: chain.slice(end + 1) }
}

function split<Row>(rows: readonly Row[], lengthOf: (row: Row) => number): Row[][] {
  const parts: Row[][] = []
  let length = Number.POSITIVE_INFINITY
  for (const row of rows) {
    if (length + lengthOf(row) > MAX_INSERT_LENGTH) {
      parts.push([])
      length = 0
    }
    parts.at(-1)?.push(row)
    length += lengthOf(row)
  }
  return parts
}
