// Verifies what the store holds: walks all chains in order, in pages, and checks the other tables against them.
// A broken chain is a result, not an error. Memory stays bounded by the page, the open calls and what is listed.
import type { Trust } from '../events/trust.ts'
import { ChainWalk, type PendingChecks } from './chain-walk.ts'
import { findPruned } from './pruning.ts'
import { findRevocations, type Revocations, verifyRevoked } from './revocations.ts'
import type { EventRow, LedgerStore, Pruned } from './store.ts'
import { ROW_COLUMNS } from './stored-event.ts'
import { verifyVerdicts } from './verify-approvals.ts'
import { verifyAttachments, verifyPayloadPlaces } from './verify-attachments.ts'
import { createErasureCheck, type ErasureCheck } from './verify-erasures.ts'
import { verifyForeignReceipts, verifyGaps, verifyOpenCalls, verifyOrphans } from './verify-pending.ts'
import { excusePruned } from './verify-pruned.ts'
import { verifyQuarantined, verifyQuarantineRows } from './verify-quarantine.ts'
import { checkBodies } from './verify-quick.ts'
import { verifyAnnounced, verifyRanges } from './verify-ranges.ts'
import { verifyRepairs } from './verify-repairs.ts'
import { Findings, type VerifyReport } from './verify-report.ts'
import { type TreeToVerify, verifyTree } from './verify-tree.ts'

/** How many rows are held at once. */
const PAGE_ROWS = 2_000
const LONGEST_REST_MS = 1_000

/** How far a verification went that found nothing wrong. */
export interface VerifiedUpTo {
  /** Rows that were stored later were left out, microseconds since 1970. */
  readonly upToMicros: number
  readonly leaves: number
}

/** What to verify, and with whose keys. */
export interface VerifyOptions {
  readonly store: LedgerStore
  /** Name of the ledger. */
  readonly log: string
  readonly trust: Trust
  /** The Merkle log, where there is one. */
  readonly tree?: TreeToVerify
  /**
   * What an earlier verification found valid: then the chains that grew since are walked, and of the tree the entries since are
   * read; of all others bodies and hashes alone are checked, inside the store,
   * and that every leaf has its row. Everything unless told.
   */
  readonly since?: VerifiedUpTo
  /** Told after each page how many of the rows were walked. */
  readonly onProgress?: (progress: { readonly rows: number; readonly total: number }) => void
  /** Rests after each page for as long as that took: nobody waits. */
  readonly isUnhurried?: boolean
  /** Ends it early, with the reason of the abort as error. */
  readonly signal?: AbortSignal
}

/** Verifies the whole store; again where it was pruned meanwhile. Throws STORE_* only. */
export async function verifyLedger(options: VerifyOptions): Promise<VerifyReport> {
  for (;;) {
    const pruned = await findPruned(options.store)
    const report = await verifyOnce(options, pruned)
    // Its event is stored before any row goes.
    if ((await findPruned(options.store)).minIndex === pruned.minIndex) return report
  }
}

async function verifyOnce(options: VerifyOptions, pruned: Pruned): Promise<VerifyReport> {
  const { store, log, trust, tree, since, onProgress, isUnhurried = false, signal } = options
  const sinceMicros = since?.upToMicros ?? -1
  const findings = new Findings()
  const revocations = await findRevocations(store, log, trust)
  const means = { findings, revocations, covers: createErasureCheck(store) }
  findings.counts.pruned = pruned.minIndex
  const walk = new ChainWalk({ log, trust, findings, revocations })
  // What is stored after this moment is left to the next verification.
  const upToMicros = await store.findNewestMicros()
  const total = await countRows(store, { upToMicros, sinceMicros })
  let beganMs = performance.now()
  for await (const rows of pagesOf(store, { upToMicros, sinceMicros })) {
    signal?.throwIfAborted()
    for (const row of rows) walk.feed(row)
    findings.counts.rows += rows.length
    await excusePruned(store, pruned, walk.pending)
    await settle(store, walk.pending, means)
    onProgress?.({ rows: findings.counts.rows, total })
    if (isUnhurried) await rest(performance.now() - beganMs)
    beganMs = performance.now()
  }
  signal?.throwIfAborted()
  walk.end()
  await excusePruned(store, pruned, walk.pending)
  await settle(store, walk.pending, means)
  if (since !== undefined) await checkBodies(store, upToMicros, findings)
  await verifyPayloadPlaces(store, upToMicros, findings)
  await verifyAnnounced(store, { upToMicros, fromMicros: pruned.beforeMicros }, findings)
  await verifyQuarantineRows(store, upToMicros, findings)
  if (tree !== undefined)
    await verifyTree(store, { ...tree, minIndex: pruned.minIndex, readFrom: since?.leaves ?? 0 }, findings)
  return findings.report(upToMicros)
}

