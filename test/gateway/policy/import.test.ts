// Policies of another form: what is carried over as it was, what fails closed, and, against a plain reading of that form, that
// nothing is allowed that was not, and what a rule denied stays denied.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { decide } from '../../../gateway/policy/evaluate.ts'
import { importAuthensor } from '../../../gateway/policy/import/import-authensor.ts'
import { writeImported } from '../../../gateway/policy/import/write-imported.ts'
import type { Policy } from '../../../gateway/policy/policy.ts'
import { callWith, factsOf, loadPolicy } from './support.ts'

interface Condition {
  readonly field?: string
  readonly operator?: string
  readonly value?: unknown
  readonly all?: readonly Condition[]
  readonly any?: readonly Condition[]
  readonly not?: Condition
}
interface Rule {
  readonly id: string
  readonly effect: 'allow' | 'deny' | 'require_approval'
  readonly condition?: Condition
  readonly [key: string]: unknown
}

function convert(rules: readonly Rule[], more: object = {}): { readonly policy: Policy; readonly text: string } {
  const imported = importAuthensor({ id: 'p', name: 'p', version: '1.0.0', rules, ...more })
  if (typeof imported === 'string') assert.fail(imported)
  const text = writeImported(imported, '# schema')
  return { policy: loadPolicy(text), text }
}

const decideOn = (policy: Policy, tool: string, argumentsValue: unknown = {}): string =>
  decide(policy, callWith(argumentsValue, { tool }), factsOf()).decision
const type = (operator: string, value: unknown): Condition => ({ field: 'action.type', operator, value })
const parameter = (operator: string, value: unknown): Condition => ({ field: 'action.parameters.n', operator, value })

