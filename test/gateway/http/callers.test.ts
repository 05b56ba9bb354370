// Who may call, from where, and with whose session.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { Caller } from '../../../gateway/http/caller.ts'
import { HttpHarness } from '../../support/http-harness.ts'
import { rawPost, sendRaw, statusOf } from '../../support/raw-http.ts'

const PING = '{"jsonrpc":"2.0","id":2,"method":"ping"}'
const CALL = '{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"echo"}}'
const INITIALIZE =
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","clientInfo":{"name":"test","version":"1"}}}'
const META =
  '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"modern","version":"2"}}'
const caller = (name: string, servers?: readonly string[]): Caller => ({
  principal: `agent:${name}`,
  principalSource: 'token',
  tokenId: name,
  servers,
})

describe('callers over HTTP', () => {
  let harness: HttpHarness

  beforeEach(async () => {
    const callers = {
      'token-ann': caller('ann'),
      'token-bob': caller('bob', ['test']),
      'token-eve': caller('eve', ['else']),
    }
    harness = await new HttpHarness({ callers, upstreamHeaders: [['Authorization', 'Bearer upstream']] }).start()
  })
  afterEach(() => harness.stop())

  const send = (token: string, body: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(harness.url, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...headers },
    })
  const begin = async (token: string): Promise<string> =>
    (await send(token, INITIALIZE)).headers.get('mcp-session-id') ?? ''

  it('takes the principal from the token and keeps the token to itself', async () => {
    const session = await begin('token-ann')
    await send('token-ann', CALL, { 'mcp-session-id': session })
    const [propose] = harness.eventsOf('authorization/propose')
    assert.equal(propose?.principal, 'agent:ann')
    assert.equal(propose?.principalSource, 'token')
    assert.equal(propose?.client, 'test/1')
    const fields = harness.server.received.map(({ headers }) => headers.authorization)
    assert.deepEqual(fields, ['Bearer upstream', 'Bearer upstream'])
    assert.doesNotMatch(JSON.stringify(harness.events), /upstream|token-ann/)
  })

  it('answers 401 without a valid token, 403 for a server that the token is not for', async () => {
    const none = await fetch(harness.url, {
      method: 'POST',
      body: PING,
      headers: { 'content-type': 'application/json' },
    })
    assert.equal(none.status, 401)
    assert.match(none.headers.get('www-authenticate') ?? '', /^Bearer/)
    assert.equal((await send('wrong', PING)).status, 401)
    assert.equal((await send('token-eve', PING)).status, 403)
    assert.equal((await send('token-bob', PING)).status, 200)
    assert.equal(harness.server.received.length, 1)
  })

  it('knows a session by its caller only', async () => {
    const session = await begin('token-ann')
    const header = { 'mcp-session-id': session }
    assert.equal((await send('token-bob', CALL, header)).status, 404)
    const other = (method: string): Promise<Response> =>
      fetch(harness.url, { method, headers: { ...header, authorization: 'Bearer token-bob' } })
    assert.equal((await other('DELETE')).status, 404)
    assert.equal((await other('GET')).status, 404)
    assert.equal((await send('token-ann', CALL, header)).status, 200)
    assert.equal((await send('token-ann', CALL, { 'mcp-session-id': 'guessed' })).status, 404)
    assert.deepEqual(harness.server.calls, ['echo'])
  })

  it('ends a session with DELETE and records its begin and end', async () => {
    const header = { 'mcp-session-id': await begin('token-ann') }
    await send('token-ann', CALL, header)
    await fetch(harness.url, { method: 'DELETE', headers: { ...header, authorization: 'Bearer token-ann' } })
    assert.equal((await send('token-ann', CALL, header)).status, 404)
    await harness.stop()
    const [open] = harness.eventsOf('session/open')
    const [close] = harness.eventsOf('session/close')
    assert.deepEqual(
      [open?.transport, open?.protocolVersion, open?.serverVersion],
      ['http', '2025-11-25', 'scripted/1.0.0'],
    )
    assert.deepEqual([close?.connection, close?.calls], [open?.connection, 1])
  })

  it('keeps one conversation for what a caller asks without a session, in the modern era too', async () => {
    const modern = CALL.replace('"name":"echo"', `"name":"echo",${META}`)
    await send('token-ann', modern)
    await send('token-ann', modern, { 'mcp-session-id': 'not-a-session' })
    await send('token-bob', modern)
    const [first, second, third] = harness.eventsOf('authorization/propose')
    assert.equal(first?.session, second?.session)
    assert.notEqual(first?.session, third?.session)
    assert.equal(first?.client, 'modern/2')
    assert.equal(harness.server.received[1]?.headers['mcp-session-id'], undefined)
    assert.equal(harness.eventsOf('session/open')[0]?.protocolVersion, '2026-07-28')
  })

  const hosts = ['evil.example', 'evil.example:80', '127.0.0.1', 'localhost:1', '127.0.0.1.evil.example', '']
  for (const host of hosts) {
    it(`answers 403 for the host "${host}"`, async () => {
      const response = await sendRaw(harness.port, rawPost(harness.port, { host, body: PING }), 20)
      assert.ok([400, 403].includes(statusOf(response)), response)
    })
  }

  for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1', 'http://localhost.evil.example']) {
    it(`answers 403 for the origin ${origin}`, async () => {
      assert.equal((await send('token-ann', PING, { origin })).status, 403)
      assert.deepEqual(harness.server.received, [])
    })
  }

  it('takes its own origin, which goes no further', async () => {
    assert.equal((await send('token-ann', PING, { origin: `http://localhost:${harness.port}` })).status, 200)
    assert.equal(harness.server.received[0]?.headers.origin, undefined)
  })
})
