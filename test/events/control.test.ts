// Records on `control`: checked one by one, a replay changes nothing, and what a view holds agrees with its writers or is stale.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { canonicalBytes } from '../../events/canonical.ts'
import { hashBody } from '../../events/chain.ts'
import {
  type ControlRecord,
  liveDigest,
  subjectOf,
  toControlRecord,
  toStateRecord,
  verifyControlRecord,
} from '../../events/control-record.ts'
import {
  type ControlView,
  controlFreshness,
  EMPTY_CONTROL,
  evolveControl,
  liveRules,
  subjectsOf,
} from '../../events/control-view.ts'
import type { EventDraft } from '../../events/event.ts'
import type { LogRecord } from '../../events/log.ts'
import { formatTime } from '../../events/time.ts'
import { withCode } from '../support/errors.ts'
import { beatEntry, Run, START_MICROS, seededHash, trustOf } from '../support/seeded-run.ts'

const detectors = new Run({ writer: 'detectors/main' })
const api = new Run({ writer: 'api/main' })
const trust = trustOf(detectors, api)
const SECOND = 1_000_000
const HOUR = 3_600 * SECOND

function ruleDraft(name: string, revision: number, lifeMicros = HOUR): EventDraft {
  return {
    type: 'rule/added',
    revision,
    rule: {
      id: seededHash(name),
      scope: { session: 'session a' },
      tool: '*',
      action: 'deny',
      reason: 'a test',
      cause: { operator: 'user:test', events: [] },
      createdAt: formatTime(START_MICROS),
      expiresAt: formatTime(START_MICROS + lifeMicros),
    },
  }
}

function liftDraft(name: string, revision: number): EventDraft {
  const expiresAt = formatTime(START_MICROS + HOUR)
  return { type: 'rule/lifted', revision, rule: seededHash(name), expiresAt, by: 'user:test', reason: 'a test' }
}

function stopDraft(revision: number, type: 'switch/stopped' | 'switch/resumed' = 'switch/stopped'): EventDraft {
  return { type, revision, scope: 'all', by: 'user:test', reason: 'a test' }
}

/** The record of a draft, with an event before it in its append unless told otherwise. */
function publish(run: Run, draft: EventDraft, alone = false): LogRecord {
  run.append(...(alone ? [] : [beatEntry(1)]), { draft })
  const commit = run.commits.at(-1)
  if (commit === undefined) throw new Error('an append was made')
  return toControlRecord({ events: commit.parts[0]?.events ?? [], hashes: commit.hashes, signature: commit.signature })
}

function stateRecord(run: Run, view: ControlView, micros: number): LogRecord {
  const { log, writer, instance } = run.runKey.identity
  const live = subjectsOf(view, writer, micros)
  const envelope = { v: 1, type: 'control/state', log, writer, instance, time: formatTime(micros) } as const
  return toStateRecord(
    { ...envelope, revision: view.revision, count: live.length, digest: liveDigest(live) },
    run.runKey,
  )
}

function check(record: LogRecord): ControlRecord {
  return verifyControlRecord(record, 'main', trust)
}

/** Takes records into a view; says what each did. */
function take(view: ControlView, ...records: readonly LogRecord[]): { view: ControlView; outcomes: readonly string[] } {
  const outcomes: string[] = []
  let current = view
  for (const record of records) {
    const result = evolveControl(current, check(record))
    current = result.view
    outcomes.push(result.outcome)
  }
  return { view: current, outcomes }
}

function freshness(view: ControlView, nowMicros: number, ...writers: readonly string[]): string {
  return controlFreshness(view, { writers, maxAgeMicros: 10 * SECOND, nowMicros })
}

