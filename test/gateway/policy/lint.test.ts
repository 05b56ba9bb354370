// What lint finds in policies that load: each finding by the check that it is listed under, and where.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { stringify } from 'yaml'
import { lintPolicy } from '../../../gateway/policy/lint.ts'
import type { SeenTool } from '../../../gateway/policy/lint-tools.ts'
import { parsePolicy } from '../../../gateway/policy/load.ts'

/** Findings as `check key`. */
function lint(rules: readonly object[], tools?: readonly SeenTool[], more: object = {}): readonly string[] {
  const parsed = parsePolicy(stringify({ version: '1', ...more, rules }), { file: 'policy.yaml' })
  if ('errors' in parsed) assert.fail(parsed.errors.map(({ where, message }) => `${where}: ${message}`).join('\n'))
  return lintPolicy(parsed.ok, parsed.sources, tools).map(({ check, key }) => `${check} ${key}`)
}

const allow = (rule: object): object => ({ action: 'allow', ...rule })
const constrained = (constraints: object): object => allow({ tool: 'read', constraints })

describe('lintPolicy', () => {
  it('finds nothing in a policy that is as it should be', () =>
    assert.deepEqual(
      lint([
        { id: 'secrets', tool: 'read_secret', action: 'deny' },
        allow({ tool: 'read_*', constraints: { allowedPaths: ['/srv/'] } }),
        { tool: 'write_*', action: 'escalate', approval: { timeout: '5m' } },
      ]),
      [],
    ))

  it('gives file, line and column', () => {
    const parsed = parsePolicy('version: "1"\nrules:\n  - {action: allow}\n', { file: 'p.yaml' })
    assert.ok('ok' in parsed)
    const [finding] = lintPolicy(parsed.ok, parsed.sources, undefined)
    assert.equal(finding?.where, 'p.yaml:3:6:rules[0].action')
  })

  const reach: readonly (readonly [what: string, rules: readonly object[], found: readonly string[]])[] = [
    ['a wider glob before it', [allow({ tool: 'read_*' }), allow({ tool: 'read_file' })], ['unreachable rules[1]']],
    [
      'one entry that an earlier rule takes',
      [allow({ tool: 'read_*' }), allow({ tool: ['read_file', 'list'] })],
      ['shadowed rules[1].tool[0]'],
    ],
    [
      'two rules before it that take an entry each',
      [allow({ tool: 'a' }), allow({ tool: 'b' }), allow({ tool: ['a', 'b'] })],
      ['unreachable rules[2]'],
    ],
    ['a rule for fewer servers before it', [allow({ tool: 'a', server: 's' }), allow({ tool: 'a' })], []],
    [
      'a rule for its server before it',
      [allow({ tool: 'a', server: 's*' }), allow({ tool: 'sx/a' })],
      ['unreachable rules[1]'],
    ],
    ['a rule of some hours before it', [allow({ tool: 'a', when: { from: '08:00' } }), allow({ tool: 'a' })], []],
    [
      'a rule for every method before it',
      [allow({ tool: 'method:*', server: 's' }), allow({ tool: 'resource:*', server: 's' })],
      ['unreachable rules[1]'],
    ],
    ['a rule for all tools before a resource', [{ tool: '*', action: 'deny' }, allow({ tool: 'resource:*' })], []],
    ['a server that excludes the other', [allow({ tool: 'files/a', server: 'git*' })], ['unreachable rules[0]']],
  ]
  for (const [what, rules, found] of reach)
    it(`finds what calls reach: ${what}`, () => assert.deepEqual(lint(rules), found))

  const vacuous: readonly (readonly [what: string, rule: object, found: readonly string[]])[] = [
    [
      'constraints of a denial',
      { tool: 'a', action: 'deny', constraints: { allowedPaths: ['/a'] } },
      ['vacuous rules[0].constraints'],
    ],
    [
      'an approval that nothing waits for',
      allow({ tool: 'a', approval: { hold: '1s' } }),
      ['vacuous rules[0].approval'],
    ],
    [
      'the root as allowed path',
      constrained({ allowedPaths: ['/'] }),
      ['vacuous rules[0].constraints.allowedPaths[0]'],
    ],
    [
      'a path beneath another',
      constrained({ allowedPaths: ['/a/', '/a/b'] }),
      ['redundant rules[0].constraints.allowedPaths[1]'],
    ],
    ['every host', constrained({ allowedDomains: ['*'] }), ['vacuous rules[0].constraints.allowedDomains[0]']],
    ['notPaths without paths', constrained({ notPaths: ['text'] }), ['vacuous rules[0].constraints.notPaths']],
    ['a class that looks negated', { tool: 'a', server: 'x[!a]', action: 'deny' }, ['class rules[0].server[0]']],
    ['an empty schema', constrained({ arguments: { type: 'object' } }), ['vacuous rules[0].constraints.arguments']],
    ['everything allowed', allow({}), ['allows-everything rules[0].action']],
    ['every tool of a server', allow({ tool: '*', server: 's' }), ['allows-everything rules[0].action']],
  ]
  for (const [what, rule, found] of vacuous)
    it(`finds what changes nothing: ${what}`, () => assert.deepEqual(lint([rule]), found))

  const schemas: readonly (readonly [what: string, schema: object, key: string])[] = [
    ['bounds that cross', { properties: { n: { minimum: 5, maximum: 2 } } }, '.properties.n.minimum'],
    ['a value of another type', { properties: { n: { type: 'string', enum: ['a', 1] } } }, '.properties.n.enum'],
    ['a value that its pattern refuses', { properties: { n: { const: 'a', pattern: '^b$' } } }, '.properties.n.const'],
    ['a refused property', { required: ['a'], properties: { b: true }, additionalProperties: false }, '.required'],
    ['an anchor in the middle', { properties: { n: { pattern: '^a$b$' } } }, '.properties.n.pattern'],
  ]
  for (const [what, schema, key] of schemas)
    it(`finds what nothing meets: ${what}`, () =>
      assert.deepEqual(lint([constrained({ arguments: schema })]), [
        `unsatisfiable rules[0].constraints.arguments${key}`,
      ]))

  it('leaves patterns alone that texts meet', () => {
    const patterns = ['^a$', '^\\$a$', '^[$^]x$', '^(?:a|b)$', '^a.*$', '^x[^a]b$']
    const properties = Object.fromEntries(patterns.map((pattern, place) => [`p${place}`, { pattern }]))
    assert.deepEqual(lint([constrained({ arguments: { properties } })]), [])
  })

  it('warns of a default that allows', () =>
    assert.deepEqual(lint([{ tool: 'a', action: 'deny' }], undefined, { default: 'allow' }), ['default-allow default']))
})

