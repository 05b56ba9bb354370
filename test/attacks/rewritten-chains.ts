// Rows 2, 3 and 9: chains rewritten to their end, without a key and with stolen ones; signatures stripped or of others.
import { generateKey, type KeyPair } from '../../events/keys.ts'
import { Trust } from '../../events/trust.ts'
import { asStored, storeRecords, TEST_LOG } from '../support/ledger-harness.ts'
import { buildRun } from '../support/run-builder.ts'
import type { SequencerBench } from '../support/sequencer-bench.ts'
import type { AttackCase } from './attack-case.ts'
import { type LedgerAttack, type LedgerStage, ledgerCases } from './ledger-stage.ts'
import { at, type EditedEvent, OF_GATEWAY, rewriteChain, update } from './tampered-rows.ts'

/** The cases of these rows. */
export function rewriteCases(): readonly AttackCase[] {
  return ledgerCases([...withoutKeys(), ...withRunKey(), ...signatures()])
}

/** Event 6, the propose of the second call, names another client. */
const otherClient = (events: readonly EditedEvent[]): readonly EditedEvent[] =>
  events.map((event, index) => (index === 5 ? { ...event, client: 'somebody-else' } : event))

/** The whole second call is gone: events 6 to 8. */
const withoutSecondCall = (events: readonly EditedEvent[]): readonly EditedEvent[] =>
  events.filter((_, index) => index < 5 || index > 7)

function withoutKeys(): readonly LedgerAttack[] {
  const changed = {
    row: 2,
    mutation:
      'event 6 changed; hashes, links, parents, columns and payloads recomputed to the end, old signatures kept',
    attack: ({ bench }) => rewriteChain(bench, { edit: otherClient }),
  } satisfies Partial<LedgerAttack>
  const deleted = {
    row: 2,
    mutation: 'events 6 to 8 deleted, the rest renumbered and recomputed, old signatures kept',
    attack: ({ bench }) => rewriteChain(bench, { edit: withoutSecondCall }),
  } satisfies Partial<LedgerAttack>
  return [
    { ...changed, name: 'chain recomputed', seenBy: 'store', finds: ['signature-invalid @ gateway/files 7'] },
    { ...changed, name: 'chain recomputed, in the log', seenBy: 'Merkle log', finds: ['leaf-without-row @ leaf 5'] },
    { ...deleted, name: 'deleted and renumbered', seenBy: 'store', finds: ['signature-invalid @ gateway/files 7'] },
    {
      ...deleted,
      name: 'deleted and renumbered, in the log',
      seenBy: 'Merkle log',
      finds: ['leaf-without-row @ leaf 5', 'leaf-without-row @ leaf 7'],
    },
  ]
}

function withRunKey(): readonly LedgerAttack[] {
  const resigned = {
    row: 3,
    mutation: 'event 6 changed, the rest recomputed and signed with the stolen key of the run',
    attack: ({ bench, run }) => rewriteChain(bench, { edit: otherClient, key: run.runKey }),
  } satisfies Partial<LedgerAttack>
  const everything = {
    row: 3,
    mutation: "the store emptied and filled anew: another run of the gateway's stolen key, announced by the ledger's",
    attack: storeAnotherHistory,
  } satisfies Partial<LedgerAttack>
  return [
    { ...resigned, name: "signed with the run's key", seenBy: 'store', finds: ['range-mismatch @ ledger/main 2'] },
    {
      ...resigned,
      name: "signed with the run's key, in the log",
      seenBy: 'Merkle log',
      finds: ['leaf-without-row @ leaf 5', 'row-without-leaf @ events/gateway/files/5'],
    },
    {
      row: 3,
      name: "deleted with the run's key",
      mutation: 'events 6 to 8 deleted, the rest renumbered and signed with the stolen key of the run',
      seenBy: 'Merkle log',
      finds: ['leaf-without-row @ leaf 5', 'leaf-without-row @ leaf 16'],
      attack: ({ bench, run }) => rewriteChain(bench, { edit: withoutSecondCall, key: run.runKey }),
    },
    {
      ...everything,
      name: 'another history with every key of gateway and ledger',
      seenBy: 'Merkle log',
      finds: ['leaf-without-row @ leaf 0', 'leaf-without-row @ leaf 18'],
    },
  ]
}

