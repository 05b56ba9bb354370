// Row 23: nothing but honest events, and all that may happen to an honest ledger: restarts, a rotated key, erasures, merges,
// messages that come twice, clocks that jump. Nobody may raise an alarm.
import assert from 'node:assert/strict'
import { Erasures } from '../../ledger/erasure.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import { verifyQuickly } from '../../ledger/verify-quick.ts'
import { asStored, storeRecords, TEST_LOG } from '../support/ledger-harness.ts'
import { MemoryStorage } from '../support/memory-log.ts'
import { buildRun, RunBuilder } from '../support/run-builder.ts'
import type { SequencerBench } from '../support/sequencer-bench.ts'
import { type AttackCase, observe, type Sighting } from './attack-case.ts'
import { ingestAll, revokingRun, rotatedKeys, stageKeys } from './ingest-stage.ts'
import { fingerprintOf, publishedNote, sequence, sharedBench } from './ledger-stage.ts'
import { placeText, sightingsOf } from './sightings.ts'

/** Events of a run that the default suite can afford. */
const CLEAN_EVENTS = 20_000

const EVENTS_A_CALL = 3
const MIN_SEGMENTS = 10
const MAX_SEGMENT_EVENTS = 10_000
const START_MICROS = Date.UTC(2026, 10, 22, 13) * 1000
const HOUR_MICROS = 3_600_000_000
const DAY_MICROS = 24 * HOUR_MICROS

/** The case, of about so many events. */
export function cleanCases(events: number = CLEAN_EVENTS): readonly AttackCase[] {
  return [
    {
      row: 23,
      name: `${events.toLocaleString('en')} clean events (benign)`,
      mutation:
        'a restart of ingest and sequencer after every tenth of them, a rotated and revoked key, erasures, merges, repeated messages, a clock that jumps',
      seenBy: 'ingest, quick check, Merkle log, kept checkpoints',
      finds: [],
      run: async () => {
        const bench = await sharedBench()
        await bench.begin()
        await sequence(bench)
        const kept: string[] = []
        const scene = { look: () => alarms(bench, kept), fingerprint: () => fingerprintOf(bench) }
        return await observe(scene, async () => {
          const segments = Math.max(MIN_SEGMENTS, Math.ceil(events / MAX_SEGMENT_EVENTS))
          for (let segment = 0; segment < segments; segment++) {
            await liveOn(bench, { segment, segments, calls: Math.ceil(events / segments / EVENTS_A_CALL) })
            kept.push(publishedNote(bench))
          }
          await expectLived(bench, { events, segments })
        })
      },
    },
  ]
}

interface Life {
  readonly segment: number
  readonly segments: number
  readonly calls: number
}

/** One life of gateway, ingest and sequencer, and what an operator does meanwhile. */
async function liveOn(bench: SequencerBench, { segment, segments, calls }: Life): Promise<void> {
  const isRotated = segment >= segments / 2
  const { gateway } = isRotated ? rotatedKeys : stageKeys
  const jumpMicros = segment % 4 === 1 ? -DAY_MICROS : segment % 4 === 3 ? DAY_MICROS : 0
  const startMicros = START_MICROS + segment * HOUR_MICROS + jumpMicros
  const run = buildRun({ seed: 1_000 + segment, key: gateway, startMicros }, calls)
  const storage = new MemoryStorage()
  storage.write('events', run.chain, run.records)
  // The last append once more, as a producer that got no answer repeats it.
  storage.write('events', run.chain, run.records.slice(-1))
  if (isRotated && segment - 1 < segments / 2) {
    const revoking = revokingRun()
    storage.write('events', revoking.chain, revoking.records)
  }
  await ingestAll(storage)
  await sequence(bench)
  if (segment % 3 === 2) await erase(bench, run, segment)
  if (segment % 5 === 4) await bench.run('OPTIMIZE TABLE events FINAL')
}

/** Erases what one call recorded, as `toolwarden erase` does. */
async function erase({ store }: SequencerBench, run: RunBuilder, segment: number): Promise<void> {
  const erasures = new Erasures(store)
  const admin = new RunBuilder({ seed: 5_000 + segment, key: stageKeys.api, writer: 'api/main' })
  admin.open()
  const erasure = admin.chain.slice(-36)
  const call = run.calls[1]?.call ?? ''
  const plan = await erasures.plan(erasure, { call }, [])
  admin.draft({ type: 'admin/erased', erasure, what: `call ${call}`, by: 'user:me', reason: 'asked for', ...plan })
  await storeRecords(store, stageKeys, [asStored(admin.records)])
  await erasures.carryOut(erasure, admin.head.hash)
}

/** All of it was there: else that nobody raised an alarm would mean nothing. */
async function expectLived({ store }: SequencerBench, wanted: { events: number; segments: number }): Promise<void> {
  const [lived] = await store.select<Record<'events' | 'doubles' | 'keys' | 'erasures' | 'gone', number>>(
    `SELECT uniqExactIf(hash, outcome = 'accepted') AS events, countIf(outcome = 'duplicate') AS doubles,
       uniqExactIf(hash, type = 'key/revoked') AS keys, uniqExactIf(hash, type = 'admin/erased') AS erasures,
       (SELECT uniqExact(hash) FROM payloads WHERE erased_by != '') AS gone FROM events`,
  )
  assert.ok(lived !== undefined)
  assert.ok(lived.events >= wanted.events && lived.doubles >= wanted.segments, JSON.stringify(lived))
  assert.ok(lived.keys === 1 && lived.erasures >= 3 && lived.gone >= lived.erasures, JSON.stringify(lived))
}

async function alarms(bench: SequencerBench, checkpoints: readonly string[]): Promise<readonly Sighting[]> {
  const { store } = bench
  const tree = { directory: bench.tree, logKey: await bench.logKey(), checkpoints }
  const report = await verifyLedger({ store, log: TEST_LOG, trust: stageKeys.trust, tree })
  const quick = await verifyQuickly(store)
  const rows = await store.select<{ outcome: string; reason: string }>(
    `SELECT DISTINCT outcome, reason FROM events
     WHERE outcome NOT IN ('accepted', 'duplicate') OR after_gap > 0 OR type IN ('ledger/gap', 'ledger/fork', 'ledger/quarantined')`,
  )
  const unusual = rows.map(({ outcome, reason }) => ({ class: outcome, position: placeText(reason) }))
  return [...sightingsOf(report.violations), ...sightingsOf(quick.violations), ...unusual]
}
