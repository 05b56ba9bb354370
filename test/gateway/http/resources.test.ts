// Resources, prompts and further methods over HTTP, in both eras: decided, recorded and refused like calls.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { HttpHarness } from '../../support/http-harness.ts'

const POLICY = `version: "1"
rules:
  - { id: docs, tool: ["resource:file:///srv/*", "prompt:ok"], action: allow }
`
const MODERN = {
  _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} },
}

interface Answer {
  readonly result?: object
  readonly error?: { readonly code: number; readonly data?: { readonly rule: string; readonly call: string } }
}

describe('resources and prompts over HTTP', () => {
  let harness: HttpHarness

  beforeEach(async () => {
    harness = await new HttpHarness({ policy: POLICY }).start()
  })
  afterEach(() => harness.stop())

  const post = (message: object): Promise<Response> =>
    fetch(harness.url, {
      method: 'POST',
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
      headers: { 'content-type': 'application/json' },
    })
  const request = async (method: string, params: object): Promise<Answer> =>
    (await (await post({ id: 1, method, params })).json()) as Answer

  for (const [era, meta] of Object.entries({ legacy: {}, modern: MODERN })) {
    it(`are forwarded where a rule allows them, and recorded: ${era}`, async () => {
      assert.ok((await request('resources/read', { ...meta, uri: 'file:///srv/a' })).result)
      assert.ok((await request('prompts/get', { ...meta, name: 'ok' })).result)
      assert.deepEqual(await harness.receipts(2), ['ok', 'ok'])
      const tools = harness.eventsOf('authorization/propose').map(({ tool }) => tool)
      assert.deepEqual(tools, ['resource:file:///srv/a', 'prompt:ok'])
    })

    it(`are refused where none does, with an error, and never reach the server: ${era}`, async () => {
      const answers = [
        await request('resources/read', { ...meta, uri: 'file:///etc/passwd' }),
        await request('completion/complete', { ...meta, ref: { type: 'ref/prompt', name: 'ok' } }),
        await request('tools/run', meta),
      ]
      const calls = harness.eventsOf('authorization/decide').map(({ call }) => ({ rule: 'default', call }))
      assert.deepEqual(
        answers.map(({ error }) => [error?.code, error?.data]),
        calls.map((data) => [-31403, data]),
      )
      assert.deepEqual(harness.server.received, [])
    })
  }

  it('pass undecided where they only list', async () => {
    assert.ok((await request('resources/list', {})).result)
    assert.ok((await request('server/discover', MODERN)).result)
    assert.deepEqual(harness.eventsOf('authorization/propose'), [])
  })

  it('are neither forwarded nor answered without an id', async () => {
    assert.equal((await post({ method: 'resources/read', params: { uri: 'file:///srv/a' } })).status, 400)
    assert.equal((await post({ method: 'notifications/own' })).status, 202)
    assert.equal(harness.server.received.length, 1)
  })
})
