// Wrapping is by spans: a golden file a client, and for every layout the way back byte for byte.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { findMember, findObject, findStrings } from '../../../cli/wrap/json-look.ts'
import { parseJsonText } from '../../../cli/wrap/json-text.ts'
import { diffEdits } from '../../../cli/wrap/text-diff.ts'
import { unwrapConfig } from '../../../cli/wrap/unwrap-config.ts'
import { type WrapPlan, wrapConfig } from '../../../cli/wrap/wrap-config.ts'
import { configText } from './config-text.ts'
import { goldenClients, readGolden, settings } from './golden-files.ts'

const runs = { seed: 6, numRuns: 300 }

function unwrap(text: string, { entries }: WrapPlan): ReturnType<typeof unwrapConfig> {
  return unwrapConfig(text, 'file', { version: 1, originalSha256: '', wrappedSha256: '', entries })
}

function wrapOne(entry: object): WrapPlan {
  return wrapConfig(JSON.stringify({ mcpServers: { one: entry } }), 'file', settings)
}

describe('wrapConfig', () => {
  for (const client of goldenClients()) {
    it(`wraps ${client} as its golden file says, and unwraps it byte for byte`, () => {
      const before = readGolden(client, 'before')
      const plan = wrapConfig(before, client, settings)
      assert.equal(plan.text, readGolden(client, 'after'))
      assert.deepEqual(unwrap(plan.text, plan), {
        type: 'restored',
        text: before,
        servers: plan.entries.map(({ path }) => path),
      })
    })
  }

  it('is undone byte for byte, whatever the layout', () => {
    const check = fc.property(configText, fc.boolean(), ({ text }, hasData) => {
      const plan = wrapConfig(text, 'file', { ...settings, environment: hasData ? { TOOLWARDEN_DATA: '/d' } : {} })
      const back = unwrap(plan.text, plan)
      assert.equal(back.type === 'restored' && back.text, text)
    })
    fc.assert(check, runs)
  })

  it('changes nothing a second time', () => {
    const check = fc.property(configText, ({ text }) => {
      const { text: once } = wrapConfig(text, 'file', settings)
      assert.equal(wrapConfig(once, 'file', settings).text, once)
    })
    fc.assert(check, runs)
  })

  it('starts the same server command, whatever its words', () => {
    const check = fc.property(configText, ({ text, servers }) => {
      const plan = wrapConfig(text, 'file', settings)
      const root = parseJsonText(plan.text, 'file')
      for (const { path } of plan.entries) {
        const args = findStrings(findMember(findObject(root, path), 'args')?.value) ?? []
        const { command, args: own = [] } = servers[path.at(-1) ?? ''] ?? { command: '' }
        assert.deepEqual(args.slice(args.indexOf('--') + 1), [command, ...own])
      }
      assert.equal(plan.entries.length, Object.keys(servers).length)
    })
    fc.assert(check, runs)
  })

  const left: readonly (readonly [what: string, entry: object, reason: RegExp])[] = [
    ['an HTTP+SSE server', { type: 'sse', url: 'https://a.example/x' }, /not Streamable HTTP/],
    ['an HTTP+SSE server by its path', { url: 'https://a.example/sse' }, /not Streamable HTTP/],
    ['a URL with a query', { url: 'https://a.example/mcp?key=1' }, /query/],
    ['a URL with a variable', { url: `https://$${'{HOST}'}/mcp` }, /variables/],
    ['a URL with a password', { url: 'https://me:secret@a.example/mcp' }, /without user/],
    ['another protocol', { url: 'ftp://a.example/mcp' }, /http or https/],
    ['a client that signs in', { url: 'https://a.example/mcp', oauth: {} }, /signs in/],
    ['a field of the gateway', { url: 'https://a.example/mcp', headers: { Host: 'b' } }, /headers/],
    ['an empty field', { url: 'https://a.example/mcp', headers: { 'X-A': '' } }, /headers/],
    ['a command beside a URL', { url: 'https://a.example/mcp', command: 'a' }, /a URL and command/],
    ['a key that may win over the command', { command: 'a', httpUrl: 'https://a.example/' }, /httpUrl/],
    ['two URLs', { url: 'https://a.example/mcp', serverUrl: 'https://b.example/mcp' }, /a URL and serverUrl/],
    ["the gateway's own variable", { command: 'a', env: { KAFKA_BROKERS: 'b:1' } }, /KAFKA_BROKERS/],
    ['args that are no list', { command: 'a', args: 'b c' }, /list of strings/],
    ['nothing to start', { description: 'a' }, /neither a command nor a URL/],
  ]
  for (const [what, entry, reason] of left) {
    it(`leaves ${what} as it is, and says why`, () => {
      const { servers, edits } = wrapOne(entry)
      assert.equal(servers[0]?.state, 'left')
      assert.match(servers[0]?.reason ?? '', reason)
      assert.deepEqual(edits, [])
    })
  }

  it('leaves what was excepted', () => {
    const plan = wrapConfig('{"servers":{"a":{"command":"a"},"b":{"command":"b"}}}', 'file', {
      ...settings,
      except: ['a'],
    })
    assert.deepEqual(
      plan.servers.map(({ state }) => state),
      ['left', 'wrapped'],
    )
  })
})

describe('unwrapConfig', () => {
  const before = '{"mcpServers": {"a": {"command": "a", "args": ["1"]}, "b": {"command": "b"}}}'
  const plan = wrapConfig(before, 'file', settings)

  it('restores entry by entry, when another one was added and one is gone', () => {
    const added = plan.text.replace('"mcpServers": {', '"mcpServers": {"new": {"url": "https://n.example/"}, ')
    const gone = added.replace(/, "b": .*/, '}}')
    assert.deepEqual(unwrap(gone, plan), {
      type: 'restored',
      text: '{"mcpServers": {"new": {"url": "https://n.example/"}, "a": {"command": "a", "args": ["1"]}}}',
      servers: [['mcpServers', 'a']],
    })
  })

  it('restores what a client wrote anew in another layout', () => {
    const back = unwrap(JSON.stringify(JSON.parse(plan.text), null, 4), plan)
    assert.deepEqual(JSON.parse(back.type === 'restored' ? back.text : ''), JSON.parse(before))
  })

  it('refuses where a wrapped entry says something else now', () => {
    const edited = plan.text.replace('"1"', '"2"')
    assert.deepEqual(unwrap(edited, plan), { type: 'edited', servers: [['mcpServers', 'a']] })
  })
})

describe('diffEdits', () => {
  it('shows the lines that change, and no value of env or headers', () => {
    const before = readGolden('cursor', 'before')
    const { edits, secrets } = wrapConfig(before, 'file', settings)
    const diff = diffEdits(before, edits, { path: 'file', secrets })
    assert.match(diff, /^--- file\n\+\+\+ file \(wrapped\)\n@@ -2,12 \+2,34 @@\n/)
    assert.match(diff, /^-\t\t\t"url": "https:\/\/search/m)
    assert.match(diff, /^\+\t\t\t"command": "toolwarden",$/m)
    assert.doesNotMatch(diff, /SEARCH_KEY\}|"two"/)
  })
})
