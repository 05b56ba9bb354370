// A decision stands while nothing that it was made from is another; then the call is let through without a second decision.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EMPTY_CONTROL } from '../../events/control-view.ts'
import { argumentSignals } from '../../events/signals.ts'
import type { DecisionBasis, ProposedCall } from '../../gateway/decide.ts'
import { StandingDecision } from '../../gateway/standing-decision.ts'
import { DEPLOYMENT_KEY, NO_CONTROL, NO_PINS, requestOf, ruleOf, viewOf } from '../support/gate-bench.ts'
import { policyOf } from './policy/support.ts'

const facts = { realPath: () => ({ type: 'absent' }) as const, remote: false, nowMs: 1_700_000_000_000 }
const basis: DecisionBasis = {
  policy: policyOf({ action: 'allow' }),
  control: EMPTY_CONTROL,
  need: NO_CONTROL,
  pins: NO_PINS,
  facts,
}
const call: ProposedCall = {
  context: { ...requestOf().connection, call: '00000000-0000-7000-8000-000000000001', tool: 'read_file' },
  argumentsValue: {},
  signals: argumentSignals(DEPLOYMENT_KEY, 'read', {}),
  sessions: [],
}

/** Decides on one basis, and asks on another. */
function stands(then: DecisionBasis, now: DecisionBasis, of: ProposedCall = call): boolean {
  let current = then
  const standing = new StandingDecision(of, { basis: () => current, shown: () => undefined })
  standing.decide()
  current = now
  return standing.stillAllows
}

describe('a decision that allows', () => {
  it('stands while only moments pass', () => {
    assert.equal(stands(basis, { ...basis, facts: { ...facts, nowMs: facts.nowMs + 5 } }), true)
  })

  const changes: Readonly<Record<string, Partial<DecisionBasis>>> = {
    'another policy': { policy: policyOf({ action: 'allow' }) },
    'a rule that arrived': { control: viewOf(ruleOf()) },
    'a definition that was seen': { pins: { ...NO_PINS, seen: new Map([['read_file', new Set(['d'])]]) } },
    'other protected places': { facts: { ...facts, protection: { paths: { paths: [] }, hosts: [] } as never } },
  }
  for (const [what, change] of Object.entries(changes))
    it(`does not stand after ${what}`, () => assert.equal(stands(basis, { ...basis, ...change }), false))

  it('does not stand once control has grown stale', () => {
    const state = { state: { instance: 'i' }, agreedMicros: facts.nowMs * 1000 }
    const control = { ...EMPTY_CONTROL, states: new Map([['detectors/main', state]]) } as never
    const later = { ...facts, nowMs: facts.nowMs + NO_CONTROL.maxAgeMicros / 1000 + 1 }
    assert.equal(stands({ ...basis, control }, { ...basis, control }), true)
    assert.equal(stands({ ...basis, control }, { ...basis, control, facts: later }), false)
  })

  it('does not stand where the same call was made before and nobody knows whether it ran', () => {
    assert.equal(stands(basis, basis, { ...call, isRepeatOfUnknown: () => true }), false)
  })

  it('does not stand where it is charged to a limit', () => {
    const limited = {
      ...basis,
      policy: policyOf({ action: 'allow', rateLimit: { calls: 2, per: '1h', by: 'session' } }),
    }
    assert.equal(stands(limited, limited), false)
  })
})

describe('a decision that denies or escalates', () => {
  it('is always made again', () => {
    for (const action of ['deny', 'escalate'] as const) {
      const strict = { ...basis, policy: policyOf({ action }) }
      assert.equal(stands(strict, strict), false)
    }
  })
})
