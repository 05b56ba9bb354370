// What users read and editors use: every example of docs/policy.md loads, and the JSON Schema is the one of the code.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { policyJsonSchema } from '../../../gateway/policy/json-schema.ts'
import { parsePolicy } from '../../../gateway/policy/load.ts'
import { policyTestJsonSchema } from '../../../gateway/policy/test-cases.ts'
import { projectRoot } from '../../support/project-root.ts'

const read = (name: string): string => readFileSync(join(projectRoot, 'docs', name), 'utf8')
const nowMs = Date.parse('2026-11-22T12:00:00Z')

describe('docs/policy.md', () => {
  const examples = [...read('policy.md').matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => text)
  for (const [place, text] of examples.entries())
    it(`has an example ${place + 1} that loads`, () => {
      const parsed = parsePolicy(text, { file: `example ${place + 1}`, nowMs })
      assert.deepEqual('errors' in parsed ? parsed.errors : [], [])
    })

  it('names every key of the language', () => {
    const keys = [...policyJsonSchema().matchAll(/^ {10,}"(\w+)": \{$/gm)].map(([, key = '']) => key)
    const words = new Set(['items', 'properties', 'propertyNames', 'additionalProperties'])
    const text = read('policy.md')
    assert.deepEqual(
      keys.filter((key) => !words.has(key) && !text.includes(key)),
      [],
    )
  })
})

describe('docs/policy.schema.json', () => {
  it('is current: npm run schema', () => assert.equal(read('policy.schema.json'), policyJsonSchema()))

  it('has a sentence for every key', () => {
    const empty = [...policyJsonSchema().matchAll(/"description": ""/g)]
    assert.equal(empty.length, 0)
  })
})

describe('docs/policy-test.schema.json', () => {
  it('is current: npm run schema', () => assert.equal(read('policy-test.schema.json'), policyTestJsonSchema()))
})