describe('verifyControlRecord', () => {
  it('takes what a trusted writer chained, alone or as the last of its append', () => {
    for (const alone of [true, false]) {
      const record = check(publish(detectors, ruleDraft('a', 1), alone))
      assert.equal(record.kind === 'event' && record.subject, `rule/${seededHash('a')}`)
    }
  })

  it('takes a signed state', () => {
    assert.equal(check(stateRecord(api, EMPTY_CONTROL, START_MICROS)).kind, 'state')
  })

  const rule = publish(detectors, ruleDraft('a', 1))
  const state = stateRecord(api, EMPTY_CONTROL, START_MICROS)
  const { signature: _, ...unsigned } = rule.headers
  const { signature: __, ...unsignedState } = state.headers
  const foreign = new Run({ writer: 'detectors/main', longLived: 'stranger' })
  const elsewhere = new Run({ writer: 'detectors/main', log: 'theirs' })
  const gateway = new Run({ writer: 'gateway/files' })
  const edited = Buffer.from(Buffer.from(rule.value).toString().replace('"action":"deny"', '"action":"escalate"'))
  const rehashed = { hash: Buffer.from(hashBody(edited), 'hex'), append: Buffer.from(hashBody(edited), 'hex') }
  const backdated = canonicalBytes({
    ...JSON.parse(Buffer.from(state.value).toString()),
    time: formatTime(START_MICROS + HOUR),
  })
  const other = publish(detectors, ruleDraft('b', 2))
  const cases: readonly (readonly [string, LogRecord, RegExp])[] = [
    ['a body that was edited', { ...rule, value: edited }, /hash/],
    [
      'a body that was edited with its hash',
      { ...rule, value: edited, headers: { ...rule.headers, ...rehashed } },
      /signature does not hold/,
    ],
    [
      'a body that was edited with its hash, beside the signed hashes',
      { ...rule, value: edited, headers: { ...rule.headers, hash: rehashed.hash } },
      /hash of the body/,
    ],
    ['a record without a signature', { ...rule, headers: unsigned }, /no signature/],
    ['a state without a signature', { ...state, headers: unsignedState }, /not a signed/],
    ['a state with another time', { ...state, value: backdated }, /signature does not hold/],
    ['a state of another writer', { ...state, key: 'state/detectors/main' }, /not a signed/],
    [
      'the signature of another record',
      { ...rule, headers: { ...rule.headers, signature: other.headers.signature ?? edited } },
      /signature does not hold/,
    ],
    ['the record of another subject', { ...rule, key: `rule/${seededHash('b')}` }, /not the subject/],
    ['a rule under the key of a switch', { ...rule, key: 'switch/all' }, /not the subject/],
    ['a rule as a state', { ...rule, key: 'state/detectors/main' }, /not a signed/],
    ['a writer that is not trusted', publish(foreign, ruleDraft('a', 1)), /no trusted key/],
    ['a state of a writer that is not trusted', stateRecord(foreign, EMPTY_CONTROL, START_MICROS), /no trusted key/],
    ['another ledger', publish(elsewhere, ruleDraft('a', 1)), /another ledger/],
    ['a state for another ledger', stateRecord(elsewhere, EMPTY_CONTROL, START_MICROS), /another ledger/],
    [
      'an event that does not go to control',
      { ...(detectors.append(beatEntry(1))[0] ?? rule), key: 'rule/x' },
      /no place/,
    ],
  ]
  for (const [name, record, reason] of cases)
    it(`refuses ${name}`, () => assert.throws(() => check(record), withCode('FORBIDDEN', reason)))

  it('refuses a rule, a verdict and a switch by a gateway, though a trusted key signed them', () => {
    assert.throws(() => gateway.append({ draft: ruleDraft('a', 1) }), withCode('EVENT_INVALID', /may not write/))
    const body = { ...JSON.parse(Buffer.from(rule.value).toString()), ...gateway.runKey.identity }
    const record = { ...rule, value: canonicalBytes(body) }
    assert.throws(
      () => verifyControlRecord(record, 'main', trustOf(gateway)),
      withCode('EVENT_INVALID', /may not write rule/),
    )
  })

  it('refuses a stop by the detectors', () => {
    assert.throws(() => detectors.append({ draft: stopDraft(1) }), withCode('EVENT_INVALID', /may not write/))
  })

  it('refuses bytes that are no event', () => {
    for (const value of [Buffer.from('{}'), Buffer.from('['.repeat(20_000)), Buffer.alloc(0)])
      for (const key of ['rule/x', 'state/x']) assert.throws(() => check({ key, value, headers: {} }), Error)
  })
})

describe('subjectOf', () => {
  it('tells pins apart, when names hold slashes', () => {
    const pin = (server: string, tool: string): string => {
      const event = new Run({ writer: 'api/main' })
      event.append({
        draft: { type: 'pin/approved', revision: 1, server, tool, digest: seededHash('d'), by: 'u', reason: '' },
      })
      const sealed = event.events()[0]?.event
      return sealed?.type === 'pin/approved' ? subjectOf(sealed) : ''
    }
    assert.equal(pin('files', 'fs/read'), 'pin/files/fs/read')
    assert.notEqual(pin('a/b', 'c'), pin('a', 'b/c'))
  })
})

