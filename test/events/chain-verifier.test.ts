// Checked before believed: honest runs are accepted, with their doubles and gaps, and forks and swapped attachments told apart.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { FORGOTTEN, verifyRecords } from '../../events/chain-verifier.ts'
import type { LogRecord } from '../../events/log.ts'
import { beatEntry, callEntries, honestRun, openEntry, Run, trustOf } from '../support/seeded-run.ts'
import { commitOf, honest, judge, nothing, outcomes, told, withHeaders } from '../support/verdicts.ts'

const trust = trustOf(honest)

describe('verifyRecords, on honest records', () => {
  it('accepts a run in one batch, and moves its head to the last event', () => {
    const known = nothing()
    assert.equal(told(judge(honest.records(), known)), 'accepted')
    assert.deepEqual(known.heads.get(honest.chain), honest.head)
  })

  it('accepts a run append by append', () => {
    const known = nothing()
    for (const { records } of honest.commits) assert.equal(told(judge(records, known)), 'accepted')
    assert.deepEqual(known.heads.get(honest.chain), honest.head)
  })

  it('accepts runs whose appends lie between each other', () => {
    const runs = [honest, honestRun(2, { seed: 'other' }), honestRun(2, { writer: 'gateway/mail' })]
    const mixed = honest.commits.flatMap((_, index) => runs.flatMap((run) => commitOf(run, index)))
    const known = nothing()
    assert.equal(told(judge(mixed, known, trustOf(...runs))), 'accepted')
    for (const run of runs) assert.deepEqual(known.heads.get(run.chain), run.head)
  })

  it('calls what it has accepted a duplicate, in the same batch and later', () => {
    const known = nothing()
    const verdicts = judge([...honest.records(), ...honest.records()], known)
    assert.equal(outcomes(verdicts).filter((outcome) => outcome === 'duplicate').length, honest.events().length)
    assert.equal(told(judge(honest.records(), known)), 'duplicate')
    assert.deepEqual(known.heads.get(honest.chain), honest.head)
  })

  it('accepts after a gap at once and says what is missing, and what fills it as late', () => {
    const known = nothing()
    judge(commitOf(honest, 0), known)
    const [after] = judge(commitOf(honest, 2), known)
    assert.deepEqual(after?.outcome === 'accepted' && after.gap, { from: 2, to: 3 })
    assert.equal(told(judge(commitOf(honest, 1), known)), 'late')
    assert.deepEqual(outcomes(judge(commitOf(honest, 3), known)), ['accepted', 'accepted'])
    assert.equal(told(judge(commitOf(honest, 1), known)), 'duplicate')
  })

  it('accepts a chain whose beginning it never saw, after a gap', () => {
    const [first] = judge(commitOf(honest, 2))
    assert.deepEqual(first?.outcome === 'accepted' && first.gap, { from: 1, to: 3 })
  })

  it('takes what it no longer remembers for a duplicate, and what comes late after that for late', () => {
    const heads = new Map([[honest.chain, honest.head]])
    const hashAt = (_: string, sequence: number) => (sequence === 4 ? undefined : FORGOTTEN)
    const { verdicts } = verifyRecords(honest.records(), { log: 'main', trust, headOf: (c) => heads.get(c), hashAt })
    assert.deepEqual(outcomes(verdicts).slice(0, 5), ['duplicate', 'duplicate', 'duplicate', 'late', 'duplicate'])
  })

  it('keeps heads right, however whole appends are doubled and mixed', () => {
    const other = honestRun(3, { seed: 'other' })
    const all = [...honest.commits, ...other.commits]
    const doubles = fc.array(fc.nat({ max: all.length - 1 }), { maxLength: 30 })
    const property = fc.property(doubles, fc.infiniteStream(fc.nat()), fc.nat({ max: 20 }), (extra, order, cut) => {
      const known = nothing()
      const appends = interleave([honest, other], extra, order)
      const verdicts = [appends.slice(0, cut), appends.slice(cut)].flatMap((batch) => judge(batch.flat(), known))
      assert.equal(
        verdicts.filter(({ outcome }) => outcome === 'accepted').length,
        honest.head.sequence + other.head.sequence,
      )
      assert.ok(verdicts.every(({ outcome }) => outcome === 'accepted' || outcome === 'duplicate'))
      for (const run of [honest, other]) assert.deepEqual(known.heads.get(run.chain), run.head)
    })
    fc.assert(property, { seed: 1, numRuns: 30 })
  })
})

