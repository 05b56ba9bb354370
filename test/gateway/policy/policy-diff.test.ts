// What changed between two policies: added, removed, changed and moved rules, and nothing where they say the same.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { stringify } from 'yaml'
import { diffPolicies } from '../../../gateway/policy/policy-diff.ts'
import { loadPolicy, policyOf } from './support.ts'

const [a, b, c] = ['a', 'b', 'c'].map((id) => ({ id, tool: id, action: 'allow' }))
const diff = (before: readonly object[], after: readonly object[]): readonly string[] =>
  diffPolicies(policyOf(...before), policyOf(...after)).map((change) =>
    'rule' in change ? `${change.type} ${change.rule}` : change.type,
  )

describe('diffPolicies', () => {
  it('finds nothing, when only text changed that says nothing', () => {
    const before = loadPolicy('version: "1"\nrules: [{id: a, tool: x, action: deny}]\n')
    const after = loadPolicy('# why\nversion: "1"\nrules:\n  - {action: deny, tool: [x], id: a}\n')
    assert.deepEqual(diffPolicies(before, after), [])
  })

  it('finds what was added and removed', () =>
    assert.deepEqual(diff([a ?? {}, b ?? {}], [b ?? {}, c ?? {}]), ['removed a', 'added c']))

  it('finds the one rule whose moving explains the order', () =>
    assert.deepEqual(diff([a ?? {}, b ?? {}, c ?? {}], [c ?? {}, a ?? {}, b ?? {}]), ['moved c']))

  it('names the keys that changed, and what they were', () => {
    const rule = (limit: number): object => ({
      ...a,
      constraints: { arguments: { properties: { n: { maximum: limit } } } },
    })
    const [change] = diffPolicies(policyOf(rule(1)), policyOf(rule(2)))
    assert.ok(change?.type === 'changed')
    const schema = (limit: number): string => `{"arguments":{"properties":{"n":{"maximum":${limit}}}}}`
    assert.deepEqual(change.keys, [{ key: 'constraints', before: schema(1), after: schema(2) }])
  })

  it('tells rules without an id apart by what they say', () =>
    assert.deepEqual(diff([{ tool: 'x', action: 'deny' }], [{ tool: 'x', action: 'allow' }]), [
      'removed rules[0]',
      'added rules[0]',
    ]))

  it('finds another default and another mode', () => {
    const until = new Date(86_400_000).toISOString().slice(0, 10)
    const before = loadPolicy(stringify({ version: '1', default: 'allow', rules: [] }))
    const after = loadPolicy(stringify({ version: '1', rules: [] }))
    assert.deepEqual(diffPolicies(before, after), [{ type: 'default', before: 'allow', after: 'deny' }])
    const observed = { ...after, observeUntilMs: Date.parse(until) }
    assert.deepEqual(diffPolicies(after, observed), [
      { type: 'observeUntil', before: 'enforced', after: '1970-01-02T00:00:00.000Z' },
    ])
  })
})
