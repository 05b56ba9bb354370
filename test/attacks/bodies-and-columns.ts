// Rows 1 and 4: a body that is not what was hashed, and columns that do not say what the body says.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hashBody } from '../../events/chain.ts'
import { ChainWalk } from '../../ledger/chain-walk.ts'
import type { EventRow } from '../../ledger/store.ts'
import { ROW_COLUMNS } from '../../ledger/stored-event.ts'
import { Findings } from '../../ledger/verify-report.ts'
import { TEST_LOG } from '../support/ledger-harness.ts'
import { type AttackCase, observe, type Sighting } from './attack-case.ts'
import { type LedgerAttack, ledgerCases, openStage } from './ledger-stage.ts'
import { refusalOf, sightingsOf } from './sightings.ts'
import { at, copy, OF_GATEWAY, remove, update } from './tampered-rows.ts'

/** The propose of the second call. */
const SAMPLED = 6

/** The cases of these rows. */
export function bodyCases(): readonly AttackCase[] {
  return [...everyByte(), ...ledgerCases([...editedBodies(), ...editedColumns()])]
}

/** One case stands for as many mutations as the body has bytes; the class and position are those of each of them. */
function everyByte(): readonly AttackCase[] {
  return [
    {
      row: 1,
      name: 'every byte of a stored body',
      mutation: 'each byte of the body of event 6, one after the other, one bit flipped',
      seenBy: 'store',
      finds: [`hash-mismatch @ gateway/files ${SAMPLED}`],
      run: async () => {
        const { bench } = await openStage()
        const rows = await bench.store.select<EventRow>(
          `SELECT ${ROW_COLUMNS} FROM events WHERE ${OF_GATEWAY} ORDER BY sequence`,
        )
        let variants: readonly (readonly EventRow[])[] = [rows]
        const scene = {
          fingerprint: async () => hashBody(Buffer.from(JSON.stringify(variants))),
          look: async () => ofAll(variants.map((each) => walk(each, bench.keys.trust))),
        }
        return await observe(scene, () => {
          variants = flippedRows(rows)
        })
      },
    },
    {
      row: 1,
      name: 'every byte of an entry of the log',
      mutation: 'each byte of the entry bundle that holds event 6, one after the other, one bit flipped',
      seenBy: 'Merkle log',
      finds: ['TREE_INVALID @ the log refuses the bundle'],
      run: async () => {
        const { bench, run } = await openStage()
        const size = (await bench.reader.checkpoint())?.size ?? 0
        const file = join(bench.tree, `tile/entries/000.p/${size}`)
        const honest = await readFile(file)
        const [from, length] = placeOf(honest, Buffer.from(run.records[SAMPLED - 1]?.value ?? ''))
        let flips: readonly number[] = [-1]
        const look = async (): Promise<readonly Sighting[]> => {
          const found: (readonly Sighting[])[] = []
          for (const flip of flips) {
            await writeFile(file, flip < 0 ? honest : flipped(honest, flip))
            const refused = await refusalOf(() => bench.reader.entries(0, size))
            found.push(refused.map((each) => ({ ...each, position: 'the log refuses the bundle' })))
          }
          return ofAll(found)
        }
        const fingerprint = async (): Promise<string> => digestOf(flips.map((flip) => flipped(honest, flip)))
        return await observe({ look, fingerprint }, () => {
          flips = Array.from({ length }, (_, index) => from + index)
        })
      },
    },
  ]
}

/** What each of several looks found; where one found less than the others, that is all there is. */
function ofAll(looks: readonly (readonly Sighting[])[]): readonly Sighting[] {
  const [first = [], ...rest] = looks
  const texts = rest.map((look) => new Set(look.map((each) => JSON.stringify(each))))
  return first.filter((each) => texts.every((text) => text.has(JSON.stringify(each))))
}

function walk(rows: readonly EventRow[], trust: ConstructorParameters<typeof ChainWalk>[0]['trust']) {
  const findings = new Findings()
  const chain = new ChainWalk({ log: TEST_LOG, trust, findings, revocations: new Map() })
  for (const row of rows) chain.feed(row)
  chain.end()
  return sightingsOf(findings.report(0).violations)
}

