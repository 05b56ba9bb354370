// Files of `policy test`: their errors with places, and what their cases come to.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type CaseResult, runTestCases } from '../../../gateway/policy/run-test-cases.ts'
import { parsePolicyTests } from '../../../gateway/policy/test-cases.ts'
import { policyOf } from './support.ts'

const head = 'policy: p.yaml\nroot: /srv\nlinks: { /srv/out: /etc }\ncases:\n'
const policy = policyOf(
  { id: 'read', tool: 'read', action: 'allow', constraints: { allowedPaths: ['/srv'] } },
  { id: 'limited', tool: 'send', action: 'allow', rateLimit: { calls: 2, per: '1h', by: 'session' } },
  { id: 'once', tool: 'pay', action: 'allow', onAmbiguous: 'escalate' },
  { id: 'nights', tool: 'deploy', when: { from: '22:00', to: '24:00' }, action: 'allow' },
  { id: 'docs', tool: 'resource:file:///srv/*', action: 'allow', constraints: { allowedPaths: ['/srv'] } },
)

function run(lines: string): readonly CaseResult[] {
  const parsed = parsePolicyTests(`${head}${lines}`, 't.yaml')
  if ('errors' in parsed) assert.fail(parsed.errors.map(({ where, message }) => `${where}: ${message}`).join('\n'))
  return runTestCases(policy, parsed.ok, 0)
}

describe('runTestCases', () => {
  const passing: readonly (readonly [what: string, call: string])[] = [
    [
      'a relative path',
      'call: { tool: read, arguments: { path: a } }, expect: { decision: allow, rule: read, reason: policy_rule }',
    ],
    [
      'a path through a link',
      'call: { tool: read, arguments: { path: out/passwd } }, expect: { decision: deny, reason: constraint_path }',
    ],
    ['the last call within a limit', 'call: { tool: send }, times: 2, expect: { decision: allow }'],
    ['the first call over it', 'call: { tool: send }, times: 3, expect: { decision: deny, reason: rate_limit }'],
    ['calls over a longer time', 'call: { tool: send }, times: 3, within: 6h, expect: { decision: allow }'],
    ['a repeat', 'call: { tool: pay }, repeatsUnknown: true, expect: { decision: escalate, reason: ambiguous_repeat }'],
    ['an hour', 'call: { tool: deploy }, at: "2026-11-22T23:00:00Z", expect: { decision: allow, rule: nights }'],
    ['another hour', 'call: { tool: deploy }, at: "2026-11-22T12:00:00Z", expect: { decision: deny, rule: default }'],
    ['a resource', 'call: { tool: "resource:file:///srv/a" }, expect: { decision: allow, rule: docs }'],
  ]
  for (const [what, line] of passing)
    it(`passes what is decided as expected: ${what}`, () => {
      const [result] = run(`  - { name: x, ${line} }\n`)
      assert.equal(result?.passed, true, JSON.stringify(result?.actual))
    })

  const failing = ['decision: deny', 'decision: allow, rule: other', 'decision: allow, reason: observed']
  for (const expected of failing)
    it(`fails what is decided otherwise: ${expected}`, () => {
      const [result] = run(`  - { name: x, call: { tool: read, arguments: { path: a } }, expect: { ${expected} } }\n`)
      assert.deepEqual(
        [result?.passed, result?.actual],
        [false, { decision: 'allow', rule: 'read', reason: 'policy_rule' }],
      )
    })
})

describe('parsePolicyTests', () => {
  const errors = (text: string): readonly string[] => {
    const parsed = parsePolicyTests(text, 't.yaml')
    return 'errors' in parsed ? parsed.errors.map(({ where, message }) => `${where}: ${message}`) : []
  }

  it('tells every error at once, with place and nearest key', () => {
    const found = errors(
      'policy: p\nrot: /a\ncases:\n  - name: a\n    call: { tol: x }\n    expect: { decision: alow }\n',
    )
    assert.deepEqual(
      found.map((text) => text.replace(/ \(expected one of.*/, '')),
      [
        't.yaml:2:1:rot: unknown key "rot", did you mean "root"?',
        't.yaml:5:5:cases[0].call.tool: expected a name',
        't.yaml:5:13:cases[0].call.tol: unknown key "tol", did you mean "tool"?',
        't.yaml:6:15:cases[0].expect.decision: expected allow, deny or escalate',
      ],
    )
  })

  const refused: readonly (readonly [string, string, RegExp])[] = [
    ['an empty file', '', /empty/],
    ['no cases', 'policy: p\ncases: []\n', /at least one case/],
    [
      'two cases of one name',
      `${head}${'  - { name: a, call: { tool: x }, expect: { decision: deny } }\n'.repeat(2)}`,
      /this name/,
    ],
    ['a relative root', 'policy: p\nroot: srv\ncases: []\n', /absolute path/],
    ['a link that is not normal', 'policy: p\nlinks: { /a/../b: /c }\ncases: []\n', /map of links/],
    ['what is no YAML', '{', /./],
  ]
  for (const [what, text, message] of refused)
    it(`refuses ${what}`, () => assert.match(errors(text).join('\n'), message))
})
