// Repairs the store from the event log: every row that the log can give is held against it, and what differs is put aside and
// put right. What may be put back is bounded by what was signed: leaves of the Merkle log and the ledger's own statements.
// Runs on a store that nobody else writes. Killed at any moment, it goes on where it was: its evidence stands in quarantine.
import type { KeyPair } from '../../events/keys.ts'
import type { EventLog, ExpiredRange, StoredRecord } from '../../events/log.ts'
import { type Clock, uuidv7 } from '../../events/time.ts'
import type { Trust } from '../../events/trust.ts'
import { STANDING } from '../history-filter.ts'
import { OwnChain } from '../own-chain.ts'
import { findPruned, readPruned } from '../pruning.ts'
import { findRevocations } from '../revocations.ts'
import type { LedgerStore, Pruned } from '../store.ts'
import { StoreWriter } from '../store-writer.ts'
import { verifyLedger } from '../verify.ts'
import type { VerifyReport } from '../verify-report.ts'
import { EVIDENCE_DIGEST, EVIDENCE_PART, IS_EVIDENCE } from './evidence.ts'
import { removeForged } from './forged-rows.ts'
import { findWrongLeaves, type LeafSource, openSignedTree, rebuildIndex } from './leaf-index.ts'
import { type MendedCounts, Mender, type RepairFault } from './mender.ts'
import { OwnRowsRepair } from './own-rows.ts'
import { type LogStretch, PartitionRepair } from './partition-repair.ts'
import { findLeaves } from './stored-rows.ts'

/** About how many records are compared at once. */
const BATCH_RECORDS = 1_000

/** What a repair works with. */
export interface RepairOptions {
  readonly store: LedgerStore
  readonly eventLog: EventLog
  readonly clock: Clock
  /** Name of the ledger. */
  readonly log: string
  readonly trust: Trust
  readonly tree: LeafSource
  /** The long-lived key of the ledger, which signs the event of the repair. */
  readonly key: KeyPair
  readonly opening: { readonly software: string; readonly configuration: string }
  readonly by: string
  readonly reason: string
  readonly isDryRun: boolean
  /** Told how many records of the log were compared. */
  readonly onProgress?: (records: number) => void
  readonly fault?: RepairFault
}

/** What a repair came to. */
export interface RepairResult extends MendedCounts {
  /** Whether the index of leaves was made again. */
  readonly leaves: boolean
  /** Hash of the `ledger/repaired` event; undefined where nothing was damaged, and in a dry run. */
  readonly event: string | undefined
  /** How the store verifies afterwards. */
  readonly report: VerifyReport
  /** What the log has of each partition: the rest of what it once had is beyond repair. */
  readonly read: ReadonlyMap<string, Readonly<LogStretch>>
  /** What the log can't give any more, or not undamaged. */
  readonly missing: readonly ExpiredRange[]
}

/** Repairs the store, or counts what it would. Throws STORE_*, LOG_*, TREE_INVALID, CHECKPOINT_INVALID. */
export async function repairLedger(options: RepairOptions): Promise<RepairResult> {
  const { store, clock, log, trust, tree, isDryRun, fault } = options
  const signed = await openSignedTree(tree)
  const open = await findOpenRepairs(store)
  const repair = open.at(-1) ?? uuidv7(clock.nowMicros())
  const mender = new Mender({ store, clock, repair, isDryRun, fault })
  const wrong = await findWrongLeaves(store, signed, tree)
  if (wrong.length > 0) await mender.noteLeaves(wrong)
  if (wrong.length > 0 && !isDryRun) await rebuildIndex(store, signed)
  const means = { store, log, trust, mender, isDryRun, pruned: await findPrunedAnywhere(options) }
  const own = new OwnRowsRepair({ ...means, standing: await findStanding(options) })
  let compared = 0
  await readLog(options, (records) => own.take(records))
  await removeForged(means)
  const revocations = () => findRevocations(store, log, trust)
  const partitions = new PartitionRepair({ ...means, known: own.known, findRevocations: revocations })
  const missing = await readLog(options, async (records) => {
    await partitions.take(records)
    compared += records.length
    options.onProgress?.(compared)
  })
  await removeForged(means)
  const report = await verifyLedger({ store, log, trust, tree: { directory: tree.treeDirectory, logKey: tree.logKey } })
  await fault?.('before-event')
  const event = isDryRun ? undefined : await recordRepair(options, report)
  return { ...mender.counts, leaves: wrong.length > 0, event, report, read: partitions.read, missing }
}

