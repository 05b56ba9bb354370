// How a decision came about: told by the evaluator itself, so that it can't differ from what gateways decide.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { PolicyCall } from '../../../gateway/policy/decision.ts'
import { decide } from '../../../gateway/policy/evaluate.ts'
import { type Explanation, explainDecision } from '../../../gateway/policy/explain.ts'
import { createLinkedPaths } from '../../../gateway/policy/run-test-cases.ts'
import { callWith, factsOf, policyOf } from './support.ts'

const facts = factsOf({ realPath: createLinkedPaths({}) })
const rules = [
  { id: 'writes', tool: 'write_*', action: 'escalate' },
  { id: 'theirs', server: 'other', action: 'deny' },
  { id: 'nights', tool: 'read_*', when: { from: '00:00', to: '00:01' }, action: 'deny' },
  {
    id: 'reads',
    tool: 'read_*',
    action: 'allow',
    constraints: { allowedPaths: ['/srv/'], allowedDomains: ['example.com'], notPaths: ['url'] },
    rateLimit: { calls: 1, per: '1h', by: 'principal' },
  },
]
const policy = policyOf(...rules)
const explain = (argumentsValue: unknown, names: Partial<PolicyCall> = {}): Explanation =>
  explainDecision(policy, callWith(argumentsValue, names), facts)

describe('explainDecision', () => {
  it('names every rule before the deciding one, and the key that does not match', () => {
    const { passed, rule } = explain({ path: '/srv/a', url: 'https://example.com/' })
    assert.deepEqual(
      passed.map(({ rule: name, mismatch, written }) => `${name} ${mismatch} ${written}`),
      ['writes tool write_*', 'theirs server other', 'nights when {"from":"00:00","to":"00:01"}'],
    )
    assert.equal(rule?.name, 'reads')
  })

  it('names the checks in their order, up to the one that is broken, and what was read', () => {
    const { checks, values, decision } = explain({ path: '/srv/a', url: 'https://evil.example/' })
    assert.deepEqual(
      checks.map(({ check, problem }) => [check, problem]),
      [
        ['paths', undefined],
        ['domains', 'a host argument is not among the allowed domains'],
      ],
    )
    assert.deepEqual(
      values.map(({ check, value }) => `${check} ${value}`),
      ['paths /srv/a', 'domains evil.example'],
    )
    assert.equal(decision.reason, 'constraint_domain')
  })

  it('names limits among the checks, when all constraints hold', () => {
    const { checks } = explain({ path: '/srv/a', url: 'https://example.com/' })
    assert.deepEqual(checks.at(-1), { check: 'rateLimit' })
  })

  it('lists every rule, when the default decides', () => {
    const { passed, rule, decision } = explain({}, { tool: 'other' })
    assert.deepEqual([passed.length, rule, decision.reason], [4, undefined, 'policy_default'])
  })

  it('lists none, when a name is too long for any', () => {
    const { passed, decision } = explain({}, { tool: 'x'.repeat(2_000) })
    assert.deepEqual([passed, decision.reason], [[], 'evaluation_error'])
  })

  it('gives the decision that is given without looking', () =>
    fc.assert(
      fc.property(
        fc.constantFrom('read_a', 'write_a', 'x'),
        fc.constantFrom('files', 'other'),
        fc.constantFrom('/srv/a', '/etc/a', '', '../a'),
        (tool, server, path) => {
          const call = callWith({ path }, { tool, server })
          assert.deepEqual(explainDecision(policy, call, facts).decision, decide(policy, call, facts))
        },
      ),
      { seed: 7, numRuns: 100 },
    ))
})
