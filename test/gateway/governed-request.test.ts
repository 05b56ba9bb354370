// Which requests a policy decides on, under which name and with which arguments; and that its patterns and paths cover them.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { INSTRUCTIONS } from '../../events/pin-subject.ts'
import type { GovernedRequest } from '../../gateway/call-gate.ts'
import { Connection, PROTOCOL_VERSION_KEY } from '../../gateway/connection.ts'
import { findGovernedRequest, needsDecision } from '../../gateway/governed-request.ts'
import { type Message, readClientMessage } from '../../gateway/message.ts'
import { GateBench, requestOf } from '../support/gate-bench.ts'
import { policyOf } from './policy/support.ts'

const modern = { _meta: { [PROTOCOL_VERSION_KEY]: '2026-07-28' } }

function readMessage(text: string): Extract<Message, { kind: 'request' | 'notification' }> {
  const message = readClientMessage(Buffer.from(text))
  assert.ok(message.kind === 'request' || message.kind === 'notification')
  return message
}

function isDecided(method: string, params: object = {}, id: object = { id: 1 }): boolean {
  return needsDecision(readMessage(JSON.stringify({ jsonrpc: '2.0', ...id, method, params })))
}

function governed(method: string, params: string): GovernedRequest | undefined {
  const text = `{"jsonrpc":"2.0","id":1,"method":${JSON.stringify(method)},"params":${params}}`
  const message = readMessage(text)
  assert.ok(message.kind === 'request')
  const connection = new Connection({ ...requestOf().connection, isSessionFixed: true })
  return findGovernedRequest(connection, message, Buffer.from(text))
}

async function decided(rules: readonly object[], method: string, params: object): Promise<string> {
  const bench = new GateBench({ policy: policyOf(...rules) })
  const request = governed(method, JSON.stringify(params))
  assert.ok(request !== undefined)
  const admission = await bench.gate.admit(request)
  await bench.chainWriter.close()
  return admission.type === 'forward' ? 'allow' : admission.decision.reason
}

describe('needsDecision', () => {
  it('is true for calls, reads, prompts, completions and what no specification lists, in both eras', () => {
    const decidedMethods = [
      'tools/call',
      'resources/read',
      'prompts/get',
      'completion/complete',
      'x/run',
      'tasks/update',
    ]
    for (const method of decidedMethods) {
      assert.equal(isDecided(method), true, method)
      assert.equal(isDecided(method, modern), true, method)
    }
    assert.equal(isDecided('resources/subscribe'), true)
  })

  it('is false for lists and what keeps a connection, by era', () => {
    const lists = ['tools/list', 'resources/list', 'resources/templates/list', 'prompts/list', 'tasks/get']
    const legacy = ['initialize', 'ping', 'logging/setLevel', 'resources/unsubscribe', 'tasks/result', 'tasks/list']
    for (const method of [...lists, ...legacy]) assert.equal(isDecided(method), false, method)
    const own = ['server/discover', 'subscriptions/listen']
    for (const method of [...lists, ...own]) assert.equal(isDecided(method, modern), false, method)
    for (const method of own) assert.equal(isDecided(method), true, method)
    for (const method of legacy) assert.equal(isDecided(method, modern), true, method)
  })

  it('is false for notifications, and true for a request without an id', () => {
    assert.equal(isDecided('notifications/roots/list_changed', {}, {}), false)
    assert.equal(isDecided('notifications/own', {}, {}), false)
    assert.equal(isDecided('resources/read', { uri: 'file:///a' }, {}), true)
    assert.equal(isDecided('x/run', {}, {}), true)
    assert.equal(isDecided('ping', {}, {}), false)
  })
})

