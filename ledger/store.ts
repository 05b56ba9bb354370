// The store port: where the ledger keeps one row for every message that it consumed, and reads it back.
// Written by ingest alone; clickhouse-store.ts is the adapter (chDB in-process or a server, the same SQL on both).
import type { ChainHead } from '../events/chain.ts'
import type { Claims } from './claims.ts'
import type { EventColumns } from './event-columns.ts'

/** What became of a message at ingest. */
export type Outcome = 'accepted' | 'late' | 'duplicate' | 'fork' | 'quarantined'

/** `events` for what was read from the log, `own` for the ledger's own events, which are stored before they are published. */
export type RowTopic = 'events' | 'own'

/** Where a row stands: an offset of a log partition, or a sequence number of the ledger's own chain. */
export interface RowPosition {
  readonly topic: RowTopic
  readonly partition: string
  readonly offset: number
}

/** One consumed message. A duplicate is slim: no body, and of the query columns only its place in the chain. */
export interface EventRow extends EventColumns, RowPosition {
  /** The log's time of the append, milliseconds since 1970. */
  readonly log_time: number
  readonly outcome: Outcome
  /** Why it was quarantined or called a fork, or what was wrong with what travelled beside it; else empty. */
  readonly reason: string
  /** The first sequence number that was missing before this event when it came; 0 for none. */
  readonly after_gap: number
  /** Hash of the body; of a quarantined message SHA-256 of its bytes. */
  readonly hash: string
  /** Hex of the `signature` header; on the last event of an append only. */
  readonly signature: string
  /** What travelled beside the body and was believed: `payload`, `signals`, both with a comma, or nothing. */
  readonly attachments: string
  /** The exact bytes of the body; empty for duplicates and quarantined messages. */
  readonly body: string
}

/** What travelled beside a body: kept apart, so that it can be erased without touching the chain. */
export interface PayloadRow extends RowPosition {
  readonly hash: string
  readonly chain: string
  /** Salt and recorded bytes, base64; empty for none. */
  readonly recorded: string
  /** Canonical JSON of the signals, base64; empty for none. */
  readonly signals: string
  /** Hash of the `admin/erased` event that this row stands for; else empty. */
  readonly erased_by: string
}

/** The raw bytes of what was not believed. */
export interface QuarantineRow extends RowPosition {
  /** `message` for a whole message, or the name of the header that was not believed. */
  readonly part: string
  readonly chain: string
  readonly reason: string
  /** SHA-256 of all bytes, also of those that were not kept. */
  readonly digest: string
  readonly bytes: number
  /** At most MAX_QUARANTINED_BYTES, base64. */
  readonly raw: string
  /** JSON of the headers, each in base64. */
  readonly headers: string
}

/** What one insert makes durable together. */
export interface StoreBatch {
  /** The ledger's clock, microseconds since 1970; later than that of every batch before. */
  readonly ingestedAtMicros: number
  readonly events: readonly EventRow[]
  readonly payloads: readonly PayloadRow[]
  readonly quarantined: readonly QuarantineRow[]
}

/** A row with the time at which the ledger stored it, or would have: microseconds since 1970. */
export type Timed<Row> = Row & { readonly micros: number }

/** Rows that a repair puts back, each with its own time. */
export interface RestoredRows {
  readonly events: readonly Timed<EventRow>[]
  readonly payloads: readonly Timed<PayloadRow>[]
  readonly quarantined: readonly Timed<QuarantineRow>[]
}

/** Where an event's hash stands in the Merkle log. */
export interface LeafRow {
  /** Index of the leaf, from 0. */
  readonly position: number
  readonly hash: string
}

/** How far the ledger was pruned. */
export interface Pruned {
  /** Rows that were stored before may be gone, microseconds since 1970; 0 where nothing was pruned. */
  readonly beforeMicros: number
  /** All of them are leaves below this one. */
  readonly minIndex: number
}

/** Values bound to `{name:Type}` in the SQL. */
export type QueryParameters = Readonly<Record<string, string | number | readonly string[] | readonly number[]>>

/** Who reads: work of one lane never waits for that of another. */
export type ReadLane = 'query' | 'verify'

/** The ledger's store. All methods fail with STORE_UNAVAILABLE (retriable) or STORE_INVALID (a person has to act). */
export interface LedgerStore {
  /** Which tree its sequencers claimed, for those who share the store. */
  readonly claims: Claims
  /**
   * Resolves when all rows are durable: payloads and quarantined bytes first, then the events in one block, all or none.
   * Not idempotent: after a retriable error the outcome is unknown, and the caller asks `isStored` before it repeats.
   * Repeated rows are harmless: readers take one row a position.
   */
  insert(batch: StoreBatch): Promise<void>
  /** Adds to the index of leaves, which the files of the Merkle log can always make again; repeated rows are harmless. */
  insertLeaves(leaves: readonly LeafRow[]): Promise<void>
  /** Empties the index of leaves. */
  clearLeaves(): Promise<void>
  /** Removes the rows whose copies one step of a repair has put into quarantine. Idempotent. */
  removeDamaged(step: string): Promise<void>
  /** Puts rows back; resolves when all are durable. Not idempotent: what a failure left is found by comparing anew. */
  restore(rows: RestoredRows): Promise<void>
  /**
   * Notes which payloads an erasure takes: of the events that a condition on `events` names, as far as they are not erased.
   * Changes no payload. Not idempotent: it is done once for each erasure.
   */
  planErasure(erasure: string, condition: string, parameters: QueryParameters): Promise<void>
  /** Overwrites the payloads that an erasure planned, and names its event in them; resolves when that is done. Idempotent. */
  carryOutErasure(erasure: string, erasedBy: string): Promise<void>
  /**
   * Removes rows that were stored before a moment (microseconds since 1970) and whose leaf lies below an index; what the
   * ledger goes on from stays. Resolves when that is done. Idempotent; `before` is told of each table.
   */
  prune(pruned: Pruned, before?: (table: string) => Promise<void> | void): Promise<void>
  /** Whether a row stands at a position. Sees everything that an acknowledged insert wrote. */
  isStored(position: RowPosition): Promise<boolean>
  /** The last offset stored of a partition; undefined for none. */
  findWatermark(topic: RowTopic, partition: string): Promise<number | undefined>
  /** The ledger's time of the newest row, microseconds since 1970; 0 in an empty store. */
  findNewestMicros(): Promise<number>
  /**
   * The last accepted event of each chain; chains without one are left out. The number is the lowest sequence number
   * that the caller is about to judge: it changes no answer, but where to look first.
   */
  findHeads(lowest: ReadonlyMap<string, number>): Promise<ReadonlyMap<string, ChainHead>>
  /** The accepted hashes at sequence numbers of a chain. */
  findHashes(chain: string, sequences: readonly number[]): Promise<ReadonlyMap<number, string>>
  /** Runs one SELECT with bound parameters; 64-bit numbers come as numbers. The caller names the shape of its rows. */
  select<Row>(sql: string, parameters?: QueryParameters, lane?: ReadLane): Promise<readonly Row[]>
  close(): Promise<void>
}
