// The first policy for a server: it loads whatever the server says of its tools, and allows no more than it should.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { ToolHints } from '../../../events/tool-class.ts'
import { decide } from '../../../gateway/policy/evaluate.ts'
import { createLinkedPaths } from '../../../gateway/policy/run-test-cases.ts'
import { type DescribedTool, writeStarterPolicy } from '../../../gateway/policy/starter.ts'
import { anyCharacter } from '../../support/any-character.ts'
import { callWith, factsOf, loadPolicy } from './support.ts'

const tool = (name: string, names: readonly string[] = [], hints: ToolHints = {}): DescribedTool => ({
  ...{ name, hints },
  arguments: names,
})
const write = (tools: readonly DescribedTool[], roots: readonly string[] = ['/srv']): string =>
  writeStarterPolicy({ server: 'files', tools, roots, schemaComment: '# schema' })

function decideOn(text: string, name: string, argumentsValue: object): string {
  const facts = factsOf({ realPath: createLinkedPaths({}) })
  const { decision, rule } = decide(loadPolicy(text), callWith(argumentsValue, { tool: name }), facts)
  return `${decision} ${rule}`
}

describe('writeStarterPolicy', () => {
  const cases: readonly (readonly [tool: DescribedTool, argumentsValue: object, decision: string])[] = [
    [tool('read_file', ['path']), { path: '/srv/a' }, 'allow files-read'],
    [tool('read_file', ['path']), { path: '/etc/passwd' }, 'deny files-read'],
    [tool('search_files', ['path', 'pattern']), { path: '/srv', pattern: '**/*.ts' }, 'allow files-read'],
    [tool('get_time'), {}, 'allow files-look'],
    [tool('write_file', ['path'], { destructiveHint: true }), { path: '/srv/a' }, 'escalate files-write'],
    [tool('write_file', ['path'], { readOnlyHint: false }), { path: '/etc/a' }, 'deny files-write'],
    [tool('delete_file', ['path']), { path: '/srv/a' }, 'deny files-destroy'],
    [tool('fetch', ['url']), { url: 'https://example.com' }, 'escalate files-send'],
    [tool('send_mail', ['to']), { to: 'a' }, 'escalate files-send'],
    [tool('frobnicate'), {}, 'escalate files-unknown'],
    [tool('run_anything', [], { readOnlyHint: true }), {}, 'escalate files-unknown'],
    [tool('read_*'), {}, 'deny default'],
  ]
  for (const [described, argumentsValue, decision] of cases)
    it(`decides ${decision} on ${described.name} ${JSON.stringify(argumentsValue)}`, () =>
      assert.equal(decideOn(write([described]), described.name, argumentsValue), decision))

  it('asks for reads of paths, when no directory is known', () =>
    assert.equal(
      decideOn(write([tool('read_file', ['path'])], []), 'read_file', { path: '/a' }),
      'escalate files-unknown',
    ))

  it('gives ids that are unique over the files of several servers', () => {
    const texts = ['files', '@org/files', '-', 'x'.repeat(200)].map((server) =>
      writeStarterPolicy({ server, tools: [tool('get_time')], roots: [], schemaComment: '# schema' }),
    )
    const names = texts.map((text) => loadPolicy(text).rules[0]?.name)
    assert.deepEqual(names, ['files-look', 'org-files-look', 'look', `${'x'.repeat(100)}-look`])
  })

  it('denies what the server adds later', () =>
    assert.equal(decideOn(write([tool('read_file')]), 'read_more', {}), 'deny default'))

  it('loads, whatever names a server gives, and allows no tool that it did not name', () =>
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1, unit: anyCharacter }), { maxLength: 5 }), (names) => {
        const text = write(names.map((name) => tool(name, [name])))
        assert.match(decideOn(text, 'read_other', {}), /^deny/)
      }),
      { seed: 8, numRuns: 200 },
    ))
})
