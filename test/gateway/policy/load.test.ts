// Reading policy files: every error of a file, with its place and the nearest valid key.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { MAX_POLICY_BYTES } from '../../../gateway/policy/load.ts'
import { createPolicyError } from '../../../gateway/policy/problems.ts'
import { loadErrors, loadPolicy } from './support.ts'

const ruleAt = (line: string): string => `version: "1"\nrules:\n  - action: allow\n    ${line}\n`

describe('parsePolicy', () => {
  it('gives the hash of the bytes and a frozen policy', () => {
    const text = 'version: "1"\nrules: []\n# ü\n'
    const policy = loadPolicy(text)
    assert.equal(policy.hash, createHash('sha256').update(text).digest('hex'))
    assert.equal(policy.defaultAction, 'deny')
    assert.ok(Object.isFrozen(policy) && Object.isFrozen(policy.rules))
  })

  it('names place and nearest key, when a key is misspelt', () => {
    const [error, ...rest] = loadErrors(ruleAt('constraint: {}'))
    assert.deepEqual(rest, [])
    assert.equal(error?.where, 'policy.yaml:4:5:rules[0].constraint')
    assert.equal(error?.nearest, 'constraints')
    assert.match(
      error?.message ?? '',
      /unknown key "constraint", did you mean "constraints"\? \(expected one of id, tool/,
    )
  })

  it('tells every error at once, in the order of the file', () => {
    const text =
      'version: 1\ndefualt: deny\nrules:\n  - tool: "a{b}"\n    action: alow\n  - {id: x, action: deny}\n  - {id: x, action: deny, approval: {timeout: 3}}\n'
    const keys = loadErrors(text).map((error) => `${error.line} ${error.key}`)
    assert.deepEqual(keys, [
      '1 version',
      '2 defualt',
      '4 rules[0].tool[0]',
      '5 rules[0].action',
      '7 rules[2].id',
      '7 rules[2].approval.timeout',
    ])
  })

  const refused: readonly (readonly [string, string, RegExp])[] = [
    ['an empty file', '', /empty/],
    ['a file of comments', '# nothing\n', /empty/],
    ['no rules', 'version: "1"\n', /expected a list of rules/],
    ['a duplicate key', 'version: "1"\nrules: []\nrules: []\n', /unique/],
    ['a tab as indent', 'version: "1"\nrules:\n\t- action: deny\n', /./],
    [
      'an alias bomb',
      `version: "1"\na: &a [x, x]\nb: &b [${'*a, '.repeat(60)}]\nc: [*b, *b, *b]\nrules: []\n`,
      /alias count/,
    ],
    ['a tag', 'version: !!js "1"\nrules: []\n', /tag/],
    ['two documents', 'version: "1"\nrules: []\n---\nrules: []\n', /multiple documents/i],
    ['a list instead of a map', '- a\n', /object/],
    ['a key of a later version', ruleAt('throttle: {calls: 1, per: 1s}'), /unknown key "throttle"/],
    ['a limit without an account', ruleAt('rateLimit: {calls: 1, per: 1s}'), /session, principal or tool/],
    ['a limit of no calls', ruleAt('rateLimit: {calls: 0, per: 1s, by: tool}'), /number of calls/],
    ['a negative budget', ruleAt('budget: {argument: a, max: -1, per: 1d, by: tool}'), /an amount from 0/],
    ['an hour that is none', ruleAt('when: {from: "25:00"}'), /time of day/],
    ['a window of no length', ruleAt('when: {from: "08:00", to: "08:00"}'), /another time/],
    ['a time zone that is none', ruleAt('when: {timeZone: Mars}'), /time zone/],
    ['observing without an end', 'version: "1"\nmode: observe\nrules: []\n', /needs an end/],
    ['an end without observing', 'version: "1"\nuntil: "2026-12-24"\nrules: []\n', /belongs to mode/],
    ['extending without files', 'version: "1"\nextends: ./base.yaml\nrules: []\n', /can't be read/],
    ['a constraint without a value', ruleAt('constraints:'), /./],
    ['an empty list', ruleAt('constraints: {allowedPaths: []}'), /at least one/],
    ['a relative allowed path', ruleAt('constraints: {allowedPaths: [src]}'), /not absolute/],
    ['a glob as allowed path', ruleAt('constraints: {allowedPaths: ["/a/*"]}'), /wildcard/],
    ['a URL as domain', ruleAt('constraints: {allowedDomains: ["https://a.example"]}'), /URL/],
    ['a wildcard inside a domain', ruleAt('constraints: {allowedDomains: ["a.*.example"]}'), /not a host/],
    ['a negated glob', ruleAt('tool: "!read"'), /negation/],
    ['an unclosed class', ruleAt('tool: "[a"'), /valid glob/],
    ['a reversed class', ruleAt('tool: "[z-a]"'), /valid glob/],
    ['a resource pattern without a glob', ruleAt('tool: "resource:"'), /is empty/],
    ['a duration without unit', ruleAt('approval: {hold: "45"}'), /duration/],
    ['an oversized file', `#${'x'.repeat(MAX_POLICY_BYTES)}`, /larger/],
    ['deep nesting', `version: ${'['.repeat(50_000)}`, /./],
  ]
  for (const [what, text, message] of refused) {
    it(`refuses ${what}`, () => {
      const errors = loadErrors(text)
      assert.ok(errors.length > 0)
      assert.match(errors.map((error) => error.message).join('\n'), message)
    })
  }

  it('reads block and require_approval as deny and escalate', () => {
    const policy = loadPolicy(
      'version: "1"\nrules:\n  - {action: block}\n  - {action: require_approval, approval: {timeout: 1h}}\n',
    )
    assert.deepEqual(
      policy.rules.map((rule) => rule.action),
      ['deny', 'escalate'],
    )
    assert.deepEqual(policy.rules[1]?.approval, { timeoutMs: 3_600_000, holdMs: 45_000, mayElicit: false })
  })

  it('takes anchors and aliases', () => {
    const policy = loadPolicy(
      'version: "1"\nrules:\n  - {action: deny, tool: &t [a, b]}\n  - {action: allow, tool: *t}\n',
    )
    assert.equal(policy.rules[1]?.tools?.length, 2)
  })

  it('becomes one error with code, place and fix', () => {
    const error = createPolicyError(loadErrors(ruleAt('constraint: {}')))
    assert.equal(error.code, 'POLICY_INVALID')
    assert.equal(error.where, 'policy.yaml:4:5:rules[0].constraint')
    assert.match(error.fix ?? '', /mend the file/)
  })
})
