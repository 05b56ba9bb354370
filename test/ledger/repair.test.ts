// The pure parts of a repair: how records are cut by what the ledger announced, what counts as damage, what is kept of it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { StoredRecord } from '../../events/log.ts'
import { batchRows } from '../../ledger/batch-rows.ts'
import { compareEvents, comparePayloads, compareQuarantined } from '../../ledger/repair/damage.ts'
import { evidenceOf, MAX_EVIDENCE_BYTES } from '../../ledger/repair/evidence.ts'
import { cutSegments, type Statement } from '../../ledger/repair/expected-rows.ts'
import type { QuarantineRow, Timed } from '../../ledger/store.ts'
import { asStored } from '../support/ledger-harness.ts'
import { honest, judge } from '../support/verdicts.ts'

const records = asStored(honest.records())
const STEP = { repair: 'r', step: 's' }

function statement(from: number, to: number, events = to - from + 1): Statement {
  return { from, to, events, digest: '', micros: 1 }
}

/** Which offsets the segments have, an announced one in brackets, and those that are left. */
function cutText(from: readonly StoredRecord[], statements: readonly Statement[]): readonly string[] {
  const text = (some: readonly StoredRecord[]): string => some.map(({ position }) => position.offset).join(' ')
  const { segments, rest } = cutSegments(from, statements)
  const pieces = segments.map((each) => (each.statement === undefined ? text(each.records) : `[${text(each.records)}]`))
  return [...pieces, text(rest)]
}

/** The rows of the honest run, all stored at one time. */
function honestRows() {
  const rows = batchRows(records, judge(records))
  const timed = <Row>(all: readonly Row[]): Timed<Row>[] => all.map((row) => ({ ...row, micros: 1_000 }))
  return { events: timed(rows.events), payloads: timed(rows.payloads) }
}

describe('cutSegments', () => {
  const five = records.slice(0, 5)

  it('cuts where the ledger did, and takes what it did not announce for itself', () => {
    assert.deepEqual(cutText(five, [statement(1, 2), statement(3, 3)]), ['0', '[1 2]', '[3]', '4', ''])
  })

  it('leaves what goes on behind the last record for later', () => {
    assert.deepEqual(cutText(five, [statement(0, 2), statement(3, 9)]), ['[0 1 2]', '3 4'])
  })

  it('believes no statement whose records are not all there', () => {
    assert.deepEqual(cutText(five, [statement(0, 3, 3), statement(4, 4, 0)]), ['0 1 2 3 4', ''])
    assert.deepEqual(cutText(five.slice(1), [statement(0, 3)]), ['1 2 3 4', ''])
  })
})

describe('compareEvents', () => {
  const { events } = honestRows()
  const [row] = events

  it('finds no damage in what is as it must be, in any order, doubled or repeated', () => {
    assert.deepEqual(compareEvents(events, [...events, ...events].toReversed()), [])
    const repeated = events.map((each) => ({ ...each, outcome: 'duplicate' as const, body: '', micros: 9e15 }))
    assert.deepEqual(compareEvents(events, [...events, ...repeated]), [])
  })

  it('finds every column that was changed, what is missing, and what stands beside', () => {
    assert.ok(row !== undefined)
    const changes = [{ body: 'x' }, { tool: 'x' }, { signature: 'x' }, { outcome: 'fork' }, { micros: 9e15 }] as const
    for (const change of changes) assert.equal(compareEvents([row], [{ ...row, ...change }]).length, 1)
    assert.equal(compareEvents([row], []).length, 1)
    assert.equal(compareEvents([row], [row, { ...row, hash: 'x' }])[0]?.found.length, 2)
  })

  it('takes the same event in another order of partitions for the same', () => {
    assert.ok(row !== undefined)
    assert.deepEqual(compareEvents([row], [{ ...row, outcome: 'late', after_gap: 3 }]), [])
  })
})

describe('comparePayloads', () => {
  const { payloads } = honestRows()
  const [row] = payloads

  it('wants the payload, or its tombstone where an erasure names it', () => {
    assert.ok(row !== undefined)
    const tombstone = { ...row, recorded: '', signals: '', erased_by: 'e' }
    assert.equal(comparePayloads([{ row, erasedBy: undefined }], [tombstone]).length, 1)
    assert.deepEqual(comparePayloads([{ row, erasedBy: 'e' }], [tombstone]), [])
    assert.deepEqual(comparePayloads([{ row, erasedBy: 'e' }], [row]), [])
    assert.equal(comparePayloads([{ row, erasedBy: 'e' }], [])[0]?.expected?.recorded, '')
  })
})

describe('compareQuarantined', () => {
  const place = { topic: 'events', partition: 'p', offset: 1 } as const
  const row: Timed<QuarantineRow> = {
    ...place,
    ...{ part: 'message', chain: '', reason: 'r', digest: 'd', bytes: 1, raw: 'AA==', headers: '{}', micros: 1 },
  }

  it('finds what was changed, what is missing, and what was never there', () => {
    assert.deepEqual(compareQuarantined([row], [row, row]), [])
    assert.equal(compareQuarantined([row], [{ ...row, raw: 'AQ==' }])[0]?.expected, row)
    assert.equal(compareQuarantined([row], [])[0]?.found.length, 0)
    assert.equal(compareQuarantined([], [row])[0]?.expected, undefined)
  })
})

describe('the evidence of a repair', () => {
  const { events, payloads } = honestRows()

  it('is a copy of each row that was found, and the word that one was missing', () => {
    const [row] = events
    assert.ok(row !== undefined)
    const damages = compareEvents(events.slice(0, 2), [{ ...row, tool: 'other' }])
    const rows = evidenceOf({ events: damages, payloads: [], quarantine: [] }, STEP, new Set())
    assert.deepEqual(
      rows.map(({ reason, bytes }) => [reason, bytes > 0]),
      [
        ['replaced', true],
        ['restored', false],
      ],
    )
    assert.match(Buffer.from(rows[0]?.raw ?? '', 'base64').toString(), /"tool":"other"/)
  })

  it('keeps nothing of a payload that is erased, and no more than its limit of any row', () => {
    const [row] = payloads
    assert.ok(row !== undefined)
    const found = { ...row, recorded: 'A'.repeat(2 * MAX_EVIDENCE_BYTES) }
    const damages = { events: [], payloads: comparePayloads([{ row, erasedBy: 'e' }], [found]), quarantine: [] }
    const [blank] = evidenceOf(damages, STEP, new Set([row.hash]))
    const [cut] = evidenceOf(damages, STEP, new Set())
    assert.doesNotMatch(Buffer.from(blank?.raw ?? '', 'base64').toString(), /AAAA/)
    assert.equal(Buffer.from(cut?.raw ?? '', 'base64').byteLength, MAX_EVIDENCE_BYTES)
  })
})
