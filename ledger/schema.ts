// The tables, as SQL that can be run again at every start. Rules in comments beside each table.
import { SEQUENCER_TABLE } from './clickhouse-claims.ts'
import { NUMBER_COLUMNS, TEXT_COLUMNS } from './event-columns.ts'
import type { EventRow, PayloadRow, QuarantineRow } from './store.ts'

/** Grows with every change of the tables; a store of a newer version is refused. */
export const SCHEMA_VERSION = 1

/** The columns of `events` that an insert names, in order; `ingested_at` comes last. */
export const EVENT_ROW_COLUMNS = [
  'topic',
  'partition',
  'offset',
  'log_time',
  'outcome',
  'reason',
  'after_gap',
  'hash',
  'signature',
  'attachments',
  'body',
  ...TEXT_COLUMNS,
  ...NUMBER_COLUMNS,
] as const satisfies readonly (keyof EventRow)[]
/** The columns of `payloads` that an insert names, in order. */
export const PAYLOAD_ROW_COLUMNS = [
  'topic',
  'partition',
  'offset',
  'hash',
  'chain',
  'recorded',
  'signals',
  'erased_by',
] as const satisfies readonly (keyof PayloadRow)[]
/** The columns of `quarantine` that an insert names, in order. */
export const QUARANTINE_ROW_COLUMNS = [
  'topic',
  'partition',
  'offset',
  'part',
  'chain',
  'reason',
  'digest',
  'bytes',
  'raw',
  'headers',
] as const satisfies readonly (keyof QuarantineRow)[]

/** Few different values: these compress and compare best as dictionaries. */
const DICTIONARY_COLUMNS: ReadonlySet<string> = new Set([
  'type',
  'principal',
  'client',
  'server',
  'tool',
  'decision',
  'cause',
  'status',
  'detector',
  'severity',
  'state',
])
const KEY_COLUMNS: ReadonlySet<string> = new Set(['writer', 'instance'])

/** Durable on acknowledgement: 41% of the time of a 1,000-row insert, and worth it. */
const DURABLE = 'fsync_after_insert = 1, fsync_part_directory = 1'

/** The statements that make the tables, in order. */
export function schemaStatements(): readonly string[] {
  return [META_TABLE, eventsTable(), PAYLOADS_TABLE, QUARANTINE_TABLE, LEAVES_TABLE, ERASURES_TABLE, SEQUENCER_TABLE]
}

// Which ledger this is, and by which version of the tables: one row each time it was made or changed.
const META_TABLE = `CREATE TABLE IF NOT EXISTS meta (
  version UInt32,
  log String,
  made_at DateTime64(6, 'UTC')
) ENGINE = MergeTree ORDER BY version SETTINGS ${DURABLE}`

// Plain MergeTree, never Replacing: with INSERT alone one could overwrite history. With the hash in the key a fork keeps
// both rows. The month is that of the ledger's clock: with the sender's a batch of 120 months is refused for ever.
// `time` stays the text of the body: a sender's year 9999 has no place in DateTime64. So does log_time: Kafka's may be anything.
function eventsTable(): string {
  return `CREATE TABLE IF NOT EXISTS events (
  topic LowCardinality(String),
  partition String CODEC(ZSTD(1)),
  offset UInt64 CODEC(Delta, ZSTD(1)),
  log_time Int64 CODEC(Delta, ZSTD(1)),
  ingested_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  outcome LowCardinality(String),
  reason String CODEC(ZSTD(1)),
  after_gap UInt64 CODEC(ZSTD(1)),
  hash FixedString(64) CODEC(ZSTD(1)),
  signature String CODEC(ZSTD(1)),
  attachments LowCardinality(String),
  body String CODEC(ZSTD(1)),
  ${TEXT_COLUMNS.map(textColumn).join(',\n  ')},
  ${NUMBER_COLUMNS.map((name) => `${name} UInt64 CODEC(Delta, ZSTD(1))`).join(',\n  ')},
  INDEX by_hash hash TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX by_call call TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX by_session session TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX by_subject subject TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX by_alert alert TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX by_rule rule TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX by_type type TYPE set(64) GRANULARITY 1,
  INDEX by_time time TYPE minmax GRANULARITY 1,
  PROJECTION by_position (
    SELECT topic, partition, offset, outcome, hash, signature ORDER BY topic, partition, offset
  )
) ENGINE = MergeTree
PARTITION BY toYYYYMM(ingested_at)
ORDER BY (writer, instance, sequence, hash)
SETTINGS ${DURABLE}`
}

function textColumn(name: string): string {
  if (KEY_COLUMNS.has(name)) return `${name} String CODEC(ZSTD(1))`
  return DICTIONARY_COLUMNS.has(name) ? `${name} LowCardinality(String)` : `${name} String CODEC(ZSTD(1))`
}

// In the order of their events, as verification reads them: by hash each payload was a granule of its own to be read, and a
// million of them took longer than all else together. One that is looked for by its hash alone is found by the index.
const PAYLOADS_TABLE = `CREATE TABLE IF NOT EXISTS payloads (
  topic LowCardinality(String),
  partition String CODEC(ZSTD(1)),
  offset UInt64 CODEC(Delta, ZSTD(1)),
  ingested_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  hash FixedString(64) CODEC(ZSTD(1)),
  chain String CODEC(ZSTD(1)),
  recorded String CODEC(ZSTD(1)),
  signals String CODEC(ZSTD(1)),
  erased_by String CODEC(ZSTD(1)),
  INDEX payloads_by_hash hash TYPE bloom_filter(0.001) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toYYYYMM(ingested_at)
ORDER BY (topic, partition, offset)
SETTINGS index_granularity = 1024, ${DURABLE}`

const QUARANTINE_TABLE = `CREATE TABLE IF NOT EXISTS quarantine (
  topic LowCardinality(String),
  partition String CODEC(ZSTD(1)),
  offset UInt64 CODEC(Delta, ZSTD(1)),
  ingested_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  part LowCardinality(String),
  chain String CODEC(ZSTD(1)),
  reason String CODEC(ZSTD(1)),
  digest FixedString(64) CODEC(ZSTD(1)),
  bytes UInt64 CODEC(ZSTD(1)),
  raw String CODEC(ZSTD(1)),
  headers String CODEC(ZSTD(1))
) ENGINE = MergeTree
PARTITION BY toYYYYMM(ingested_at)
ORDER BY (topic, partition, offset, part)
SETTINGS ${DURABLE}`

// An index of the Merkle log by hash, made again from its tiles where it is lost: so it need not survive a power cut.
// Small granules: a proof asks for one hash, a tick for a thousand that stand anywhere.
const LEAVES_TABLE = `CREATE TABLE IF NOT EXISTS leaves (
  position UInt64 CODEC(ZSTD(1)),
  hash FixedString(64) CODEC(ZSTD(1))
) ENGINE = MergeTree ORDER BY hash SETTINGS index_granularity = 512`

// Which payloads each erasure takes. Believed only as far as the digest in its `admin/erased` event covers it; what has no
// such event is a plan that came to nothing.
const ERASURES_TABLE = `CREATE TABLE IF NOT EXISTS erasures (
  erasure String CODEC(ZSTD(1)),
  hash FixedString(64) CODEC(ZSTD(1))
) ENGINE = MergeTree ORDER BY (erasure, hash) SETTINGS ${DURABLE}`