/** The appends of runs, each run in order, with doubles of those already out. */
function interleave(
  runs: readonly Run[],
  extra: readonly number[],
  order: fc.Stream<number>,
): (readonly LogRecord[])[] {
  const waiting = runs.map((run) => run.commits.map(({ records }) => records))
  const out: (readonly LogRecord[])[] = []
  const doubles = [...extra]
  while (waiting.some((appends) => appends.length > 0)) {
    const open = waiting.filter((appends) => appends.length > 0)
    const [turn = 0] = order.take(1)
    const next = open[turn % open.length]?.shift()
    if (next !== undefined) out.push(next)
    const double = turn % 3 === 0 ? out[(doubles.pop() ?? 0) % out.length] : undefined
    if (double !== undefined) out.push(double)
  }
  return out
}

describe('verifyRecords, on forks', () => {
  it('names another event under a known sequence number', () => {
    const known = nothing()
    const run = new Run()
    run.append(openEntry(run))
    const clone = run.clone()
    judge([...run.records(), ...run.append(beatEntry(1))], known)
    const [verdict] = judge(clone.append(beatEntry(2)), known)
    assert.equal(verdict?.outcome === 'fork' && verdict.stored, run.head.hash)
    assert.deepEqual(known.heads.get(run.chain), run.head)
  })

  it('names an event that follows another head', () => {
    const known = nothing()
    const run = new Run()
    run.append(openEntry(run))
    const clone = run.clone()
    judge([...run.records(), ...run.append(beatEntry(1))], known)
    clone.append(beatEntry(2))
    const [verdict] = judge(clone.append(beatEntry(3)), known)
    assert.ok(verdict?.outcome === 'fork' && verdict.reason.startsWith('previous is not'))
    assert.deepEqual(known.heads.get(run.chain), run.head)
  })

  it('names a late event that does not follow the one before it', () => {
    const known = nothing()
    const run = new Run()
    run.append(openEntry(run))
    const clone = run.clone()
    const lost = run.append(beatEntry(1))
    judge([...run.records().slice(0, 1), ...run.append(beatEntry(2))], known)
    clone.head = { ...clone.head, hash: run.head.hash }
    assert.equal(
      told(judge(clone.append(beatEntry(3)), known)),
      'fork: previous is not the hash of the event before it',
    )
    assert.equal(told(judge(lost, known)), 'late')
  })
})

describe('verifyRecords, on attachments', () => {
  const other = callEntries('other')[0]
  for (const [name, headers, problem] of [
    ['payload of another call', { payload: other.payload ?? Buffer.alloc(0) }, /payload/],
    ['signals of another call', { signals: other.signals ?? Buffer.alloc(0) }, /signals/],
  ] as const)
    it(`accepts the event and says so, when it carries the ${name}`, () => {
      const [propose, decide] = commitOf(honest, 1)
      if (propose === undefined || decide === undefined) throw new Error('a call')
      const [verdict] = judge([...commitOf(honest, 0), withHeaders(propose, headers), decide]).slice(1)
      assert.match(String(verdict?.outcome === 'accepted' && verdict.attachmentProblem), problem)
    })

  it('says so, when an event carries what it committed to nothing of', () => {
    const [propose, decide] = commitOf(honest, 1)
    if (propose === undefined || decide === undefined) throw new Error('a call')
    for (const headers of [{ payload: Buffer.alloc(40) }, { signals: Buffer.from('{}') }]) {
      const [, verdict] = judge([propose, withHeaders(decide, headers)])
      assert.ok(verdict?.outcome === 'accepted' && verdict.attachmentProblem !== undefined)
    }
  })

  it('quarantines headers over their limits', () => {
    const [record] = commitOf(honest, 0)
    if (record === undefined) throw new Error('an opening')
    for (const headers of [
      { payload: Buffer.alloc(256 * 1024 + 1) },
      { signals: Buffer.alloc(16 * 1024 + 1) },
      { append: Buffer.alloc(33) },
    ])
      assert.equal(told(judge([withHeaders(record, headers)])).split(':')[0], 'quarantined')
  })
})