/** Every batch once, each partition in order; resolves to what can't be read. */
async function readLog(
  { eventLog }: RepairOptions,
  onBatch: (records: readonly StoredRecord[]) => Promise<void>,
): Promise<readonly ExpiredRange[]> {
  const missing: ExpiredRange[] = []
  const onExpired = (range: ExpiredRange): void => void missing.push(range)
  const subscription = await eventLog.subscribe(
    'events',
    { from: 'beginning', maxBatchRecords: BATCH_RECORDS, onExpired },
    onBatch,
  )
  try {
    await subscription.caughtUp
  } finally {
    await subscription.stop()
  }
  return missing
}

/** How far the ledger was pruned, even where the store lost the word of it: what is gone by right is not put back. */
async function findPrunedAnywhere(options: RepairOptions): Promise<Pruned> {
  const { store } = options
  let found = await findPruned(store)
  await readLog(options, async (records) => {
    const said = records.flatMap(({ key, value }) => (key.startsWith('api/') ? readPruned(Buffer.from(value)) : []))
    const leaves = await findLeaves(
      store,
      said.map(({ hash }) => hash),
    )
    for (const { hash, ...pruned } of said) if (leaves.has(hash) && pruned.minIndex > found.minIndex) found = pruned
  })
  return found
}

async function findStanding({ store, log, trust }: RepairOptions): Promise<Trust> {
  const standing = trust.copy()
  for (const key of (await findRevocations(store, log, trust)).keys()) standing.revoke(key)
  return standing
}

/** Repairs that put something aside and were ended before they said so, oldest first. */
async function findOpenRepairs(store: LedgerStore): Promise<readonly string[]> {
  const rows = await store.select<{ repair: string }>(
    `SELECT DISTINCT JSONExtractString(headers, 'repair') AS repair FROM quarantine
     WHERE startsWith(part, '${EVIDENCE_PART}') AND repair NOT IN (SELECT subject FROM events WHERE type = 'ledger/repaired' AND ${STANDING})
     ORDER BY repair`,
  )
  return rows.map(({ repair }) => repair)
}

/** Says what was done, in a run of the ledger of its own: stored at once, and published when the ledger runs next. */
async function recordRepair(options: RepairOptions, report: VerifyReport): Promise<string | undefined> {
  const { store, clock, log, key, opening, by, reason } = options
  const open = await findOpenRepairs(store)
  if (open.length === 0) return undefined
  const nowMicros = (): number => clock.nowMicros()
  const own = new OwnChain({ log, writer: 'ledger/main', key, opening, nowMicros })
  const drafts = []
  for (const repair of open) {
    const said = await summarise(store, repair)
    drafts.push({ type: 'ledger/repaired', repair, ...said, remaining: report.violationCount, by, reason } as const)
  }
  const close = { type: 'writer/close', events: drafts.length + 2 } as const
  const { rows } = own.seal([...drafts, close], Math.floor(clock.nowMicros() / 1000))
  const writer = new StoreWriter(store, clock)
  await writer.begin()
  await writer.write({ events: rows, payloads: [], quarantined: [] })
  return rows.findLast(({ type }) => type === 'ledger/repaired')?.hash
}

/** What the evidence of a repair comes to, over all runs that it took. Throws STORE_*. */
async function summarise(store: LedgerStore, repair: string): Promise<MendedCounts & { readonly digest: string }> {
  const [said] = await store.select<MendedCounts & { readonly digest: string }>(
    `SELECT ${(['replaced', 'restored', 'removed'] as const)
      .map(
        (mending) => `uniqExactIf((topic, partition, offset, part, ${PLACE_KEY}), reason = '${mending}') AS ${mending}`,
      )
      .join(', ')}, ${EVIDENCE_DIGEST} AS digest FROM quarantine WHERE ${IS_EVIDENCE}`,
    { repair },
    'verify',
  )
  return said ?? { replaced: 0, restored: 0, removed: 0, digest: '' }
}

/** Several rows of events may have stood at one place. */
const PLACE_KEY = "if(part = 'row of events', '', JSONExtractString(headers, 'key'))"