/** All of it holds by itself: only what was signed before speaks against it. */
async function storeAnotherHistory({ bench }: LedgerStage): Promise<void> {
  for (const table of ['events', 'payloads']) await bench.run(`TRUNCATE TABLE ${table}`)
  await bench.storeRun(6)
}

function signatures(): readonly LedgerAttack[] {
  return [
    {
      row: 9,
      name: 'all signatures stripped',
      mutation: 'the column `signature` of the chain emptied',
      seenBy: 'store',
      finds: ['signature-missing @ gateway/files 17', 'range-mismatch @ ledger/main 2'],
      attack: ({ bench }) => update(bench, "signature = ''", OF_GATEWAY),
    },
    {
      row: 9,
      name: 'one signature stripped',
      mutation: 'the signature of event 7 removed',
      seenBy: 'store',
      finds: ['signature-missing @ gateway/files 7'],
      attack: ({ bench }) => update(bench, "signature = ''", at(7)),
    },
    {
      row: 9,
      name: 'a byte of a signature',
      mutation: 'one byte of the signature of event 7 changed',
      seenBy: 'store',
      finds: ['signature-invalid @ gateway/files 7'],
      attack: async ({ bench }) => {
        const other = "if(substring(signature, 100, 1) = '0', '1', '0')"
        await update(
          bench,
          `signature = concat(substring(signature, 1, 99), ${other}, substring(signature, 101))`,
          at(7),
        )
      },
    },
    {
      row: 9,
      name: "signed with today's key",
      mutation: 'the old chain signed anew by a later run of the same gateway, under its own certificate',
      seenBy: 'store',
      finds: ['key-untrusted @ gateway/files 2', 'range-mismatch @ ledger/main 2'],
      attack: async ({ bench }) => {
        const { runKey } = buildRun({ seed: 77, key: bench.keys.gateway }, 0)
        await rewriteChain(bench, { edit: (events) => events, key: runKey })
      },
    },
    {
      row: 9,
      name: 'an unknown key',
      mutation: 'a whole run under a key that nobody trusts, stored as accepted and announced by the ledger',
      seenBy: 'store',
      finds: ['key-untrusted @ gateway/forged 2'],
      attack: ({ bench }) => storeBelieved(bench, generateKey()),
    },
    {
      row: 9,
      name: 'the key of another role',
      mutation: "a whole run of a gateway under the detectors' key, stored as accepted and announced by the ledger",
      seenBy: 'store',
      finds: ['key-untrusted @ gateway/forged 2'],
      attack: ({ bench }) => storeBelieved(bench, bench.keys.detectors),
    },
    {
      row: 9,
      name: 'a run of another ledger',
      mutation: 'a whole run that the trusted key signed for another ledger, stored as accepted and announced',
      seenBy: 'store',
      finds: ['body-invalid @ gateway/forged 1', 'key-untrusted @ gateway/forged 2'],
      attack: ({ bench }) => storeBelieved(bench, bench.keys.gateway, 'other'),
    },
  ]
}

/** As an ingest would that believed this key, and was of this ledger. */
async function storeBelieved({ store, keys }: SequencerBench, key: KeyPair, log = TEST_LOG): Promise<void> {
  const run = buildRun({ seed: 88, key, writer: 'gateway/forged', log }, 1)
  const entries = [
    ['gateway/*', key],
    ['ledger/*', keys.ledger],
  ] as const
  const trust = new Trust(entries.map(([writer, { publicKey }]) => ({ writer, key: publicKey.toString('base64url') })))
  await storeRecords(store, { ...keys, trust }, [asStored(run.records)], log)
}
