// What becomes of a call when a peer, or the log, goes away at any moment.
import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { HttpUpstream } from '../../../gateway/http/http-upstream.ts'
import { HttpHarness, type HttpStart } from '../../support/http-harness.ts'
import { answerText, beginEvents, idOf } from '../../support/http-mcp-server.ts'
import type { Fault } from '../../support/memory-log.ts'
import { until } from '../../support/until.ts'

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}'
const META = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}'
const MODERN = CALL.replace('"name":"echo"', `"name":"echo",${META}`)
const INITIALIZE = '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}'
const FIELDS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

describe('a call over HTTP', () => {
  let harness: HttpHarness
  const start = async (options: HttpStart = {}): Promise<void> => {
    harness = await new HttpHarness(options).start()
  }
  afterEach(() => harness.stop())

  const post = (
    body: string,
    more: { headers?: Record<string, string>; signal?: AbortSignal } = {},
  ): Promise<Response> =>
    fetch(harness.url, { method: 'POST', body, headers: { ...FIELDS, ...more.headers }, signal: more.signal ?? null })
  const begin = async (): Promise<Record<string, string>> => ({
    'mcp-session-id': (await post(INITIALIZE)).headers.get('mcp-session-id') ?? '',
  })

  it('is ambiguous when the server dies after it was forwarded', async () => {
    await start()
    harness.server.script = ({ response }) => {
      response.destroy()
      return true
    }
    const response = await post(CALL)
    assert.equal(response.status, 502)
    assert.equal(((await response.json()) as { id: number }).id, 1)
    assert.deepEqual(await harness.receipts(1), ['ambiguous'])
    assert.equal(harness.server.received.length, 1, 'never sent twice')
  })

  it('is ambiguous when the server dies in the middle of its answer, of which nothing is released', async () => {
    await start()
    harness.server.script = ({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 500 }).write(answerText(1))
      setImmediate(() => response.destroy())
      return true
    }
    const response = await post(CALL)
    assert.equal(response.status, 502)
    assert.doesNotMatch(await response.text(), /done/)
    assert.deepEqual(await harness.receipts(1), ['ambiguous'])
  })

  it('is lost with its server where it was never forwarded', async () => {
    const nowhere = (): HttpUpstream =>
      new HttpUpstream({ url: new URL('http://127.0.0.1:9/mcp'), headers: [], ca: undefined, connectMs: 1_000 })
    await start({ upstream: nowhere })
    assert.equal((await post(CALL)).status, 502)
    assert.deepEqual(await harness.receipts(1), ['upstream_lost'])
  })

  it('is cancelled at the server when a modern client goes', async () => {
    await start()
    harness.server.script = ({ response }) => {
      beginEvents(response)
      return true
    }
    const leaving = new AbortController()
    const response = await post(MODERN, { signal: leaving.signal })
    leaving.abort()
    assert.deepEqual(await harness.receipts(1), ['cancelled'])
    await until(() => harness.server.abandoned.length === 1)
    await assert.rejects(response.text())
  })

  it('is not forwarded when a modern client goes while it is decided on', async () => {
    const leaving = new AbortController()
    const fault = async (): Promise<Fault> => {
      if (harness.log.attempts.length > 0) leaving.abort()
      await until(() => isGone)
      return 'none'
    }
    let isGone = false
    await start({ fault })
    await assert.rejects(post(MODERN, { signal: leaving.signal }))
    setTimeout(() => {
      isGone = true
    }, 50)
    assert.deepEqual(await harness.receipts(1), ['not_forwarded'])
    assert.deepEqual(harness.server.received, [])
  })

  it('goes on when a legacy client goes, since that is no cancellation', async () => {
    await start()
    let answer = (): void => undefined
    harness.server.script = ({ response }) => {
      answer = () => response.writeHead(200, { 'content-type': 'application/json' }).end(answerText(1))
      return true
    }
    const leaving = new AbortController()
    const gone = post(CALL, { signal: leaving.signal })
    await until(() => harness.server.received.length === 1)
    leaving.abort()
    await assert.rejects(gone)
    answer()
    assert.deepEqual(await harness.receipts(1), ['ok'])
  })

  it('is cancelled by a notification, and a late answer is withheld', async () => {
    await start({ limits: { cancelGraceMs: 20 } })
    const session = await begin()
    let late = (): void => undefined
    harness.server.script = ({ response, body }) => {
      if (!body.includes('tools/call')) return false
      beginEvents(response)
      late = () => response.end(`data: ${answerText(1)}\n\n`)
      return true
    }
    const response = await post(CALL, { headers: session })
    const cancel = '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}'
    assert.equal((await post(cancel, { headers: session })).status, 202)
    assert.deepEqual(await harness.receipts(1), ['cancelled'])
    late()
    assert.equal(await response.text(), '')
  })

  it('is answered on a resumed stream, and again if the client lost that', async () => {
    await start()
    const session = await begin()
    const event = `id: 2\ndata: ${answerText(1)}\n\n`
    harness.server.script = ({ method, body, response }) => {
      if (method !== 'GET' && !body.includes('tools/call')) return false
      beginEvents(response)
      response.end(method === 'GET' ? event : 'id: 1\ndata:\n\n')
      return true
    }
    assert.equal(await (await post(CALL, { headers: session })).text(), 'id: 1\ndata:\n\n')
    const resume = async (): Promise<string> =>
      (await fetch(harness.url, { headers: { accept: 'text/event-stream', 'last-event-id': '1', ...session } })).text()
    assert.equal(await resume(), event)
    assert.equal(await resume(), event)
    assert.deepEqual(await harness.receipts(1), ['ok'])
  })

  it('is withheld on a stream that was not resumed, or of another session', async () => {
    await start()
    const [mine, other] = [await begin(), await begin()]
    harness.server.script = ({ method, body, response }) => {
      if (method !== 'GET' && !body.includes('tools/call')) return false
      beginEvents(response)
      response.end(method === 'GET' ? `data: ${answerText(1)}\n\n` : 'id: 1\ndata:\n\n')
      return true
    }
    await post(CALL, { headers: mine })
    const stream = await fetch(harness.url, { headers: { accept: 'text/event-stream', ...other } })
    assert.equal(await stream.text(), '')
  })

  it('is ambiguous once nobody resumed its stream in time', async () => {
    await start({ limits: { resumeMs: 20 } })
    const session = await begin()
    harness.server.script = ({ response }) => {
      beginEvents(response)
      response.end('id: 1\ndata:\n\n')
      return true
    }
    await post(CALL, { headers: session })
    assert.deepEqual(await harness.receipts(1), ['ambiguous'])
  })

  it('times out by its own limit', async () => {
    await start({ limits: { callMs: 30 } })
    harness.server.script = () => true
    const response = await post(CALL)
    assert.equal(response.status, 504)
    assert.deepEqual(await harness.receipts(1), ['timeout'])
  })

  it('is denied while the log is out, and everything else passes', async () => {
    let isOut = false
    await start({ fault: () => (isOut ? 'unavailable' : 'none') })
    await post(CALL)
    isOut = true
    const response = await post(CALL)
    assert.match(await response.text(), /Blocked by policy log_unavailable/)
    assert.equal((await post('{"jsonrpc":"2.0","id":2,"method":"ping"}')).status, 200)
    assert.deepEqual(harness.server.calls, ['echo'])
    isOut = false
  })

  it('shares no id with another client that has no session', async () => {
    await start()
    const waiting: (() => void)[] = []
    harness.server.script = (received) => {
      waiting.push(() => {
        received.response.writeHead(200, { 'content-type': 'application/json' }).end(answerText(idOf(received)))
      })
      return true
    }
    const both = [post(CALL), post(CALL)]
    await until(() => waiting.length === 2)
    for (const answer of waiting) answer()
    for (const response of await Promise.all(both)) assert.equal(await response.text(), answerText(1))
    assert.deepEqual(await harness.receipts(2), ['ok', 'ok'])
  })

  it('is refused where its session has one with the same id under way', async () => {
    await start()
    const session = await begin()
    harness.server.script = () => true
    void post(CALL, { headers: session }).catch(() => undefined)
    await until(() => harness.server.received.length === 2)
    assert.match(await (await post(CALL, { headers: session })).text(), /-32600/)
  })
})