/** Asks the store what the walk could not know, and empties the list. */
async function settle(
  store: LedgerStore,
  pending: PendingChecks,
  { findings, revocations, covers }: { findings: Findings; revocations: Revocations; covers: ErasureCheck },
): Promise<void> {
  const events = pending.events.splice(0)
  verifyOrphans(pending.orphans.splice(0), findings)
  await verifyAttachments(store, events, { findings, covers })
  await verifyVerdicts(store, events, findings)
  await verifyRanges(store, events, findings)
  await verifyQuarantined(store, events, findings)
  await verifyRepairs(store, events, findings)
  await verifyGaps(store, pending.gaps.splice(0), findings)
  await verifyForeignReceipts(store, pending.receipts.splice(0), findings)
  await verifyOpenCalls(store, pending.openCalls.splice(0), findings)
  await verifyRevoked(store, pending.revokedRuns.splice(0), { revocations, findings })
}

function rest(timeMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.min(timeMs, LONGEST_REST_MS)))
}

interface Walked {
  readonly upToMicros: number
  /** Chains of which nothing was stored later are left out. */
  readonly sinceMicros: number
}

async function countRows(store: LedgerStore, { upToMicros, sinceMicros }: Walked): Promise<number> {
  const [counted] = await store.select<{ total: number }>(
    `SELECT count() AS total FROM events
     WHERE outcome != 'quarantined' AND ingested_at <= fromUnixTimestamp64Micro({upTo:Int64})${grown(sinceMicros)}`,
    { upTo: upToMicros, since: sinceMicros },
    'verify',
  )
  return counted?.total ?? 0
}

async function* pagesOf(store: LedgerStore, { upToMicros, sinceMicros }: Walked): AsyncGenerator<readonly EventRow[]> {
  let after = { writer: '', instance: '', sequence: 0, hash: '', topic: '', partition: '', offset: 0 }
  for (;;) {
    const { writer, instance, sequence, hash, topic, partition, offset } = after
    const rows = await store.select<EventRow>(
      pageSql(sinceMicros),
      { upTo: upToMicros, since: sinceMicros, writer, instance, sequence, hash, topic, partition, offset },
      'verify',
    )
    const last = rows.at(-1)
    if (last !== undefined) yield rows
    if (last === undefined || rows.length < PAGE_ROWS) return
    after = last
  }
}

/** The condition for chains that grew; nothing where all are walked. */
function grown(sinceMicros: number): string {
  return sinceMicros < 0
    ? ''
    : ` AND (writer, instance) IN (
      SELECT DISTINCT writer, instance FROM events WHERE ingested_at > fromUnixTimestamp64Micro({since:Int64}))`
}

// Nested, not a comparison of tuples: only so the primary key is used (seen in EXPLAIN indexes=1).
const pageSql = (sinceMicros: number): string => `SELECT ${ROW_COLUMNS} FROM events
WHERE outcome != 'quarantined' AND ingested_at <= fromUnixTimestamp64Micro({upTo:Int64})${grown(sinceMicros)}
  AND writer >= {writer:String} AND (writer > {writer:String} OR (
    instance >= {instance:String} AND (instance > {instance:String} OR (
      sequence >= {sequence:UInt64} AND (sequence > {sequence:UInt64} OR
        (hash, topic, partition, offset) > ({hash:String}, {topic:String}, {partition:String}, {offset:UInt64}))))))
ORDER BY writer, instance, sequence, hash, topic, partition, offset
LIMIT ${PAGE_ROWS}`