describe('findGovernedRequest', () => {
  it('takes a method that the era gave up without what it would be about, so that the server can say so', () => {
    assert.equal(governed('resources/subscribe', JSON.stringify(modern))?.tool, 'resource:')
    assert.equal(governed('resources/subscribe', JSON.stringify({ ...modern, uri: 1 })), undefined)
    assert.equal(governed('resources/read', JSON.stringify(modern)), undefined)
    assert.equal(governed('resources/subscribe', '{}'), undefined)
  })

  const table: readonly (readonly [method: string, params: string, tool: string, bytes: string])[] = [
    ['tools/call', '{"name":"a","arguments":{"x":1.0}}', 'a', '{"x":1.0}'],
    ['resources/read', '{ "uri" : "file:\\/\\/\\/a" ,"_meta":{}}', 'resource:file:///a', '{"uri":"file:\\/\\/\\/a"}'],
    ['resources/subscribe', '{"uri":"memo://a"}', 'resource:memo://a', '{"uri":"memo://a"}'],
    ['prompts/get', '{"name":"p","arguments":{"c":"Paris"}}', 'prompt:p', '{"c":"Paris"}'],
    ['prompts/get', '{"name":"p"}', 'prompt:p', ''],
    ['completion/complete', '{"_meta":{},"ref":{ },"n":1e2}', 'method:completion/complete', '{"ref":{ },"n":1e2}'],
    ['x/run', '[1, 2]', 'method:x/run', '[1, 2]'],
    ['constructor', '{}', 'method:constructor', '{}'],
  ]
  for (const [method, params, tool, bytes] of table) {
    it(`names ${method} ${params} and takes its arguments byte for byte`, () => {
      const request = governed(method, params)
      assert.deepEqual([request?.method, request?.tool], [method, tool])
      assert.equal(request?.argumentsBytes.toString(), bytes)
      assert.deepEqual(request?.argumentsValue, bytes === '' ? undefined : JSON.parse(bytes))
    })
  }

  it('refuses a tool of the name under which the pins keep the instructions: it would go by their pin', () => {
    assert.equal(governed('tools/call', `{"name":"${INSTRUCTIONS}"}`), undefined)
    assert.equal(governed('prompts/get', `{"name":"${INSTRUCTIONS}"}`)?.tool, `prompt:${INSTRUCTIONS}`)
  })

  it('refuses names that are missing, too long with their prefix, or end for some at NUL', () => {
    const uris = ['""', '1', 'null', `"${'x'.repeat(504)}"`, '"file:///a\\u0000b"', '"\\ud800"']
    for (const uri of uris) assert.equal(governed('resources/read', `{"uri":${uri}}`), undefined, uri)
    assert.equal(governed('prompts/get', '{}'), undefined)
    assert.equal(governed('x'.repeat(506), '{}'), undefined)
    assert.equal(governed('resources/read', `{"uri":"${'x'.repeat(503)}"}`)?.tool.length, 512)
  })
})

describe('a policy', () => {
  const read = (rules: readonly object[], uri: string): Promise<string> => decided(rules, 'resources/read', { uri })

  it('covers resources, prompts and methods by its patterns, else by its default', async () => {
    const rules = [{ tool: ['resource:file:///srv/*', 'prompt:review*', 'method:completion/*', '*'], action: 'allow' }]
    assert.equal(await read(rules, 'file:///srv/a'), 'allow')
    assert.equal(await read(rules, 'file:///etc/passwd'), 'policy_default')
    assert.equal(await decided(rules, 'prompts/get', { name: 'review-code' }), 'allow')
    assert.equal(await decided(rules, 'prompts/get', { name: 'other' }), 'policy_default')
    assert.equal(await decided(rules, 'completion/complete', { ref: {} }), 'allow')
    assert.equal(await decided(rules, 'x/run', {}), 'policy_default')
    assert.equal(await decided(rules, 'resources/subscribe', modern), 'policy_default')
    assert.equal(await decided(rules, 'tools/call', { name: 'resource:file:///etc/passwd' }), 'allow')
  })

  it('checks the path of a file: resource under allowedPaths', async () => {
    const rules = [{ tool: 'resource:*', action: 'allow', constraints: { allowedPaths: ['/srv/'] } }]
    assert.equal(await read(rules, 'file:///srv/a'), 'allow')
    for (const uri of ['file:///etc/passwd', 'file:///srv/%2e%2e/etc/passwd', 'FILE:/etc/passwd', 'memo://a'])
      assert.equal(await read(rules, uri), 'constraint_path', uri)
  })

  it('counts a resource apart from a tool of the same name', async () => {
    const limited = { action: 'allow', rateLimit: { calls: 1, per: '1h', by: 'tool' } }
    const bench = new GateBench({ policy: policyOf(limited) })
    const requests = [governed('prompts/get', '{"name":"a"}'), requestOf('{}', 'a'), requestOf('{}', 'a')]
    const types: string[] = []
    for (const request of requests) types.push((await bench.gate.admit(request ?? assert.fail())).type)
    assert.deepEqual(types, ['forward', 'forward', 'refuse'])
    await bench.chainWriter.close()
  })
})
