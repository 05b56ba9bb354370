// Rates, budgets, repeats of unknown outcome, hours, kinds of requests and observing: each a pure function of what is given.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { stringify } from 'yaml'
import type { DecisionFacts, PolicyCall } from '../../../gateway/policy/decision.ts'
import { decide } from '../../../gateway/policy/evaluate.ts'
import { toMillionths } from '../../../gateway/policy/limits.ts'
import { parsePolicy } from '../../../gateway/policy/load.ts'
import type { Policy } from '../../../gateway/policy/policy.ts'
import { callWith, factsOf, policyOf } from './support.ts'

const SEED = 20261122
const NOW_MS = 1_795_000_000_000
const rate = policyOf({ id: 'r', action: 'allow', rateLimit: { calls: 2, per: '60s', by: 'session' } })
const budget = policyOf({
  id: 'b',
  action: 'allow',
  budget: { argument: 'order.amount', max: 1, per: '1d', by: 'principal' },
})

function decideUsed(policy: Policy, used: number, call: Partial<PolicyCall> = {}): ReturnType<typeof decide> {
  const facts: DecisionFacts = factsOf({ counters: { used: () => used } })
  return decide(policy, callWith({ order: { amount: 0.1 } }, { session: 's', ...call }), facts)
}

describe('rateLimit', () => {
  it('charges what it lets through', () => {
    const { decision, charges } = decideUsed(rate, 1)
    assert.equal(decision, 'allow')
    assert.deepEqual(charges, [{ counter: 'rate_limit session ["r","s"]', windowMs: 60_000, amount: 1 }])
  })

  it('denies over the limit, and says which', () => {
    const { decision, reason, text } = decideUsed(rate, 2)
    assert.deepEqual([decision, reason, text], ['deny', 'rate_limit', 'Over the limit of 2 calls in 60s by session'])
  })

  it('counts every session of the connection', () => {
    assert.equal(decideUsed(rate, 1, { sessions: ['s', 'earlier'] }).reason, 'rate_limit')
  })

  it('denies while what was used is not known', () => {
    assert.match(decideUsed(rate, Number.POSITIVE_INFINITY).text, /not known yet/)
  })

  it('denies a call without a session', () => {
    const call = callWith({})
    assert.equal(decide(rate, call, factsOf()).reason, 'rate_limit')
  })
})

describe('budget', () => {
  it('adds up to its limit, exactly', () => {
    assert.equal(decideUsed(budget, 900_000).decision, 'allow')
    assert.equal(decideUsed(budget, 900_001).reason, 'budget')
  })

  for (const amount of [undefined, '0.1', -1, null, [1], 1e300, 2 ** 53]) {
    it(`denies the amount ${JSON.stringify(amount)}`, () => {
      assert.equal(decideUsed(budget, 0, { argumentsValue: { order: { amount } } }).reason, 'constraint_argument')
    })
  }

  it('keeps decimals that people write, and rounds others up', () => {
    const cents = fc.integer({ min: 0, max: 100_000_000 })
    fc.assert(
      fc.property(cents, (count) => assert.equal(toMillionths(Number(`${count}e-2`)), count * 10_000)),
      { seed: SEED, numRuns: 1_000 },
    )
    assert.equal(toMillionths(1e-9), 1)
  })
})

describe('onAmbiguous', () => {
  const policy = policyOf({ id: 'w', action: 'allow', onAmbiguous: 'escalate' })
  it('escalates a repeat of what may have run', () => {
    const { decision, reason } = decide(policy, callWith({}, { isRepeatOfUnknown: () => true }), factsOf())
    assert.deepEqual([decision, reason], ['escalate', 'ambiguous_repeat'])
  })

  it('lets other calls pass', () => {
    assert.equal(decide(policy, callWith({}, { isRepeatOfUnknown: () => false }), factsOf()).decision, 'allow')
  })
})

