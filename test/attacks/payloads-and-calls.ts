// Rows 18 to 20: payloads, the events of a call against each other, and what was quarantined.
import { SALT_BYTES } from '../../events/payload.ts'
import { Erasures } from '../../ledger/erasure.ts'
import { asStored, storeRecords, TEST_LOG } from '../support/ledger-harness.ts'
import { buildRun, RunBuilder } from '../support/run-builder.ts'
import type { SequencerBench } from '../support/sequencer-bench.ts'
import type { AttackCase } from './attack-case.ts'
import { type LedgerAttack, type LedgerStage, ledgerCases } from './ledger-stage.ts'
import { copy, remove, update } from './tampered-rows.ts'

const ERASURE = '01a20357-9080-7668-9f3b-62d57bfc4935'
const STRANGER = '01a20357-9080-7668-9f3b-62d57bfc4936'

/** A row that is copied keeps the place of the event that it was of. */
const MOVED = 'payload-mismatch @ events/gateway/files/8'

/** The cases of these rows. */
export function payloadCases(): readonly AttackCase[] {
  return ledgerCases([...payloads(), ...erasures(), ...calls(), ...quarantine()])
}

/** The row of the payload of the second call's propose: event 6. */
const ofSecond = ({ run }: LedgerStage): string => `hash = '${run.calls[1]?.propose.hash}'`
const ofThird = ({ run }: LedgerStage): string => `hash = '${run.calls[2]?.propose.hash}'`

function payloads(): readonly LedgerAttack[] {
  const common = { row: 18, seenBy: 'store', exactly: true } as const
  const missing = ['payload-missing @ gateway/files 6', 'signals-missing @ gateway/files 6']
  const set = (change: string) => (stage: LedgerStage) => update(stage.bench, change, ofSecond(stage), 'payloads')
  const bytes = 'base64Decode(recorded)'
  return [
    {
      ...common,
      name: 'payload edited',
      mutation: 'the recorded bytes of event 6 changed behind their salt',
      finds: ['payload-mismatch @ gateway/files 6'],
      attack: set(`recorded = base64Encode(concat(substring(${bytes}, 1, ${SALT_BYTES}), '{"path":"/data/x.txt"}'))`),
    },
    {
      ...common,
      name: 'salt changed',
      mutation: 'the salt of the payload of event 6 replaced by zeros, its bytes kept',
      finds: ['payload-mismatch @ gateway/files 6'],
      attack: set(
        `recorded = base64Encode(concat(repeat('0', ${SALT_BYTES}), substring(${bytes}, ${SALT_BYTES + 1})))`,
      ),
    },
    {
      ...common,
      name: 'payload swapped',
      mutation: 'event 6 given the payload and the signals of event 9',
      finds: ['payload-mismatch @ gateway/files 6', 'signals-mismatch @ gateway/files 6', MOVED],
      attack: async (stage) => {
        const columns = `'${stage.run.calls[1]?.propose.hash}' AS hash`
        await remove(stage.bench, ofSecond(stage), 'payloads')
        await copy(stage.bench, ofThird(stage), columns, 'payloads')
      },
    },
    {
      ...common,
      name: 'a second payload beside the true one',
      mutation: 'the payload of event 9 stored once more as one of event 6',
      finds: ['payload-mismatch @ gateway/files 6', 'signals-mismatch @ gateway/files 6', MOVED],
      attack: (stage) => copy(stage.bench, ofThird(stage), `'${stage.run.calls[1]?.propose.hash}' AS hash`, 'payloads'),
    },
    {
      ...common,
      name: 'a payload somewhere else',
      mutation: 'the payload of event 6 stored once more, as if it had come long before',
      finds: ['payload-mismatch @ events/elsewhere/0'],
      attack: (stage) => copy(stage.bench, ofSecond(stage), "'elsewhere' AS partition, 0 AS offset", 'payloads'),
    },
    {
      ...common,
      name: 'payload deleted',
      mutation: 'the payload of event 6 deleted, no erasure recorded',
      finds: missing,
      attack: (stage) => remove(stage.bench, ofSecond(stage), 'payloads'),
    },
    {
      ...common,
      name: 'a tombstone of nothing',
      mutation: 'the payload of event 6 emptied and said to be erased by an event that is no erasure',
      finds: missing,
      attack: set("recorded = '', signals = '', erased_by = hash"),
    },
  ]
}

/** Erases the payloads of the fourth call, as `toolwarden erase` does. */
async function eraseFourth({ bench, run }: LedgerStage): Promise<void> {
  const erasures = new Erasures(bench.store)
  const call = run.calls[3]?.call ?? ''
  const plan = await erasures.plan(ERASURE, { call }, [])
  const admin = new RunBuilder({ seed: 500, key: bench.keys.api, writer: 'api/main' })
  admin.open()
  const what = { erasure: ERASURE, what: `call ${call}`, by: 'user:me', reason: 'asked for' }
  admin.draft({ type: 'admin/erased', ...what, ...plan })
  await storeRecords(bench.store, bench.keys, [asStored(admin.records)])
  await erasures.carryOut(ERASURE, admin.head.hash)
}

