// The two transports joined: an HTTP client before a server process, and a stdio client before an HTTP server.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { HttpUpstream } from '../../../gateway/http/http-upstream.ts'
import { ProcessUpstream } from '../../../gateway/http/process-upstream.ts'
import { RemoteServer } from '../../../gateway/http/remote-server.ts'
import { HttpHarness } from '../../support/http-harness.ts'
import { answerText, beginEvents, HttpMcpServer, idOf } from '../../support/http-mcp-server.ts'

const echoServer = join(import.meta.dirname, '..', '..', 'support', 'echo-server.js')
const INITIALIZE = '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}'
const CALL =
  '{"jsonrpc":"2.0",\n "id":1,"method":"tools/call","params":{"name":"echo","arguments":{"n":9007199254740993}}}'
const META = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}'

describe('an HTTP client before a server process', () => {
  let harness: HttpHarness

  beforeEach(async () => {
    const upstream = (): ProcessUpstream =>
      new ProcessUpstream({
        program: process.execPath,
        args: [echoServer],
        environment: process.env,
        limits: { sessionIdleMs: 60_000 },
        fail: (error) => void harness.failures.push(error),
      })
    harness = await new HttpHarness({ upstream }).start()
  })
  afterEach(() => harness.stop())

  const post = (body: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(harness.url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } })
  const begin = async (): Promise<Record<string, string>> => {
    const response = await post(INITIALIZE)
    assert.match(await response.text(), /^event: message\ndata: \{.*"echo-server"/)
    return { 'mcp-session-id': response.headers.get('mcp-session-id') ?? '' }
  }

  it('has a process for each session', async () => {
    const [one, other] = [await begin(), await begin()]
    const both = await Promise.all([post(CALL, one), post(CALL, other)])
    for (const response of both) assert.match(await response.text(), /"id":1,"result"/)
    assert.deepEqual(await harness.receipts(2), ['ok', 'ok'])
    assert.equal((await fetch(harness.url, { method: 'DELETE', headers: one })).status, 200)
    assert.equal((await post(CALL, one)).status, 404)
    assert.equal((await post(CALL, other)).status, 200)
  })

  it('serves the modern era without sessions, two clients with one id too', async () => {
    const slow = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow",${META}}}`
    const leaving = new AbortController()
    const held = fetch(harness.url, {
      method: 'POST',
      body: slow,
      headers: { 'content-type': 'application/json' },
      signal: leaving.signal,
    })
    await held
    const response = await post(slow.replace('slow', 'echo'))
    assert.match(await response.text(), /"id":1,"result"/)
    leaving.abort()
    assert.deepEqual(await harness.receipts(2), ['ok', 'cancelled'])
  })

  it('learns that the process died, and the call is ambiguous', async () => {
    const session = await begin()
    const response = await post(CALL.replace('"echo","arguments":{', '"crash","arguments":{"code":1,'), session)
    await assert.rejects(response.text())
    assert.deepEqual(await harness.receipts(1), ['ambiguous'])
    assert.equal((await post(CALL, session)).status, 404)
  })
})

describe('an HTTP server as a process', () => {
  const server = new HttpMcpServer()
  let remote: RemoteServer
  let lines: AsyncIterator<string>

  beforeEach(async () => {
    const url = new URL(await server.start())
    server.received.length = 0
    server.script = () => false
    remote = new RemoteServer(new HttpUpstream({ url, headers: [], ca: undefined, connectMs: 1_000 }), new Set())
    lines = createInterface({ input: remote.output })[Symbol.asyncIterator]()
  })
  afterEach(async () => {
    remote.kill('SIGTERM')
    await server.stop()
  })

  const ask = async (line: string): Promise<string> => {
    remote.input.write(`${line}\n`)
    return (await lines.next()).value as string
  }

  it('keeps session and version, and answers on lines', async () => {
    assert.match(await ask(INITIALIZE), /"scripted"/)
    server.script = ({ body, response }) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(answerText(1).replace(',', ',\r\n '))
      return body !== ''
    }
    assert.equal(await ask(CALL.replace('\n', '')), answerText(1).replace(',', ',   '))
    const { headers } = server.received[1] ?? {}
    assert.match(String(headers?.['mcp-session-id']), /^session-/)
    assert.equal(headers?.['mcp-protocol-version'], '2025-11-25')
  })

  it('mirrors a modern request in its fields', async () => {
    const modern = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"grün",${META}}}`
    await ask(modern)
    const { headers } = server.received[0] ?? {}
    assert.equal(headers?.['mcp-method'], 'tools/call')
    assert.equal(headers?.['mcp-name'], `=?base64?${Buffer.from('grün').toString('base64')}?=`)
    assert.equal(headers?.['mcp-protocol-version'], '2026-07-28')
  })

  it('resumes a stream that ended before its answer', async () => {
    await ask(INITIALIZE)
    server.script = (received) => {
      if (received.method === 'DELETE') return false
      beginEvents(received.response)
      received.response.end(received.method === 'GET' ? `data: ${answerText(1)}\n\n` : 'id: 7\ndata:\n\n')
      return true
    }
    assert.equal(await ask(CALL.replace('\n', '')), answerText(1))
    assert.equal(server.received.at(-1)?.headers['last-event-id'], '7')
  })

  it('says that nobody knows when the server died, and follows no redirect', async () => {
    server.script = ({ response }) => response.destroy() !== undefined
    assert.match(await ask(CALL.replace('\n', '')), /"code":-31404/)
    server.script = (received) => {
      assert.equal(idOf(received), 1)
      received.response.writeHead(307, { location: '/other' }).end()
      return true
    }
    assert.match(await ask(CALL.replace('\n', '')), /redirect/)
    assert.equal(server.received.length, 2)
  })

  it('ends with its client, and so does the session', async () => {
    await ask(INITIALIZE)
    remote.input.end()
    assert.deepEqual(await remote.ended, { code: 0 })
    assert.equal(server.received.at(-1)?.method, 'DELETE')
  })
})
