// A ledger in miniature for tests: a file log, a store and an ingest on temporary directories, with keys that trust each
// other. One chDB directory a process: each harness has a database of its own in it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FileLog } from '../../events/file-log.ts'
import { generateKey, type KeyPair } from '../../events/keys.ts'
import { APPEND_DEADLINE_MS, type EventLog, type LogRecord, type StoredRecord } from '../../events/log.ts'
import { type Clock, systemClock } from '../../events/time.ts'
import { Trust } from '../../events/trust.ts'
import { openClickHouse } from '../../ledger/clickhouse-connection.ts'
import { openLedgerStore } from '../../ledger/clickhouse-store.ts'
import { Ingest, type IngestOptions } from '../../ledger/ingest.ts'
import { prepareRound } from '../../ledger/ingest-round.ts'
import { KnownChains } from '../../ledger/known-chains.ts'
import { OwnChain } from '../../ledger/own-chain.ts'
import type { LedgerStore } from '../../ledger/store.ts'
import { StoreWriter } from '../../ledger/store-writer.ts'

/** Name of the ledger in tests. */
export const TEST_LOG = 'test'

/** A key of each role, and a trust in all. */
export interface TestKeys {
  readonly gateway: KeyPair
  readonly ledger: KeyPair
  readonly detectors: KeyPair
  readonly api: KeyPair
  readonly trust: Trust
}

/** New keys that are trusted. */
export function createTestKeys(): TestKeys {
  const entries = { gateway: generateKey(), ledger: generateKey(), detectors: generateKey(), api: generateKey() }
  const settings = Object.entries(entries).map(([role, key]) => ({
    writer: `${role}/*`,
    key: key.publicKey.toString('base64url'),
  }))
  return { ...entries, trust: new Trust(settings) }
}

/** A directory under the system's temporary one. */
export function temporaryDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'toolwarden-ledger-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) }
}

/** A file log that forgets a power cut, for speed. */
export function openTestLog(root: string): FileLog {
  return new FileLog({ root, durability: 'process', reserveBytes: 0 })
}

/** Appends whole runs to the log, record by record in appends as they were signed. */
export async function appendAll(eventLog: EventLog, records: readonly LogRecord[]): Promise<void> {
  let append: LogRecord[] = []
  for (const record of records) {
    append.push(record)
    const { signature } = record.headers
    if (signature === undefined) continue
    await eventLog.append('events', append, { deadlineMs: APPEND_DEADLINE_MS * 5, chain: record.key })
    append = []
  }
}

/** Starts an ingest with the usual settings. */
export async function startIngest(
  means: { eventLog: EventLog; store: LedgerStore; keys: TestKeys; clock?: Clock },
  more: Partial<IngestOptions> = {},
): Promise<Ingest> {
  const { eventLog, store, keys, clock = systemClock() } = means
  return await Ingest.start({
    eventLog,
    store,
    clock,
    trust: keys.trust,
    log: TEST_LOG,
    key: keys.ledger,
    opening: { software: 'toolwarden test', configuration: '0'.repeat(64) },
    ...more,
  })
}

/** chDB in a temporary directory: one for a test file, as a process can have one alone. */
export interface TestStores {
  readonly directory: string
  /** A name that no store has yet. */
  newDatabase(): string
  /** A new, empty store; the same one again when a database is named. */
  open(database?: string): Promise<LedgerStore>
  /** Any SQL, behind the store's back. */
  run(sql: string): Promise<void>
  close(): Promise<void>
}

/** Starts chDB. */
export async function createTestStores(): Promise<TestStores> {
  const { path, remove } = temporaryDirectory()
  const directory = join(path, 'store')
  const connection = await openClickHouse({ directory })
  let databases = 0
  const newDatabase = (): string => `test_${++databases}`
  return {
    directory,
    newDatabase,
    open: (database = newDatabase()) => openLedgerStore({ directory, database }, TEST_LOG),
    run: (sql) => connection.ingest.command(sql),
    close: async () => {
      await connection.close()
      remove()
    },
  }
}

/** Records as a log would hand them over, each chain a partition. */
export function asStored(records: readonly LogRecord[], partition?: string): readonly StoredRecord[] {
  const ends = new Map<string, number>()
  return records.map((record) => {
    const place = partition ?? record.key
    const offset = ends.get(place) ?? 0
    ends.set(place, offset + 1)
    return { ...record, timeMs: 1, position: { topic: 'events', partition: place, offset } }
  })
}

/** Judges and stores records as the ingest of a ledger does, without a log. */
export async function storeRecords(
  store: LedgerStore,
  keys: TestKeys,
  batches: readonly (readonly StoredRecord[])[],
  log = TEST_LOG,
): Promise<void> {
  const clock = systemClock()
  const opening = { software: 'toolwarden test', configuration: '0'.repeat(64) }
  const nowMicros = (): number => clock.nowMicros()
  const own = new OwnChain({ log: TEST_LOG, writer: 'ledger/main', key: keys.ledger, opening, nowMicros })
  const writer = new StoreWriter(store, clock)
  await writer.begin()
  for (const batch of batches) {
    const known = await KnownChains.fetch(store, batch)
    await writer.write(prepareRound([batch], { log, trust: keys.trust, known, own, nowMs: 1 }).rows)
  }
}