describe('evolveControl', () => {
  it('applies once, and calls the same record again a duplicate', () => {
    const rule = publish(detectors, ruleDraft('a', 1))
    const { view, outcomes } = take(EMPTY_CONTROL, rule, rule)
    assert.deepEqual(outcomes, ['applied', 'duplicate'])
    assert.equal(liveRules(view, START_MICROS).length, 1)
  })

  it('refuses an older record, replayed, and another of the same revision', () => {
    const [stopped, resumed] = [publish(api, stopDraft(4)), publish(api, stopDraft(5, 'switch/resumed'))]
    const { view, outcomes } = take(EMPTY_CONTROL, resumed, stopped, publish(api, stopDraft(5)))
    assert.deepEqual(outcomes, ['applied', 'refused', 'refused'])
    assert.equal(view.subjects.get('switch/all')?.event.type, 'switch/resumed')
  })

  it('lets a lift beat its rule by revision, in either order', () => {
    const [rule, lift] = [publish(detectors, ruleDraft('a', 1)), publish(api, liftDraft('a', 2))]
    for (const order of [
      [rule, lift],
      [lift, rule],
    ])
      assert.equal(liveRules(take(EMPTY_CONTROL, ...order).view, START_MICROS).length, 0)
    assert.equal(
      liveRules(take(EMPTY_CONTROL, rule, lift, publish(detectors, ruleDraft('a', 3))).view, START_MICROS).length,
      1,
    )
  })

  it('ends a rule at its expiry', () => {
    const { view } = take(EMPTY_CONTROL, publish(detectors, ruleDraft('a', 1)))
    assert.equal(liveRules(view, START_MICROS + HOUR - 1).length, 1)
    assert.equal(liveRules(view, START_MICROS + HOUR).length, 0)
  })

  it('forgets a rule five minutes after its end, by its own writer and nothing else', () => {
    const records = [publish(detectors, ruleDraft('a', 1)), publish(api, stopDraft(2))]
    const { view } = take(EMPTY_CONTROL, ...records)
    const kept = (writer: typeof api, micros: number): readonly string[] => [
      ...take(view, stateRecord(writer, view, START_MICROS + micros)).view.subjects.keys(),
    ]
    assert.equal(kept(detectors, HOUR + 5 * 60 * SECOND).length, 2)
    assert.deepEqual(kept(detectors, HOUR + 5 * 60 * SECOND + 1), ['switch/all'])
    assert.equal(kept(api, 25 * HOUR).length, 2)
  })
})

describe('controlFreshness', () => {
  const { view } = take(EMPTY_CONTROL, publish(detectors, ruleDraft('a', 1)), publish(api, stopDraft(2)))
  const agreed = take(view, stateRecord(api, view, START_MICROS)).view

  it('is none before any state, and with one that never agreed', () => {
    assert.equal(freshness(view, START_MICROS, 'api/main'), 'none')
    const incomplete = take(EMPTY_CONTROL, stateRecord(api, view, START_MICROS)).view
    assert.equal(freshness(incomplete, START_MICROS, 'api/main'), 'none')
  })

  it('counts for each writer what it wrote itself', () => {
    const of = (writer: string) => subjectsOf(view, writer, START_MICROS).map(({ subject }) => subject)
    assert.deepEqual([of('api/main'), of('detectors/main')], [['switch/all'], [`rule/${seededHash('a')}`]])
  })

  it('is fresh for ten seconds after a state that agreed, then stale', () => {
    assert.equal(freshness(agreed, START_MICROS + 10 * SECOND, 'api/main'), 'fresh')
    assert.equal(freshness(agreed, START_MICROS + 10 * SECOND + 1, 'api/main'), 'stale')
  })

  it('is stale, when the state is dated further ahead than it may be old', () => {
    const ahead = take(view, stateRecord(api, view, START_MICROS + 11 * SECOND)).view
    assert.equal(freshness(ahead, START_MICROS, 'api/main'), 'stale')
  })

  it('needs every writer that it was told of', () => {
    assert.equal(freshness(agreed, START_MICROS, 'api/main', 'detectors/main'), 'stale')
    const both = take(agreed, stateRecord(detectors, agreed, START_MICROS)).view
    assert.equal(freshness(both, START_MICROS, 'api/main', 'detectors/main'), 'fresh')
  })

  it('ages, when a record is missing, until it comes', () => {
    const rule = publish(detectors, ruleDraft('late', 9))
    const complete = take(agreed, rule).view
    const at = START_MICROS + 11 * SECOND
    const without = take(
      take(agreed, stateRecord(detectors, agreed, START_MICROS)).view,
      stateRecord(detectors, complete, at),
    ).view
    assert.equal(freshness(without, at, 'detectors/main'), 'stale')
    const withIt = take(without, rule, stateRecord(detectors, complete, at + SECOND)).view
    assert.equal(freshness(withIt, at + SECOND, 'detectors/main'), 'fresh')
  })

  it('refuses a state older than the newest, of this run or of a former one', () => {
    const older = stateRecord(api, view, START_MICROS - SECOND)
    assert.deepEqual(take(agreed, older).outcomes, ['refused'])
    const next = new Run({ writer: 'api/main', seed: 'next', startMicros: START_MICROS + HOUR })
    const restarted = take(agreed, stateRecord(next, agreed, START_MICROS + HOUR)).view
    assert.deepEqual(take(restarted, stateRecord(api, view, START_MICROS + 2 * HOUR)).outcomes, ['refused'])
  })

  it('does not count what expired, at the state’s own time', () => {
    const short = take(EMPTY_CONTROL, publish(detectors, ruleDraft('short', 1, SECOND))).view
    const state = stateRecord(detectors, EMPTY_CONTROL, START_MICROS + 2 * SECOND)
    assert.equal(freshness(take(short, state).view, START_MICROS + 2 * SECOND, 'detectors/main'), 'fresh')
  })
})
