// The policy's files on disk: every change of content is taken once it rests, errors change nothing, every text is kept.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { findKeptPolicy, PolicyFiles } from '../../cli/policy-files.ts'
import type { Policy } from '../../gateway/policy/policy.ts'
import type { PolicyRefusal } from '../../gateway/policy-in-force.ts'
import { until } from '../support/until.ts'

const NOW_MS = Date.parse('2026-11-22T12:00:00Z')
const policyOf = (id: string, more = ''): string => `version: "1"\n${more}rules: [{id: ${id}, action: deny}]\n`

let directory: string
let file: string
let unfollow: () => void
let warned: string[]
let replaced: Policy[]
let refused: PolicyRefusal[]
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'toolwarden-policies-'))
  file = join(directory, 'policy.yaml')
  unfollow = () => undefined
  warned = []
  replaced = []
  refused = []
})
afterEach(() => {
  unfollow()
  rmSync(directory, { recursive: true, force: true })
})

function open(text?: string): PolicyFiles {
  if (text !== undefined) writeFileSync(file, text)
  const warn = (message: string): void => void warned.push(message)
  return new PolicyFiles({ file, data: join(directory, 'data'), nowMs: () => NOW_MS, warn, pollMs: 20 })
}

function follow(files: PolicyFiles): void {
  const keeper = {
    replace: (policy: Policy): void => void replaced.push(policy),
    refuse: (refusal: PolicyRefusal): void => void refused.push(refusal),
  }
  unfollow = files.follow(keeper, () => undefined)
}

const firstRule = (policy: Policy | undefined): string | undefined => policy?.rules[0]?.name

describe('PolicyFiles', () => {
  it('keep the text of what they loaded, for its owner alone', () => {
    const { policy } = open(policyOf('a'))
    assert.equal(findKeptPolicy(join(directory, 'data'), policy?.hash ?? ''), policyOf('a'))
    assert.equal(statSync(join(directory, 'data', 'policies', `${policy?.hash}.yaml`)).mode & 0o777, 0o600)
    assert.equal(findKeptPolicy(join(directory, 'data'), '../../policy'), undefined)
  })

  const bad: readonly (readonly [what: string, text: string, why: RegExp])[] = [
    [
      'a misspelt key',
      'version: "1"\nruels: []\n',
      /policy\.yaml:2:1:ruels: unknown key "ruels", did you mean "rules"/,
    ],
    ['an invalid pattern', 'version: "1"\nrules: [{tool: "a{b}", action: deny}]\n', /policy\.yaml:2:10:.*holds braces/],
    [
      'a duplicate id',
      `${policyOf('a').replace('}]', '}, {id: a, action: deny}]')}`,
      /policy\.yaml:2:\d+:.*already that of rules\[0\]/,
    ],
    ['a circle', policyOf('a', 'extends: policy.yaml\n'), /policy\.yaml:2:1:extends\[0\]:.*a circle has no order/],
    ['an empty file', '', /the file is empty; expected version, default and rules/],
  ]
  for (const [what, text, why] of bad)
    it(`have no policy, say that every call is denied, and why: ${what}`, () => {
      const files = open(text)
      follow(files)
      assert.equal(files.policy, undefined)
      assert.match(warned.join('\n'), /^every call is denied: POLICY_INVALID: /)
      assert.match(warned.join('\n'), why)
      assert.equal(refused.length, 1)
    })

  it('refuse a kept text that is not the one of its hash', () => {
    const { policy } = open(policyOf('a'))
    writeFileSync(join(directory, 'data', 'policies', `${policy?.hash}.yaml`), policyOf('b'))
    assert.throws(() => findKeptPolicy(join(directory, 'data'), policy?.hash ?? ''), { code: 'POLICY_INVALID' })
  })

  it('are taken anew when they change, also by a rename', async () => {
    const files = open(policyOf('a'))
    follow(files)
    writeFileSync(file, policyOf('b'))
    await until(() => firstRule(replaced.at(-1)) === 'b')
    writeFileSync(`${file}.new`, policyOf('c'))
    renameSync(`${file}.new`, file)
    await until(() => firstRule(replaced.at(-1)) === 'c')
    assert.equal(findKeptPolicy(join(directory, 'data'), replaced[0]?.hash ?? ''), policyOf('b'))
  })

  it('are refused with every error, once, and taken again when they are mended', async () => {
    follow(open(policyOf('a')))
    writeFileSync(file, 'version: "1"\nrulez: []\nrules: [{actoin: deny}]\n')
    await until(() => refused.length === 1)
    assert.equal(refused[0]?.errors, 3)
    assert.match(warned.join(), /the policy in force stays: POLICY_INVALID.*\n.*policy\.yaml:2:1:rulez: unknown key/)
    writeFileSync(file, policyOf('b'))
    await until(() => firstRule(replaced.at(-1)) === 'b')
    assert.equal(refused.length, 1)
  })

  it('follow the files that they extend', async () => {
    writeFileSync(join(directory, 'base.yaml'), policyOf('base'))
    const files = open(policyOf('a', 'extends: ./base.yaml\n'))
    follow(files)
    writeFileSync(join(directory, 'base.yaml'), policyOf('other'))
    await until(() => replaced.at(-1)?.rules[1]?.name === 'other')
    assert.match(findKeptPolicy(join(directory, 'data'), replaced.at(-1)?.hash ?? '') ?? '', /id: other/)
  })

  it('deny all when they are missing at the start, and are taken when they come', async () => {
    const files = open()
    assert.equal(files.policy, undefined)
    assert.match(warned.join(), /every call is denied: the policy cannot be read \(ENOENT\)/)
    follow(files)
    assert.equal(refused.length, 1)
    writeFileSync(file, policyOf('a'))
    await until(() => firstRule(replaced.at(-1)) === 'a')
  })

  it('leave the last policy in force when they are removed', async () => {
    follow(open(policyOf('a')))
    unlinkSync(file)
    await until(() => refused.length === 1)
    assert.deepEqual(replaced, [])
  })

  it('are not read as another text than their bytes', () => {
    writeFileSync(file, Buffer.concat([Buffer.from('version: "1"\nrules: []\n# '), Buffer.from([0xff])]))
    assert.equal(open().policy, undefined)
    assert.match(warned.join(), /not UTF-8/)
  })

  it('say that they only observe', () => {
    open(policyOf('a', 'mode: observe\nuntil: "2026-11-30"\n'))
    assert.match(warned.join(), /OBSERVING ONLY until 2026-11-30T00:00:00\.000Z/)
    assert.ok(readFileSync(file, 'utf8').includes('observe'))
  })
})
