// Policies of several files: whose rules come first, what is refused, and a hash over every text.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decide } from '../../../gateway/policy/evaluate.ts'
import { MAX_POLICY_FILES, type ParsedPolicy, parsePolicy } from '../../../gateway/policy/load.ts'
import { hashPolicyText } from '../../../gateway/policy/policy-text.ts'
import { callWith, factsOf } from './support.ts'

/** Parses `/p/top.yaml` of these files. */
function parse(files: Readonly<Record<string, string>>): ParsedPolicy {
  const read = (path: string) => {
    const text = files[path.replace('/p/', '')]
    return text === undefined ? { problem: 'ENOENT' } : { text }
  }
  return parsePolicy(files['top.yaml'] ?? '', { file: '/p/top.yaml', read, nowMs: 0 })
}

function problems(files: Readonly<Record<string, string>>): string {
  const parsed = parse(files)
  assert.ok('errors' in parsed)
  return parsed.errors.map(({ where, message }) => `${where}: ${message}`).join('\n')
}

const file = (rules: string, more = ''): string => `version: "1"\n${more}rules: [${rules}]\n`

describe('extends', () => {
  const files = {
    'top.yaml': file('{id: own, tool: a, action: allow}', 'extends: [./base.yaml, team/more.yaml]\n'),
    'base.yaml': file('{id: base, tool: [a, b], action: deny}, {tool: c, action: deny}', 'default: escalate\n'),
    'team/more.yaml': file(
      '{id: more, tool: "*", server: other, action: allow}',
      'extends: ../base.yaml\ndefault: allow\n',
    ),
  }

  it('tries a file’s own rules first, then those of each base in its order', () => {
    const parsed = parse(files)
    assert.ok('ok' in parsed)
    const names = parsed.ok.rules.map(({ name }) => name)
    assert.deepEqual(names, ['own', 'base', 'base.yaml:rules[1]', 'more'])
    assert.equal(decide(parsed.ok, callWith({}, { tool: 'a' }), factsOf()).rule, 'own')
    assert.equal(parsed.ok.defaultAction, 'escalate')
    assert.deepEqual(parsed.ok.files, ['/p/top.yaml', '/p/base.yaml', '/p/team/more.yaml'])
  })

  it('hashes every text, with its name and length', () => {
    const parsed = parse(files)
    const changed = parse({ ...files, 'base.yaml': `${files['base.yaml']}# more\n` })
    assert.ok('ok' in parsed && 'ok' in changed)
    assert.equal(parsed.ok.hash, hashPolicyText(parsed.ok.text))
    assert.notEqual(parsed.ok.hash, changed.ok.hash)
    assert.match(parsed.ok.text, /^# toolwarden policy of 3 files\n# toolwarden policy file "top.yaml", \d+ bytes\n/)
  })

  it('refuses a circle, and names the file that closes it', () => {
    const circle = { 'top.yaml': file('', 'extends: a.yaml\n'), 'a.yaml': file('', 'extends: ./top.yaml\n') }
    assert.match(problems(circle), /^\/p\/a\.yaml:2:1:extends\[0\]: \.\/top\.yaml extends this file in turn/)
    assert.match(problems({ 'top.yaml': file('', 'extends: top.yaml\n') }), /circle/)
  })

  it('tells the errors of every file at once', () => {
    const text = problems({
      'top.yaml': file('', 'extends: [a.yaml, b.yaml, c.yaml]\n'),
      'a.yaml': '',
      'b.yaml': file('{actoin: deny}'),
    })
    assert.match(text, /\/p\/a\.yaml.*empty/)
    assert.match(text, /\/p\/b\.yaml:2:\d+:rules\[0\]\.actoin: unknown key/)
    assert.match(text, /\/p\/top\.yaml:2:\d+:extends\[2\]: c\.yaml can't be read: ENOENT/)
  })

  it('refuses an id that another file has', () => {
    const twice = {
      'top.yaml': file('{id: x, action: deny}', 'extends: a.yaml\n'),
      'a.yaml': file('{id: x, action: deny}'),
    }
    assert.match(problems(twice), /a\.yaml:2.*the id "x" is already that of rules\[0\] of top\.yaml/)
  })

  it('lets only the first file say the mode', () => {
    const text = problems({ 'top.yaml': file('', 'extends: a.yaml\n'), 'a.yaml': file('', 'mode: enforce\n') })
    assert.match(text, /the mode is said by the file that extends/)
  })

  it(`refuses more than ${MAX_POLICY_FILES} files`, () => {
    const chain = Array.from(
      { length: 20 },
      (_, at) => [`f${at}.yaml`, file('', `extends: f${at + 1}.yaml\n`)] as const,
    )
    assert.match(
      problems({ 'top.yaml': file('', 'extends: f0.yaml\n'), ...Object.fromEntries(chain) }),
      /at most 16 files/,
    )
  })
})
