// The policy in force as it is kept between runs: with all its files, per server and file, and never another one than it was.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import fc from 'fast-check'
import { openPolicyBaseline } from '../../cli/policy-baseline.ts'
import { loadPolicyFile } from '../../cli/policy-file.ts'
import { joinPolicyTexts, splitPolicyTexts } from '../../gateway/policy/policy-text.ts'
import type { PolicyGuard } from '../../gateway/policy-guard.ts'
import { withCode } from '../support/errors.ts'

const NOW_MS = Date.parse('2026-11-22T12:00:00Z')
let data: string
let file: string
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'toolwarden-baseline-'))
  file = join(data, 'policy.yaml')
  writeFileSync(join(data, 'base.yaml'), 'version: "1"\nrules: [{ id: é, tool: b, action: deny }]\n'.replace('é', 'e'))
  writeFileSync(file, 'version: "1"\nextends: ./base.yaml # ünïcode\nrules: [{ id: a, tool: a, action: allow }]\n')
})
afterEach(() => rmSync(data, { recursive: true }))

function open(server = 'files', path = file): PolicyGuard {
  return openPolicyBaseline({ data, server, file: path, nowMs: NOW_MS })
}

function keptFile(): string {
  const directory = join(data, 'policies', 'in-force')
  return join(directory, readdirSync(directory)[0] ?? '')
}

describe('the policy in force', () => {
  it('is read back whole by the next run, although its files have changed', () => {
    const policy = loadPolicyFile(file, NOW_MS)
    open().keep(policy)
    writeFileSync(join(data, 'base.yaml'), 'version: "1"\nrules: []\n')
    const { before } = open()
    assert.deepEqual([before?.hash, before?.rules.map(({ name }) => name)], [policy.hash, ['a', 'e']])
    assert.equal(statSync(keptFile()).mode & 0o777, 0o600)
  })

  it('is that of one server and one policy file', () => {
    open().keep(loadPolicyFile(file, NOW_MS))
    assert.deepEqual([open('mail').before, open('files', join(data, 'base.yaml')).before], [undefined, undefined])
  })

  for (const [name, change] of [
    ['another text', (text: string) => text.replace('tool: a', 'tool: c')],
    ['half of it', (text: string) => text.slice(0, text.length / 2)],
    ['another form', () => '{"policy":"x"}'],
  ] as const)
    it(`is refused where it is damaged: ${name}`, () => {
      open().keep(loadPolicyFile(file, NOW_MS))
      writeFileSync(keptFile(), change(readFileSync(keptFile(), 'utf8')))
      assert.throws(() => open(), withCode('POLICY_INVALID', /damaged/))
    })
})

describe('joined texts of a policy', () => {
  it('are split into the same ones, whatever they hold', () => {
    const named = fc.record({ name: fc.string({ unit: 'grapheme' }), text: fc.string({ unit: 'grapheme' }) })
    fc.assert(
      fc.property(fc.array(named, { minLength: 2, maxLength: 5 }), (given) => {
        const files = given.map(({ name, text }) => ({ name, text }))
        assert.deepEqual(splitPolicyTexts(joinPolicyTexts(files), files.length), files)
      }),
      { seed: 20_261_122, numRuns: 50 },
    )
  })
})
