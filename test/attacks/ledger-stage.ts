// The stage of most cases: a ledger with an honest run of five calls in its store, every event a leaf of its Merkle log, and
// the checkpoint kept by somebody. One chDB a process, so all cases share one bench and each begins with an empty ledger.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { verifyLedger } from '../../ledger/verify.ts'
import { verifyQuickly } from '../../ledger/verify-quick.ts'
import { TEST_LOG } from '../support/ledger-harness.ts'
import type { RunBuilder } from '../support/run-builder.ts'
import { SequencerBench } from '../support/sequencer-bench.ts'
import { type AttackCase, type CaseText, observe, type Sighting } from './attack-case.ts'
import { Outside } from './outside.ts'
import { refusalOf, sightingsOf } from './sightings.ts'

/** Calls of the honest run: events 1 and 2 open it, call n (from 1) has the events 3n to 3n + 2, so the last is 17. */
const CALLS = 5
const TABLES = ['events', 'payloads', 'quarantine', 'leaves', 'erasures']

/** Who looks, by the name in the table. */
export type LedgerVerifier =
  | 'store'
  | 'Merkle log'
  | 'quick check'
  | 'kept checkpoint'
  | 'start-up'
  | 'witness'
  | 'trust policy'

/** The honest run and what stands of it. */
export interface LedgerStage {
  readonly bench: SequencerBench
  readonly run: RunBuilder
  /** The checkpoint that was published when the honest run was whole; cosigned, where a witness is there. */
  readonly kept: string
  readonly outside: Outside | undefined
}

/** A case over the stage: what is prepared is still honest, the attack is not. */
export interface LedgerAttack extends CaseText {
  readonly seenBy: LedgerVerifier
  readonly prepare?: (stage: LedgerStage) => Promise<void>
  readonly attack: (stage: LedgerStage) => Promise<void>
}

let shared: Promise<SequencerBench> | undefined

/** The bench of this process. */
export function sharedBench(): Promise<SequencerBench> {
  shared ??= SequencerBench.open()
  return shared
}

/** Ends it, where it was begun. */
export async function closeBench(): Promise<void> {
  await (await shared)?.close()
}

/** Makes cases of attacks. */
export function ledgerCases(attacks: readonly LedgerAttack[]): readonly AttackCase[] {
  return attacks.map(({ prepare, attack, ...text }) => ({
    ...text,
    run: async () => {
      const stage = await openStage(prepare, text.seenBy === 'witness' || text.seenBy === 'trust policy')
      const fingerprint = async (): Promise<string> =>
        `${await fingerprintOf(stage.bench)} ${stage.outside?.nowSeconds}`
      const scene = { look: () => LOOKS[text.seenBy](stage), fingerprint }
      return await observe(scene, () => attack(stage)).finally(() => stage.outside?.close())
    },
  }))
}

/** An honest run that is stored and sequenced. */
export async function openStage(prepare?: LedgerAttack['prepare'], isWitnessed = false): Promise<LedgerStage> {
  const bench = await sharedBench()
  await bench.begin()
  const run = await bench.storeRun(CALLS)
  await prepare?.({ bench, run, kept: '', outside: undefined })
  await sequence(bench)
  const outside = isWitnessed ? await Outside.open(bench) : undefined
  return { bench, run, kept: publishedNote(bench), outside }
}

/** Gives all that is stored its place in the log. */
export async function sequence(bench: SequencerBench): Promise<void> {
  const sequencer = await bench.sequencer()
  await sequencer.sequence()
  await sequencer.stop()
}

/** The published checkpoint. */
export function publishedNote(bench: SequencerBench): string {
  return readFileSync(join(bench.tree, 'checkpoint'), 'utf8')
}

const LOOKS: Readonly<Record<LedgerVerifier, (stage: LedgerStage) => Promise<readonly Sighting[]>>> = {
  store: async ({ bench }) => {
    const { store, keys } = bench
    return sightingsOf((await verifyLedger({ store, log: TEST_LOG, trust: keys.trust })).violations)
  },
  'Merkle log': async ({ bench }) => sightingsOf((await bench.verify()).violations),
  'quick check': async ({ bench }) => sightingsOf((await verifyQuickly(bench.store)).violations),
  'kept checkpoint': async ({ bench, kept }) => sightingsOf((await bench.verify([kept])).violations),
  witness: async ({ bench, outside }) => (await outside?.offer(publishedNote(bench))) ?? [],
  'trust policy': async ({ outside }) => (await outside?.judge()) ?? [],
  'start-up': ({ bench }) => refusalOf(async () => (await bench.sequencer()).stop()),
}

/** Digest of all rows, whatever their order, and of all files of the log. */
export async function fingerprintOf(bench: SequencerBench): Promise<string> {
  const digest = createHash('sha256')
  for (const table of TABLES) {
    const sql = `SELECT toString(count()) AS count, toString(sum(cityHash64(*))) AS sum FROM ${table}`
    digest.update(JSON.stringify(await bench.store.select(sql)))
  }
  const names = readdirSync(bench.data, { recursive: true, withFileTypes: true })
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  for (const file of files.toSorted()) digest.update(`${file}\n`).update(readFileSync(file))
  return digest.digest('hex')
}
