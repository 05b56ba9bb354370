// Rows 11, 14 and 15: what comes twice, too late, not at all, from two at once, or with another time than it should have.

import { sequencerDirectories } from '../../ledger/sequencer.ts'
import { SequencerFiles } from '../../ledger/sequencer-files.ts'
import { asStored, storeRecords } from '../support/ledger-harness.ts'
import { buildRun } from '../support/run-builder.ts'
import { type AttackCase, observe } from './attack-case.ts'
import { type IngestAttack, ingestCases, type Sent, stageKeys } from './ingest-stage.ts'
import { fingerprintOf, type LedgerAttack, ledgerCases, openStage, sequence } from './ledger-stage.ts'
import { refusalOf } from './sightings.ts'

const DAY_MICROS = 86_400_000_000
const START_MICROS = Date.UTC(2026, 10, 22, 13) * 1000

const partition = 'gateway/files'
const run = buildRun({ seed: 1, key: stageKeys.gateway }, 2)
const honest = sent(run.records)

/** The cases of these rows. */
export function orderCases(): readonly AttackCase[] {
  return [...ingestCases([...clones(), ...orders()]), secondSequencer(), ...ledgerCases([...inTheStore(), ...clocks()])]
}

function sent(...batches: Sent[number]['records'][]): Sent {
  return batches.map((records) => ({ partition, records }))
}

function clones(): readonly IngestAttack[] {
  const clone = run.fork(5)
  clone.call({ tool: 'stolen' })
  const restored = run.fork(2)
  restored.call({ path: '/data/again.txt' })
  const common = { row: 11, honest, exactly: true }
  return [
    {
      ...common,
      name: 'gateway cloned',
      mutation: 'a copy of the gateway with its keys goes on after event 5, as the gateway does',
      finds: [6, 7, 8].map((sequence) => `fork @ gateway/files ${sequence}`),
      attacked: sent(run.records, clone.records),
    },
    {
      ...common,
      name: 'gateway cloned, and the clone is first',
      mutation: 'the same, where the records of the copy arrive before those of the gateway',
      finds: [6, 7, 8].map((sequence) => `fork @ gateway/files ${sequence}`),
      attacked: sent(run.records.slice(0, 5), clone.records, run.records.slice(5)),
    },
    {
      ...common,
      name: 'machine snapshot restored',
      mutation: 'the machine is brought back to event 2 and goes on with the keys in its memory',
      finds: [3, 4, 5].map((sequence) => `fork @ gateway/files ${sequence}`),
      attacked: sent(run.records, restored.records),
    },
  ]
}

/** The sequencer that lost: what it means to write was decided on a checkpoint that is no longer the last. */
function secondSequencer(): AttackCase {
  return {
    row: 11,
    name: 'two sequencers at once',
    mutation: 'another sequencer moves the log between the look of this one and its compare-and-set',
    seenBy: 'compare-and-set',
    finds: ['TREE_INVALID @ another sequencer has moved the log'],
    exactly: true,
    run: async () => {
      const { bench } = await openStage()
      const { treeDirectory: tree, stateDirectory: state } = sequencerDirectories(bench.data)
      const files = new SequencerFiles({ tree, state })
      const won = (await files.won()) ?? ''
      const scene = { look: () => refusalOf(() => files.replace(won, won)), fingerprint: () => fingerprintOf(bench) }
      return await observe(scene, async () => {
        await bench.storeRun(1)
        await sequence(bench)
      })
    },
  }
}

function orders(): readonly IngestAttack[] {
  const common = { row: 14, honest, exactly: true }
  const { records } = run
  return [
    {
      ...common,
      name: 'a gap',
      mutation: 'event 5, an append of its own, never comes',
      finds: ['after_gap @ gateway/files 6'],
      attacked: sent([...records.slice(0, 4), ...records.slice(5)]),
    },
    {
      ...common,
      name: 'a late message',
      mutation: 'event 5 comes after all others',
      finds: ['after_gap @ gateway/files 6', 'late @ gateway/files 5'],
      attacked: sent([...records.slice(0, 4), ...records.slice(5)], records.slice(4, 5)),
    },
    {
      ...common,
      name: 'reordered messages',
      mutation: 'the append of events 6 and 7 comes before event 5, in one batch',
      finds: ['after_gap @ gateway/files 6', 'late @ gateway/files 5'],
      attacked: sent([...records.slice(0, 4), ...records.slice(5, 7), ...records.slice(4, 5), ...records.slice(7)]),
    },
    {
      ...common,
      name: 'a duplicated message',
      mutation: 'event 5 comes twice',
      finds: ['duplicate @ gateway/files 5'],
      attacked: sent([...records.slice(0, 5), ...records.slice(4)]),
    },
    {
      ...common,
      name: 'the beginning of a chain missing',
      mutation: 'events 1 and 2 never come',
      finds: ['after_gap @ gateway/files 3'],
      attacked: sent(records.slice(2)),
    },
  ]
}

function inTheStore(): readonly LedgerAttack[] {
  return [
    {
      row: 11,
      name: 'gateway cloned, in the store',
      mutation: 'a copy of the gateway goes on after event 14, and the ledger stores both',
      seenBy: 'store',
      finds: [15, 16, 17].map((sequence) => `fork @ gateway/files ${sequence}`),
      attack: async ({ bench, run: original }) => {
        const clone = original.fork(14)
        clone.call({ tool: 'stolen' })
        await storeRecords(bench.store, bench.keys, [asStored(clone.records, 'elsewhere')])
      },
    },
    {
      row: 14,
      name: 'a gap that stays, in the store',
      mutation: 'another run is stored of which event 5 never came',
      seenBy: 'store',
      finds: ['gap-open @ gateway/other 5'],
      exactly: true,
      attack: async ({ bench }) => {
        const { records } = buildRun({ seed: 50, key: bench.keys.gateway, writer: 'gateway/other' }, 2)
        await storeRecords(bench.store, bench.keys, [asStored([...records.slice(0, 4), ...records.slice(5)])])
      },
    },
  ]
}

/** What the sender's clock says moves nothing: order is that of the chain, and of the log. */
function clocks(): readonly LedgerAttack[] {
  return [-DAY_MICROS, DAY_MICROS].flatMap((jumpMicros) =>
    (['store', 'Merkle log'] as const).map((seenBy) => ({
      row: 15,
      name: `clock a day ${jumpMicros < 0 ? 'back' : 'ahead'} (benign)${seenBy === 'store' ? '' : ', in the log'}`,
      mutation: `two more runs of the gateway, the first of them a day ${jumpMicros < 0 ? 'back' : 'ahead'}`,
      seenBy,
      finds: [],
      attack: async ({ bench }) => {
        for (const [seed, startMicros] of [
          [60, START_MICROS + jumpMicros],
          [61, START_MICROS],
        ] as const) {
          const { records } = buildRun({ seed, key: bench.keys.gateway, startMicros }, 2)
          await storeRecords(bench.store, bench.keys, [asStored(records)])
        }
        await sequence(bench)
      },
    })),
  )
}