function erasures(): readonly LedgerAttack[] {
  const common = { row: 18, seenBy: 'store', prepare: eraseFourth } as const
  const take = async (stage: LedgerStage): Promise<void> => {
    const [said] = await stage.bench.store.select<{ hash: string }>(
      "SELECT hash FROM events WHERE type = 'admin/erased' LIMIT 1",
    )
    await update(stage.bench, `recorded = '', signals = '', erased_by = '${said?.hash}'`, ofSecond(stage), 'payloads')
  }
  return [
    {
      ...common,
      name: 'a tombstone of another erasure',
      mutation: "the payload of event 6 emptied in the name of the recorded erasure of another call's",
      finds: ['payload-missing @ gateway/files 6', 'signals-missing @ gateway/files 6'],
      exactly: true,
      attack: take,
    },
    {
      ...common,
      name: 'a tombstone put on the list of another erasure',
      mutation: 'the same, and event 6 added to the list of that erasure, whose digest is in the chain',
      finds: ['payload-missing @ gateway/files 6', 'payload-missing @ gateway/files 12'],
      attack: async (stage) => {
        await take(stage)
        const hash = stage.run.calls[1]?.propose.hash ?? ''
        await copy(stage.bench, '1', `'${hash}' AS hash`, 'erasures')
      },
    },
    {
      ...common,
      name: 'the event of an erasure deleted',
      mutation: 'the `admin/erased` event removed: what it erased is then missing',
      finds: ['payload-missing @ gateway/files 12'],
      attack: ({ bench }) => remove(bench, "type = 'admin/erased'"),
    },
  ]
}

/** Adds events that an honest gateway never writes, signed with the gateway's key all the same. */
function lying(name: string, mutation: string, find: string, build: (run: RunBuilder) => void): LedgerAttack {
  return {
    row: 19,
    name,
    mutation,
    seenBy: 'store',
    finds: [find],
    exactly: true,
    attack: ({ bench }) => storeLie(bench, build),
  }
}

async function storeLie({ store, keys }: SequencerBench, build: (run: RunBuilder) => void): Promise<void> {
  const run = buildRun({ seed: 300, key: keys.gateway, writer: 'gateway/lying', log: TEST_LOG }, 1)
  build(run)
  await storeRecords(store, keys, [asStored(run.records)])
}

function calls(): readonly LedgerAttack[] {
  const last = (run: RunBuilder): { readonly call: string; readonly hash: string } => {
    const call = run.calls.at(-1)
    return { call: call?.call ?? '', hash: call?.decide.hash ?? '' }
  }
  return [
    lying(
      'receipt after deny',
      'a run in which a denied call has a receipt',
      'receipt-after-deny @ gateway/lying 8',
      (run) => {
        run.call({ decision: 'deny' })
        run.closeCall({ call: last(run).call, parent: last(run).hash })
      },
    ),
    lying(
      'receipt of an escalated call',
      'a run in which a call that waits for a person has a receipt',
      'receipt-after-deny @ gateway/lying 8',
      (run) => {
        run.call({ decision: 'escalate' })
        run.closeCall({ call: last(run).call, parent: last(run).hash })
      },
    ),
    lying(
      'receipt moved',
      'a run in which the receipt of one call names the decision on another',
      'receipt-of-another-decision @ gateway/lying 10',
      (run) => {
        run.call({ receipt: false })
        const { call } = last(run)
        run.call({ receipt: false })
        run.closeCall({ call, parent: last(run).hash })
      },
    ),
    lying('receipt repeated', 'a run in which a call has two receipts', 'receipt-repeated @ gateway/lying 6', (run) => {
      run.closeCall({ call: last(run).call, parent: last(run).hash })
    }),
    lying(
      'receipt without a decision',
      'a run with the receipt of a call that nobody decided',
      'receipt-without-decide @ gateway/lying 6',
      (run) => {
        run.closeCall({ call: STRANGER, parent: '0'.repeat(64) })
      },
    ),
    lying(
      'decide without propose',
      'a run with the decision on a call that nobody proposed',
      'decide-without-propose @ gateway/lying 6',
      (run) => {
        const context = run.callContext(STRANGER, 'read_file')
        const how = { decision: 'allow', reason: 'policy_rule', text: 'by rule', rule: 'reads' } as const
        const control = { state: 'none', revision: 0 } as const
        run.draft({ type: 'authorization/decide', ...context, parent: '0'.repeat(64), ...how, control })
      },
    ),
  ]
}

function quarantine(): readonly LedgerAttack[] {
  const garbage = { key: 'x', value: Buffer.from('not an event'), headers: {} }
  const common = {
    row: 20,
    seenBy: 'store',
    exactly: true,
    prepare: ({ bench }: LedgerStage) => storeRecords(bench.store, bench.keys, [asStored([garbage], 'gateway/noise')]),
  } as const
  const missing = ['quarantine-missing @ ledger/main 2', 'quarantine-missing @ events/gateway/noise/0']
  return [
    {
      ...common,
      name: 'quarantined bytes purged',
      mutation: 'all of the table `quarantine` deleted',
      finds: missing,
      attack: ({ bench }) => remove(bench, '1', 'quarantine'),
    },
    {
      ...common,
      name: 'quarantined bytes purged with their row',
      mutation: 'the quarantined message deleted from both tables',
      finds: ['quarantine-missing @ ledger/main 2', 'range-mismatch @ ledger/main 3'],
      attack: async ({ bench }) => {
        await remove(bench, '1', 'quarantine')
        await remove(bench, "outcome = 'quarantined'")
      },
    },
    {
      ...common,
      name: 'quarantined bytes exchanged',
      mutation: 'the kept bytes of the message replaced by harmless ones',
      finds: ['quarantine-altered @ events/gateway/noise/0'],
      attack: ({ bench }) => update(bench, "raw = base64Encode('harmless')", '1', 'quarantine'),
    },
    {
      ...common,
      name: 'a quarantined digest exchanged',
      mutation: 'the kept bytes and their digest replaced by harmless ones',
      finds: missing,
      attack: ({ bench }) =>
        update(bench, "raw = base64Encode('harmless'), digest = lower(hex(SHA256('harmless')))", '1', 'quarantine'),
    },
  ]
}
