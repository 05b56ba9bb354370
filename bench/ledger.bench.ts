// How fast is ingest from verified records to durable rows, beside a bare insert of the same bytes, and how fast is a full
// verification? Interleaved on one chDB directory, so that both see the same machine. Events per second; one line each.

import { generateKey } from '../events/keys.ts'
import type { StoredRecord } from '../events/log.ts'
import { systemClock } from '../events/time.ts'
import { Trust } from '../events/trust.ts'
import { openLedgerStore } from '../ledger/clickhouse-store.ts'
import { prepareRound } from '../ledger/ingest-round.ts'
import { KnownChains } from '../ledger/known-chains.ts'
import { OwnChain } from '../ledger/own-chain.ts'
import type { LedgerStore, StoreBatch } from '../ledger/store.ts'
import { StoreWriter } from '../ledger/store-writer.ts'
import { verifyLedger } from '../ledger/verify.ts'
import { verifyQuickly } from '../ledger/verify-quick.ts'
import { asStored, TEST_LOG, temporaryDirectory } from '../test/support/ledger-harness.ts'
import { buildRun } from '../test/support/run-builder.ts'

const ROUNDS = 10
const CALLS_A_ROUND = 333
const QUICK_ROUNDS = 5
const clock = systemClock()
const keys = { gateway: generateKey(), ledger: generateKey() }
const trust = new Trust(
  Object.entries(keys).map(([role, key]) => ({ writer: `${role}/*`, key: key.publicKey.toString('base64url') })),
)

await main()

async function main(): Promise<void> {
  const { path, remove } = temporaryDirectory()
  const store = await openLedgerStore({ directory: path, database: 'ingested' }, TEST_LOG)
  const bare = await openLedgerStore({ directory: path, database: 'bare' }, TEST_LOG)
  const batches = Array.from({ length: ROUNDS + 1 }, (_, seed) =>
    asStored(buildRun({ seed, key: keys.gateway }, CALLS_A_ROUND).records),
  )
  const times = await measure(store, bare, batches)
  const events = batches.slice(1).flat().length
  const ingested = (events / times.ingestMs) * 1000
  const inserted = (events / times.bareMs) * 1000
  print('ingest (verify, insert durably)', ingested)
  print('  of it verification', (events / times.judgeMs) * 1000)
  print('bare insert of the same rows', inserted)
  process.stdout.write(`ratio ${(ingested / inserted).toFixed(2)}\n`)
  const start = performance.now()
  const report = await verifyLedger({ store, log: TEST_LOG, trust })
  if (report.violationCount > 0) throw new Error(JSON.stringify(report.violations[0]))
  print('full verification', (report.counts.events / (performance.now() - start)) * 1000)
  await measureQuickly(store)
  await store.close()
  await bare.close()
  remove()
}

async function measure(store: LedgerStore, bare: LedgerStore, batches: readonly (readonly StoredRecord[])[]) {
  const opening = { software: 'bench', configuration: '0'.repeat(64) }
  const own = new OwnChain({
    log: TEST_LOG,
    writer: 'ledger/main',
    key: keys.ledger,
    opening,
    nowMicros: () => clock.nowMicros(),
  })
  const writer = new StoreWriter(store, clock)
  const times = { ingestMs: 0, judgeMs: 0, bareMs: 0 }
  // The first round only warms up.
  for (const [round, batch] of batches.entries()) {
    const start = performance.now()
    const known = await KnownChains.fetch(store, batch)
    const judging = performance.now()
    const { rows } = prepareRound([batch], { log: TEST_LOG, trust, known, own, nowMs: 1 })
    const judged = performance.now()
    await writer.write(rows)
    const ingested = performance.now()
    const same: StoreBatch = { ...rows, ingestedAtMicros: clock.nowMicros() }
    await bare.insert(same)
    if (round === 0) continue
    times.ingestMs += ingested - start
    times.judgeMs += judged - judging
    times.bareMs += performance.now() - ingested
  }
  return times
}

/** The check inside the store, beside what hashing the bodies alone costs there. */
async function measureQuickly(store: LedgerStore): Promise<void> {
  const times = { quick: [] as number[], hashing: [] as number[] }
  let events = 0
  for (let round = 0; round < QUICK_ROUNDS; round++) {
    let start = performance.now()
    events = (await verifyQuickly(store)).counts.rows
    times.quick.push(performance.now() - start)
    start = performance.now()
    await store.select("SELECT countIf(SHA256(concat('\\0', body)) != unhex(hash)) FROM events", {}, 'verify')
    times.hashing.push(performance.now() - start)
  }
  print('hashes and links, inside the store', (events / median(times.quick)) * 1000)
  print('  of it hashing the bodies', (events / median(times.hashing)) * 1000)
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0
}

function print(name: string, perSecond: number): void {
  process.stdout.write(`${name}: ${Math.round(perSecond).toLocaleString('en')} events/s\n`)
}
