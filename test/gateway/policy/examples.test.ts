// The starting policies under examples/: each loads, gives lint nothing to say, passes its own tests, and its tests reach
// every one of its rules and the default.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { lintPolicy } from '../../../gateway/policy/lint.ts'
import { type ParsedPolicy, parsePolicy } from '../../../gateway/policy/load.ts'
import { type CaseResult, runTestCases } from '../../../gateway/policy/run-test-cases.ts'
import { parsePolicyTests } from '../../../gateway/policy/test-cases.ts'
import { projectRoot } from '../../support/project-root.ts'

const folder = join(projectRoot, 'examples', 'policies')
const names = readdirSync(folder).flatMap((file) => /^(\w+)\.yaml$/.exec(file)?.[1] ?? [])
const read = (file: string): string => readFileSync(join(folder, file), 'utf8')

function load(name: string): Extract<ParsedPolicy, { ok: unknown }> {
  const parsed = parsePolicy(read(`${name}.yaml`), { file: `${name}.yaml` })
  if ('errors' in parsed) assert.fail(parsed.errors.map(({ where, message }) => `${where}: ${message}`).join('\n'))
  return parsed
}

function run(name: string): readonly CaseResult[] {
  const parsed = parsePolicyTests(read(`${name}.tests.yaml`), `${name}.tests.yaml`)
  if ('errors' in parsed) assert.fail(parsed.errors.map(({ where, message }) => `${where}: ${message}`).join('\n'))
  assert.equal(parsed.ok.policy, `./${name}.yaml`)
  return runTestCases(load(name).ok, parsed.ok, 0)
}

describe('examples/policies', () => {
  it('has the well-known servers', () => {
    const expected = ['fetch', 'filesystem', 'github', 'memory', 'playwright', 'postgres', 'slack']
    assert.deepEqual(names.sort(), expected)
  })

  for (const name of names) {
    it(`${name}.yaml gives lint nothing to say`, () => {
      const { ok, sources } = load(name)
      assert.deepEqual(lintPolicy(ok, sources, undefined), [])
    })

    it(`${name}.yaml passes its tests, which reach every rule`, () => {
      const results = run(name)
      assert.deepEqual(
        results.filter(({ passed }) => !passed).map(({ name: failed, actual }) => ({ failed, actual })),
        [],
      )
      const reached = new Set(results.map(({ actual }) => actual.rule))
      const rules = [...load(name).ok.rules.map((rule) => rule.name), 'default']
      assert.deepEqual(
        rules.filter((rule) => !reached.has(rule)),
        [],
      )
    })
  }
})