describe('when', () => {
  const at = (when: object, time: string): string =>
    decide(policyOf({ action: 'allow', when }), callWith({}), factsOf({ nowMs: Date.parse(time) })).decision
  const office = { days: ['mon', 'fri'], from: '08:00', to: '18:00', timeZone: 'Europe/Berlin' }
  const night = { days: ['fri'], from: '22:00', to: '06:00' }
  const cases: readonly (readonly [string, object, string, string])[] = [
    ['the first minute', office, '2026-11-23T07:00:00Z', 'allow'],
    ['the minute before', office, '2026-11-23T06:59:59Z', 'deny'],
    ['the last minute', office, '2026-11-23T16:59:59Z', 'allow'],
    ['the end', office, '2026-11-23T17:00:00Z', 'deny'],
    ['summer time', office, '2026-07-24T06:00:00Z', 'allow'],
    ['another day', office, '2026-11-24T09:00:00Z', 'deny'],
    ['the evening of its day', night, '2026-11-27T22:00:00Z', 'allow'],
    ['the morning after', night, '2026-11-28T05:59:00Z', 'allow'],
    ['the morning of its day', night, '2026-11-27T05:00:00Z', 'deny'],
  ]
  for (const [what, when, time, expected] of cases)
    it(`says ${expected} at ${what}`, () => assert.equal(at(when, time), expected))
})

describe('kinds of requests', () => {
  const policy = policyOf(
    { id: 'docs', tool: 'resource:file:///srv/docs/*', action: 'allow' },
    { id: 'review', tool: 'prompt:review*', action: 'allow' },
    { id: 'complete', tool: ['method:completion/*'], action: 'allow' },
    { id: 'tools', tool: '*', action: 'escalate' },
  )
  const ruleOf = (method: string, tool: string): string =>
    decide(policy, callWith({}, { method, tool }), factsOf()).rule
  it('fall under the patterns of their kind alone', () => {
    assert.equal(ruleOf('resources/read', 'file:///srv/docs/a'), 'docs')
    assert.equal(ruleOf('prompts/get', 'review_code'), 'review')
    assert.equal(ruleOf('completion/complete', 'x'), 'complete')
    assert.equal(ruleOf('resources/read', 'file:///srv/other'), 'default')
    assert.equal(ruleOf('prompts/get', 'file:///srv/docs/a'), 'default')
  })

  it('are not feigned by a tool’s name', () => {
    assert.equal(ruleOf('tools/call', 'resource:file:///srv/docs/a'), 'tools')
    assert.equal(ruleOf('tools/call', 'file:///srv/docs/a'), 'tools')
  })
})

describe('mode observe', () => {
  const text = (until: string): string =>
    stringify({
      version: '1',
      mode: 'observe',
      until,
      rules: [{ id: 'no', tool: 'write_*', action: 'deny', reason: 'Nobody writes' }],
    })
  const load = (until: string): ReturnType<typeof parsePolicy> =>
    parsePolicy(text(until), { file: 'policy.yaml', nowMs: NOW_MS })
  const end = new Date(NOW_MS + 86_400_000).toISOString().slice(0, 16).concat('Z')

  it('forwards, and says what would have been decided', () => {
    const parsed = load(end)
    assert.ok('ok' in parsed)
    const result = decide(parsed.ok, callWith({}, { tool: 'write_file' }), factsOf({ nowMs: NOW_MS }))
    assert.deepEqual([result.decision, result.reason, result.rule], ['allow', 'observed', 'no'])
    assert.deepEqual(result.observed, { decision: 'deny', reason: 'policy_rule' })
    assert.match(result.text, /enforced it would be denied: Nobody writes/)
  })

  it('enforces once its end has come', () => {
    const parsed = load(end)
    assert.ok('ok' in parsed)
    const facts = factsOf({ nowMs: NOW_MS + 2 * 86_400_000 })
    assert.equal(decide(parsed.ok, callWith({}, { tool: 'write_file' }), facts).decision, 'deny')
  })

  it('is refused for more than 30 days', () => {
    const parsed = load(new Date(NOW_MS + 31 * 86_400_000).toISOString().slice(0, 10))
    assert.ok('errors' in parsed)
    assert.match(parsed.errors[0]?.message ?? '', /at most 30 days/)
  })

  it('opens nothing that no policy can open', () => {
    const parsed = load(end)
    assert.ok('ok' in parsed)
    const deep = Array.from({ length: 100 }).reduce<unknown>((value) => [value], 1)
    const protection = { paths: undefined, hosts: [] } as never
    assert.equal(decide(parsed.ok, callWith(deep), factsOf({ nowMs: NOW_MS, protection })).decision, 'deny')
  })
})