describe('importAuthensor', () => {
  it('carries types over as tools, without the prefix that its gateway gives them', () => {
    const { policy, text } = convert([
      { id: 'a', effect: 'allow', condition: type('in', ['mcp.read', 'mcp.list']) },
      {
        id: 'b',
        effect: 'require_approval',
        condition: type('startsWith', 'mcp.write'),
        approvalConfig: { expiresIn: '5m' },
      },
    ])
    assert.deepEqual(
      ['read', 'list', 'write_x', 'other'].map((tool) => decideOn(policy, tool)),
      ['allow', 'allow', 'escalate', 'deny'],
    )
    assert.doesNotMatch(text, /not carried/)
  })

  it('carries comparisons of parameters over, as arguments that an allow asks for', () => {
    const condition = { all: [type('eq', 'mcp.pay'), parameter('lte', 5)] }
    const { policy } = convert([{ id: 'a', effect: 'allow', condition }])
    assert.deepEqual(
      [5, 6].map((n) => decideOn(policy, 'pay', { n })),
      ['allow', 'deny'],
    )
  })

  const closed: readonly (readonly [what: string, rule: Rule, more: object, decision: string])[] = [
    [
      'an allow under a condition',
      {
        id: 'a',
        effect: 'allow',
        condition: { all: [type('eq', 'mcp.x'), { field: 'context.env', operator: 'eq', value: 'dev' }] },
      },
      {},
      'escalate',
    ],
    [
      'an allow under a negation',
      { id: 'a', effect: 'allow', condition: { not: type('eq', 'mcp.y') } },
      {},
      'escalate',
    ],
    [
      'an allow of some environments',
      { id: 'a', effect: 'allow' },
      { scope: { environments: ['staging'] } },
      'escalate',
    ],
    ['an allow with a key that is not known', { id: 'a', effect: 'allow', sessionBudget: 5 }, {}, 'escalate'],
    [
      'an allow under a limit over all callers',
      { id: 'a', effect: 'allow', rateLimit: { requests: 5, window: '1h', scope: 'global' } },
      {},
      'escalate',
    ],
    ['two approvers', { id: 'a', effect: 'require_approval', approvalConfig: { requiredApprovals: 2 } }, {}, 'deny'],
    [
      'named approvers',
      { id: 'a', effect: 'require_approval', approvalConfig: { approvers: [{ type: 'role', id: 'cfo' }] } },
      {},
      'deny',
    ],
    [
      'a denial under a condition',
      { id: 'a', effect: 'deny', condition: parameter('gt', 5) },
      { defaultEffect: 'allow' },
      'deny',
    ],
    ['a policy that is not enabled', { id: 'a', effect: 'allow' }, { enabled: false }, 'deny'],
    [
      'a default that allows beside it',
      {
        id: 'a',
        effect: 'require_approval',
        condition: { field: 'action.type', operator: 'matches', value: '(?<=z)y' },
      },
      { defaultEffect: 'allow' },
      'escalate',
    ],
  ]
  for (const [what, rule, more, decision] of closed)
    it(`fails closed: ${what}`, () => {
      const { policy, text } = convert([rule], more)
      assert.equal(decideOn(policy, 'x', { n: 1 }), decision)
      assert.match(text, /# (?:not carried over: |was \w+, is )/)
    })

  it('says every line of a foreign text within a comment or a quoted text', () => {
    const name = 'x"\n  - action: allow\r\u2028# y'
    const { policy } = convert(
      [{ id: name, effect: 'deny', description: name, condition: { field: name, operator: name } }],
      { name },
    )
    assert.deepEqual([policy.rules.length, decideOn(policy, 'x')], [1, 'deny'])
  })

  it('refuses what is no such policy', () => {
    for (const value of [undefined, [], {}, { id: 'p', rules: [{ id: 'a', effect: 'perhaps' }] }])
      assert.equal(typeof importAuthensor(value), 'string')
  })

  it('allows no call that was not allowed, and denies every call that a rule denied', () =>
    fc.assert(
      fc.property(
        fc.array(ruleArbitrary, { maxLength: 5 }),
        fc.constantFrom('allow', 'deny'),
        fc.boolean(),
        (rules, defaultEffect, unknown) => {
          const unique = rules.map((rule, place) => ({ ...rule, id: `r${place}` }))
          const { policy } = convert(unique, { defaultEffect })
          for (const tool of ['read', 'read_a', 'write', 'a.b'])
            for (const n of [1, 9]) {
              const ruled = read(unique, { tool, n, unknown })
              const here = decideOn(policy, tool, { n })
              assert.ok(here !== 'allow' || (ruled ?? defaultEffect) === 'allow', `${tool} ${n}: ${ruled} there`)
              assert.ok(here === 'deny' || ruled !== 'deny', `${tool} ${n}: denied there`)
            }
        },
      ),
      { seed: 9, numRuns: 300 },
    ))
})

const leaf: fc.Arbitrary<Condition> = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('eq', 'startsWith', 'endsWith', 'contains'),
      fc.constantFrom('mcp.read', 'mcp.', 'read', 'm', 'a', 'p.r', '_a', 'other.x'),
    )
    .map(([operator, value]) => type(operator, value)),
  fc.constantFrom('mcp\\.read.*', '^mcp\\.(read|write)$', 'read.+', '.*').map((value) => type('matches', value)),
  fc.constantFrom('gt', 'lte').map((operator) => parameter(operator, 5)),
  fc.constant({ field: 'context.unknown', operator: 'eq', value: true }),
)
const conditionArbitrary: fc.Arbitrary<Condition> = fc.oneof(
  leaf,
  fc.array(leaf, { minLength: 1, maxLength: 3 }).map((all) => ({ all })),
  fc.array(leaf, { minLength: 1, maxLength: 3 }).map((any) => ({ any })),
  leaf.map((not) => ({ not })),
)
const ruleArbitrary: fc.Arbitrary<Rule> = fc.record(
  { id: fc.constant('r'), effect: fc.constantFrom('allow', 'deny', 'require_approval'), condition: conditionArbitrary },
  { requiredKeys: ['id', 'effect'] },
)

interface Call {
  readonly tool: string
  readonly n: number
  readonly unknown: boolean
}

function read(rules: readonly Rule[], call: Call): string | undefined {
  return rules.find(({ condition }) => condition === undefined || holds(condition, call))?.effect
}

function holds({ all, any, not, field, operator, value }: Condition, call: Call): boolean {
  if (all !== undefined) return all.every((each) => holds(each, call))
  if (any !== undefined) return any.some((each) => holds(each, call))
  if (not !== undefined) return !holds(not, call)
  if (field === 'context.unknown') return call.unknown
  if (operator === 'gt') return call.n > Number(value)
  if (operator === 'lte') return call.n <= Number(value)
  const [name, text] = [`mcp.${call.tool}`, String(value)]
  if (operator === 'matches') return new RegExp(text).test(name)
  if (operator === 'startsWith') return name.startsWith(text)
  if (operator === 'endsWith') return name.endsWith(text)
  return operator === 'contains' ? name.includes(text) : name === text
}