function flippedRows(rows: readonly EventRow[]): readonly (readonly EventRow[])[] {
  const body = Buffer.from(rows[SAMPLED - 1]?.body ?? '')
  assert.ok(body.byteLength > 300)
  return Array.from({ length: body.byteLength }, (_, byte) => {
    // The lowest bit: what was ASCII stays so, as a store of text could hold nothing else.
    const text = flipped(body, byte).toString('latin1')
    return rows.map((row, index) => (index === SAMPLED - 1 ? { ...row, body: text } : row))
  })
}

function flipped(bytes: Buffer, byte: number): Buffer {
  const copied = Buffer.from(bytes)
  if (byte >= 0) copied[byte] = (copied[byte] ?? 0) ^ 1
  return copied
}

function placeOf(bundle: Buffer, body: Buffer): readonly [number, number] {
  const from = bundle.indexOf(body)
  assert.ok(from > 0)
  return [from, body.byteLength]
}

function digestOf(pieces: readonly Buffer[]): string {
  const digest = createHash('sha256')
  for (const piece of pieces) digest.update(piece)
  return digest.digest('hex')
}

const EDITED = "replaceOne(body, 'test-client', 'test-clienz')"

function editedBodies(): readonly LedgerAttack[] {
  const edit = {
    row: 1,
    mutation: 'one byte of the body of event 7 changed in the table',
    attack: ({ bench }) => update(bench, `body = ${EDITED}`, at(7)),
  } satisfies Partial<LedgerAttack>
  const rehash = {
    row: 1,
    mutation: 'the body of event 7 changed, its own hash and its column with it',
    attack: async ({ bench }) => {
      const hash = `lower(hex(SHA256(concat('\\0', ${EDITED}))))`
      await copy(bench, at(7), `${EDITED} AS body, 'test-clienz' AS client, ${hash} AS hash`)
      await remove(bench, `${at(7)} AND client = 'test-client'`)
    },
  } satisfies Partial<LedgerAttack>
  const mismatch = ['hash-mismatch @ gateway/files 7']
  return [
    { ...edit, name: 'one byte of a body', seenBy: 'store', finds: mismatch },
    { ...edit, name: 'one byte of a body, in SQL', seenBy: 'quick check', finds: mismatch },
    {
      ...rehash,
      name: 'body and own hash',
      seenBy: 'store',
      finds: ['signature-invalid @ gateway/files 7', 'link-broken @ gateway/files 8', 'range-mismatch @ ledger/main 2'],
    },
    { ...rehash, name: 'body and own hash, in SQL', seenBy: 'quick check', finds: ['link-broken @ gateway/files 8'] },
    {
      ...rehash,
      name: 'body and own hash, in the log',
      seenBy: 'Merkle log',
      finds: ['leaf-without-row @ leaf 6', 'row-without-leaf @ events/gateway/files/6'],
    },
  ]
}

function editedColumns(): readonly LedgerAttack[] {
  const columns = [
    ['tool', "'write_file'"],
    ['decision', "'deny'"],
    ['principal', "'agent:other@host'"],
    ['session', "'session-other'"],
    ['time', "'2020-01-01T00:00:00.000000Z'"],
    ['range_to', '7'],
  ] as const
  const edited = columns.map(
    ([column, value]): LedgerAttack => ({
      row: 4,
      name: `column ${column}`,
      mutation: `the column \`${column}\` of event 4 says something else; body and hash are whole`,
      seenBy: 'store',
      finds: ['column-mismatch @ gateway/files 4'],
      attack: ({ bench }) => update(bench, `${column} = ${value}`, at(4)),
    }),
  )
  return [
    ...edited,
    {
      row: 4,
      name: 'column previous, in SQL',
      mutation: 'the column `previous` of event 7 says something else; body and hash are whole',
      seenBy: 'quick check',
      finds: ['column-mismatch @ gateway/files 7'],
      attack: ({ bench }) => update(bench, "previous = repeat('a', 64)", at(7)),
    },
    {
      row: 4,
      name: 'outcome',
      mutation: 'event 4 is called a fork, so that readers leave it out',
      seenBy: 'store',
      finds: ['fork @ gateway/files 4', 'event-missing @ gateway/files 4'],
      attack: ({ bench }) => update(bench, "outcome = 'fork'", at(4)),
    },
  ]
}
