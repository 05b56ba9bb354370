// A call that waits for a person over HTTP, in both eras: what its client hears meanwhile, and that nothing runs once it is gone.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { Approver } from '../../support/approver.ts'
import { HttpHarness } from '../../support/http-harness.ts'
import { answerText, beginEvents, idOf } from '../../support/http-mcp-server.ts'
import { until } from '../../support/until.ts'

const POLICY = `version: "1"
default: allow
rules:
  - { id: ask, tool: "asked_*", action: escalate, approval: { hold: 1m } }
`
const FIELDS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
const MODERN = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
}

let harness: HttpHarness
let approver: Approver
beforeEach(async () => {
  approver = new Approver()
  harness = await new HttpHarness({ policy: POLICY, trust: approver.trust }).start()
})
afterEach(async () => {
  await approver.close()
  await harness.stop()
})

interface Call {
  readonly meta?: object
  readonly headers?: Record<string, string>
  readonly signal?: AbortSignal
}

function post(message: object, { headers = {}, signal }: Omit<Call, 'meta'> = {}): Promise<Response> {
  const init = {
    method: 'POST',
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    headers: { ...FIELDS, ...headers },
  }
  return fetch(harness.url, signal === undefined ? init : { ...init, signal })
}

function call({ meta, ...rest }: Call = {}): Promise<Response> {
  const params = { name: 'asked_it', arguments: { a: 1 }, ...(meta === undefined ? {} : { _meta: meta }) }
  return post({ id: 1, method: 'tools/call', params }, rest)
}

async function asked(count = 1): Promise<void> {
  await until(() => harness.eventsOf('approval/requested').length === count)
}

async function answer(verdict: 'approve' | 'deny' = 'approve'): Promise<void> {
  await asked()
  const [question] = harness.eventsOf('approval/requested')
  assert.ok(question)
  await approver.answer(question, verdict, harness.log)
}

/** The messages of a stream of events. */
function messagesOf(text: string): readonly Record<string, unknown>[] {
  return text
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => event.split('\n').filter((line) => line.startsWith('data: ')))
    .map((lines) => JSON.parse(lines.map((line) => line.slice(6)).join('\n')) as Record<string, unknown>)
}

/** A decide about a call that waited. */
function reasons(): readonly string[] {
  return harness.eventsOf('authorization/decide').map(({ reason }) => reason)
}

describe('a call that waits, of a client without progress', () => {
  it('gets the answer of the server, byte for byte as it came', async () => {
    const response = call()
    await answer()
    const received = await response
    assert.equal(received.headers.get('content-type'), 'application/json')
    assert.equal(
      await received.text(),
      '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"{\\"a\\":1}"}]}}',
    )
  })

  it('is refused with the words of the person', async () => {
    const response = call()
    await answer('deny')
    assert.match(await (await response).text(), /an approver denied it: looks right/)
    assert.deepEqual(harness.server.calls, [])
  })
})

describe('a call that waits, of a client with a progress token', () => {
  const meta = { progressToken: 'p' }

  it('hears that it waits, and gets a JSON answer as the last event', async () => {
    const response = await call({ meta })
    assert.equal(response.headers.get('content-type'), 'text/event-stream')
    await answer()
    const [progress, result, ...rest] = messagesOf(await response.text())
    assert.deepEqual([progress?.method, result?.id, rest.length], ['notifications/progress', 1, 0])
    assert.match(JSON.stringify(progress?.params), /"progressToken":"p","progress":-1,"message":"Waiting for approval/)
  })

  it('gets the events of the server after its own, unchanged, with progress above it', async () => {
    const event =
      'id: 1\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":0}}\n\n'
    harness.server.script = (received) => {
      beginEvents(received.response)
      received.response.end(`${event}data: ${answerText(idOf(received))}\n\n`)
      return true
    }
    const response = await call({ meta })
    await answer()
    const text = await response.text()
    assert.ok(text.endsWith(`${event}data: ${answerText(1)}\n\n`))
    const steps = messagesOf(text).flatMap(
      ({ params }) => (params as { progress?: number } | undefined)?.progress ?? [],
    )
    assert.deepEqual(steps, [-1, 0])
  })

  it('gets an answer with line ends in it whole', async () => {
    harness.server.script = ({ response }) => {
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end('{\n "jsonrpc": "2.0",\r\n "id": 1,\n "result": {}\n}\n')
      return true
    }
    const response = await call({ meta })
    await answer()
    assert.deepEqual(messagesOf(await response.text()).at(-1), { jsonrpc: '2.0', id: 1, result: {} })
  })

  it('gets an error where the server refuses without a message', async () => {
    harness.server.script = ({ response }) => {
      response.writeHead(503, { 'content-type': 'text/html' }).end('<html>')
      return true
    }
    const response = await call({ meta })
    await answer()
    const last = messagesOf(await response.text()).at(-1)
    assert.ok(last?.id === 1 && 'error' in last)
    assert.deepEqual(await harness.receipts(1), ['ambiguous'])
  })

  it('is refused in an event', async () => {
    const response = await call({ meta })
    await answer('deny')
    assert.match(JSON.stringify(messagesOf(await response.text()).at(-1)), /"isError":true/)
  })

  it('gets JSON where it reads no events', async () => {
    const response = call({ meta, headers: { accept: 'application/json' } })
    await answer()
    assert.equal((await response).headers.get('content-type'), 'application/json')
  })
})

describe('a client that does not wait for its call', () => {
  it('of protocol 2026-07-28 takes it back by going away: nothing runs, and it is recorded', async () => {
    const abort = new AbortController()
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'asked_it' }
    const response = call({ meta: MODERN, headers, signal: abort.signal })
    await asked()
    abort.abort()
    await assert.rejects(response)
    await until(() => harness.eventsOf('approval/withdrawn').length === 1)
    await answer()
    assert.deepEqual([reasons(), harness.server.calls], [['needs_approval', 'approval_withdrawn'], []])
  })

  it('of an earlier protocol does not by going away: its repeat is honoured, and the call itself never runs', async () => {
    const abort = new AbortController()
    const response = call({ signal: abort.signal })
    await asked()
    abort.abort()
    await assert.rejects(response)
    await until(() => reasons().at(-1) === 'approval_pending')
    await answer()
    const repeated = await (await call()).text()
    assert.match(repeated, /"text":"\{/)
    assert.deepEqual(harness.server.calls, ['asked_it'])
  })

  for (const sessions of [true, false])
    it(`takes it back by a notification, ${sessions ? 'in' : 'without'} a session`, async () => {
      harness.server.hasSessions = sessions
      const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } }
      const session = (await post({ id: 0, method: 'initialize', params })).headers.get('mcp-session-id')
      const headers: Record<string, string> = session === null ? {} : { 'mcp-session-id': session }
      const response = call({ headers })
      await asked()
      const cancelled = await post({ method: 'notifications/cancelled', params: { requestId: 1 } }, { headers })
      assert.deepEqual([cancelled.status, (await response).status], [202, 202])
      await until(() => harness.eventsOf('approval/withdrawn').length === 1)
      assert.ok(!harness.server.received.some(({ body }) => body.includes('cancelled')))
      assert.deepEqual(harness.server.calls, [])
    })
})
