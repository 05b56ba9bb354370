// Whether a change of policy can allow more: what is found to be narrower is narrower for every call.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { decide } from '../../../gateway/policy/evaluate.ts'
import type { Policy } from '../../../gateway/policy/policy.ts'
import { createLinkedPaths } from '../../../gateway/policy/run-test-cases.ts'
import { listWidenings } from '../../../gateway/policy/widenings.ts'
import { callWith, factsOf, loadPolicy, policyOf } from './support.ts'

const base = {
  ...{ id: 'r', tool: 'read_*', action: 'allow', onAmbiguous: 'escalate', approval: { timeout: '10m' } },
  constraints: { allowedPaths: ['/a', '/b'], deniedPaths: ['**/.env'], notPaths: ['text'] },
  rateLimit: { calls: 5, per: '1h', by: 'session' },
}
const change = (more: object): object => ({ ...base, ...more })
const constrain = (more: object): object => change({ constraints: { ...base.constraints, ...more } })
const deny = { id: 'd', tool: 'read_a', action: 'deny' }
const widens = (before: readonly object[], after: readonly object[]): readonly string[] =>
  listWidenings(policyOf(...before), policyOf(...after)).map(({ rule, why }) => `${rule}: ${why}`)

describe('listWidenings', () => {
  const narrower: readonly (readonly [what: string, after: readonly object[]])[] = [
    ['nothing', [base]],
    ['a denial before it', [deny, base]],
    ['a stricter action', [change({ action: 'escalate' })]],
    ['a denial instead', [{ id: 'r', tool: 'read_*', action: 'deny' }]],
    ['fewer paths', [constrain({ allowedPaths: ['/b'] })]],
    ['more denied paths', [constrain({ deniedPaths: ['**/.env', '**/.ssh'] })]],
    ['no notPaths', [constrain({ notPaths: undefined })]],
    ['a schema', [constrain({ arguments: { properties: { n: { maximum: 1 } } } })]],
    ['fewer calls', [change({ rateLimit: { calls: 4, per: '1h', by: 'session' } })]],
    ['a shorter time to answer', [change({ approval: { timeout: '5m' } })]],
    ['its removal, when the default denies', []],
    ['another reason', [change({ reason: 'why' })]],
  ]
  for (const [what, after] of narrower)
    it(`finds nothing wider: ${what}`, () => assert.deepEqual(widens([base], after), []))

  const wider: readonly (readonly [what: string, after: readonly object[], why: RegExp])[] = [
    ['a more generous action', [change({ action: 'allow', onAmbiguous: 'allow' })], /r: onAmbiguous allows more/],
    ['another path, even beneath', [constrain({ allowedPaths: ['/a/b'] })], /r: allowedPaths holds another entry/],
    ['fewer denied paths', [constrain({ deniedPaths: undefined })], /r: an entry of deniedPaths is gone/],
    ['more notPaths', [constrain({ notPaths: ['text', 'path'] })], /r: notPaths holds another entry/],
    ['no constraints', [change({ constraints: undefined })], /r: its constraints are gone/],
    [
      'a limit by another account',
      [change({ rateLimit: { calls: 5, per: '1h', by: 'tool' } })],
      /r: the limit of 5 calls/,
    ],
    ['other tools', [change({ tool: '*' })], /r: it matches other calls by tool/],
    ['an answer of the client itself', [change({ approval: { timeout: '10m', elicit: true } })], /r: the client's own/],
    ['a longer time to answer', [change({ approval: { timeout: '1h' } })], /r: an approval may take longer/],
    ['a new rule that asks', [base, { id: 'x', tool: 'x', action: 'escalate' }], /x: a new rule that does not deny/],
  ]
  for (const [what, after, why] of wider)
    it(`finds what is wider: ${what}`, () => assert.match(widens([base], after).join('\n'), why))

  it('finds a denial that is gone, and one that moved behind', () => {
    assert.deepEqual(widens([deny, base], [base]), ['d: calls that it decided may reach r'])
    assert.equal(widens([deny, base], [base, deny]).length, 1)
  })

  it('finds pins that may hold less, and none where everything is held', () => {
    const pinned = (pinning: unknown): Policy => loadPolicy(stringify({ version: '1', pinning, rules: [] }))
    const rules = (before: unknown, after: unknown): readonly string[] =>
      listWidenings(pinned(before), pinned(after)).map((each) => each.rule)
    assert.deepEqual(rules('enforce', 'warn'), ['pinning'])
    assert.deepEqual(rules('enforce', [{ mode: 'enforce', held: 'escalate' }]), ['pinning'])
    assert.deepEqual([rules('off', 'enforce'), rules('warn', 'warn')], [[], []])
    assert.deepEqual(rules([{ server: 'a', mode: 'enforce' }], [{ server: 'b', mode: 'enforce' }]), ['pinning'])
  })

  it('finds another default, and observing', () => {
    const policy = (more: object): Policy => loadPolicy(stringify({ version: '1', ...more, rules: [] }))
    const [denies, asks] = [policy({}), policy({ default: 'escalate' })]
    assert.deepEqual([listWidenings(denies, asks).length, listWidenings(asks, denies).length], [1, 0])
    assert.equal(listWidenings(denies, { ...denies, observeUntilMs: 1 })[0]?.rule, 'mode')
  })

  it('finds no change narrower under which some call is decided more generously', () =>
    fc.assert(
      fc.property(
        fc.array(ruleArbitrary, { maxLength: 4 }),
        fc.array(ruleArbitrary, { maxLength: 4 }),
        (one, other) => {
          const [before, after] = [policyOf(...unique(one)), policyOf(...unique(other))]
          if (listWidenings(before, after).length > 0) return
          for (const tool of ['a', 'b', 'ab'])
            for (const path of ['/x/1', '/y/1']) assert.ok(rankOf(after, tool, path) <= rankOf(before, tool, path))
        },
      ),
      { seed: 10, numRuns: 500 },
    ))
})

const ruleArbitrary = fc.record(
  {
    id: fc.constantFrom('r1', 'r2', 'r3'),
    tool: fc.constantFrom('*', 'a', 'a*', 'b'),
    action: fc.constantFrom('allow', 'deny', 'escalate'),
    constraints: fc.constantFrom({ allowedPaths: ['/x'] }, { allowedPaths: ['/x', '/y'] }, { deniedPaths: ['/y/**'] }),
  },
  { requiredKeys: ['id', 'tool', 'action'] },
)

function unique(rules: readonly { readonly id: string }[]): readonly object[] {
  return rules.filter(({ id }, place) => rules.findIndex((each) => each.id === id) === place)
}

function rankOf(policy: Policy, tool: string, path: string): number {
  const { decision } = decide(policy, callWith({ path }, { tool }), factsOf({ realPath: createLinkedPaths({}) }))
  return ['deny', 'escalate', 'allow'].indexOf(decision)
}
