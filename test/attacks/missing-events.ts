// Rows 5 and 7: events deleted, inserted, swapped, doubled; tails cut and whole chains dropped.
import type { AttackCase } from './attack-case.ts'
import { type LedgerAttack, type LedgerStage, ledgerCases } from './ledger-stage.ts'
import { at, copy, OF_GATEWAY, remove, update } from './tampered-rows.ts'

/** The cases of these rows. */
export function missingCases(): readonly AttackCase[] {
  return ledgerCases([...deletions(), ...insertions(), ...doubles(), ...cuts()])
}

function deletions(): readonly LedgerAttack[] {
  const deleted = {
    row: 5,
    mutation: 'event 7 deleted',
    attack: ({ bench }) => remove(bench, at(7)),
  } satisfies Partial<LedgerAttack>
  return [
    {
      ...deleted,
      name: 'one event deleted',
      seenBy: 'store',
      finds: ['event-missing @ gateway/files 7', 'range-mismatch @ ledger/main 2'],
    },
    {
      ...deleted,
      name: 'one event deleted, in SQL',
      seenBy: 'quick check',
      finds: ['event-missing @ gateway/files 8'],
    },
    {
      ...deleted,
      name: 'one event deleted, in the log',
      seenBy: 'Merkle log',
      finds: ['leaf-without-row @ leaf 6'],
    },
    {
      row: 5,
      name: 'deleted, and said to be a gap',
      mutation: 'event 7 deleted; the row after it marked as one that came after a gap',
      seenBy: 'store',
      finds: ['event-missing @ gateway/files 7'],
      attack: async ({ bench }) => {
        await remove(bench, at(7))
        await update(bench, 'after_gap = 7', at(8))
      },
    },
  ]
}

function insertions(): readonly LedgerAttack[] {
  return [
    {
      row: 5,
      name: 'one event inserted',
      mutation: 'a copy of event 4 with another hash put beside it',
      seenBy: 'store',
      finds: ['hash-mismatch @ gateway/files 4'],
      // Smaller than any other: it comes first in the order of the table, where the walk meets it.
      attack: ({ bench }) => copy(bench, at(4), "repeat('0', 64) AS hash"),
    },
    {
      row: 5,
      name: 'one event inserted, in the log',
      mutation: 'a copy of event 4 with another hash put beside it',
      seenBy: 'Merkle log',
      finds: ['row-without-leaf @ events/gateway/files/3'],
      attack: ({ bench }) => copy(bench, at(4), "repeat('0', 64) AS hash"),
    },
    {
      row: 5,
      name: 'a row at another place of the log',
      mutation: 'event 5 copied to an offset that the ledger never announced',
      seenBy: 'store',
      finds: ['row-unannounced @ gateway/files 5'],
      attack: ({ bench }) => copy(bench, at(5), '1000 AS offset'),
    },
    {
      row: 5,
      name: 'two events swapped',
      mutation: 'events 7 and 10 with their bodies and hashes exchanged',
      seenBy: 'store',
      finds: ['column-mismatch @ gateway/files 7', 'column-mismatch @ gateway/files 10'],
      attack: swap,
    },
    {
      row: 5,
      name: 'two leaves swapped',
      mutation: "leaves 6 and 9 exchanged in the store's index of the log",
      seenBy: 'Merkle log',
      finds: ['leaf-mismatch @ leaf 6', 'leaf-mismatch @ leaf 9'],
      attack: ({ bench }) => update(bench, 'position = 15 - position', 'position IN (6, 9)', 'leaves'),
    },
  ]
}

async function swap({ bench, run }: LedgerStage): Promise<void> {
  const [first, second] = run.calls
    .slice(1, 3)
    .map(({ decide }) => ({ hash: decide.hash, body: decide.body.toString() }))
  if (first === undefined || second === undefined) throw new Error('the run has calls')
  await copy(bench, at(7), `'${second.hash}' AS hash, '${second.body}' AS body`)
  await copy(bench, at(10), `'${first.hash}' AS hash, '${first.body}' AS body`)
  await remove(bench, `${at(7)} AND hash = '${first.hash}'`)
  await remove(bench, `${at(10)} AND hash = '${second.hash}'`)
}

function doubles(): readonly LedgerAttack[] {
  const doubled = {
    row: 5,
    mutation: 'event 5 stored twice, byte for byte, as an insert in doubt or a second consumer may do',
    finds: [],
    attack: ({ bench }) => copy(bench, at(5)),
  } satisfies Partial<LedgerAttack>
  return [
    { ...doubled, name: 'an exact row doubled (benign)', seenBy: 'store' },
    { ...doubled, name: 'an exact row doubled (benign), in SQL', seenBy: 'quick check' },
    {
      ...doubled,
      name: 'all rows doubled (benign), in the log',
      mutation: 'every row of every table stored twice, byte for byte',
      seenBy: 'Merkle log',
      attack: async ({ bench }) => {
        for (const table of ['events', 'payloads', 'leaves']) await copy(bench, '1', '', table)
      },
    },
  ]
}

function cuts(): readonly LedgerAttack[] {
  const tail = {
    row: 7,
    mutation: 'the last call of the chain deleted: events 15 to 17',
    attack: ({ bench }) => remove(bench, `${OF_GATEWAY} AND sequence > 14`),
  } satisfies Partial<LedgerAttack>
  const chain = {
    row: 7,
    mutation: "every row of the gateway's chain deleted",
    attack: ({ bench }) => remove(bench, OF_GATEWAY),
  } satisfies Partial<LedgerAttack>
  return [
    { ...tail, name: 'tail cut', seenBy: 'store', finds: ['range-mismatch @ ledger/main 2'] },
    {
      ...tail,
      name: 'tail cut, in the log',
      seenBy: 'Merkle log',
      finds: ['leaf-without-row @ leaf 14', 'leaf-without-row @ leaf 15', 'leaf-without-row @ leaf 16'],
    },
    { ...chain, name: 'chain dropped', seenBy: 'store', finds: ['range-mismatch @ ledger/main 2'] },
    {
      row: 7,
      name: 'tail cut with what the ledger said of it',
      mutation: "the last call deleted, and all of the ledger's own chain: by SQL alone nothing is wrong",
      seenBy: 'Merkle log',
      finds: ['leaf-without-row @ leaf 14', 'leaf-without-row @ leaf 18'],
      attack: ({ bench }) => remove(bench, `startsWith(writer, 'ledger/') OR (${OF_GATEWAY} AND sequence > 14)`),
    },
    {
      row: 7,
      name: 'chain dropped with what the ledger said of it',
      mutation: 'every row of every chain deleted: by SQL alone nothing is wrong',
      seenBy: 'Merkle log',
      finds: ['leaf-without-row @ leaf 0', 'leaf-without-row @ leaf 18'],
      attack: ({ bench }) => remove(bench, '1'),
    },
  ]
}