describe('lintPolicy with the tools of a server', () => {
  const tools: readonly SeenTool[] = [
    { server: 'files', tool: 'read_file', arguments: ['path', 'head'] },
    { server: 'files', tool: 'roots', arguments: [] },
  ]

  it('finds entries that name no tool, with the one that was probably meant', () => {
    const parsed = parsePolicy('version: "1"\nrules:\n  - {tool: read_fil, action: deny}\n', { file: 'p.yaml' })
    assert.ok('ok' in parsed)
    const [finding] = lintPolicy(parsed.ok, parsed.sources, tools)
    assert.match(finding?.message ?? '', /none of the 2 tools seen has this name, did you mean "read_file"\?/)
  })

  it('does not judge entries for another server, resources and methods', () =>
    assert.deepEqual(
      lint([allow({ tool: ['github/x', 'resource:x', 'method:x'] }), allow({ tool: 'y', server: 'github' })], tools),
      [],
    ))

  it('finds arguments that no tool takes', () =>
    assert.deepEqual(
      lint(
        [allow({ tool: 'read_file', constraints: { arguments: { properties: { haed: { type: 'number' } } } } })],
        tools,
      ),
      ['no-such-argument rules[0].constraints.arguments.properties.haed'],
    ))

  it('finds tools that have nothing that a path constraint could hold for', () =>
    assert.deepEqual(lint([allow({ tool: 'roots', constraints: { allowedPaths: ['/srv'] } })], tools), [
      'nothing-to-constrain rules[0].constraints.allowedPaths',
    ]))
})
