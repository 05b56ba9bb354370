// Peers that send too much, too slowly, or never the rest: each meets a limit with a name, and an answer.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import type { HttpLimits } from '../../../gateway/http/limits.ts'
import { HttpHarness } from '../../support/http-harness.ts'
import { answerText, beginEvents } from '../../support/http-mcp-server.ts'
import { rawPost, sendRaw, statusOf } from '../../support/raw-http.ts'
import { until } from '../../support/until.ts'

const PING = '{"jsonrpc":"2.0","id":2,"method":"ping"}'
const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}'
const FIELDS = { 'content-type': 'application/json' }

describe('limits of the HTTP gateway', () => {
  let harness: HttpHarness
  const start = async (limits: Partial<HttpLimits>): Promise<void> => {
    harness = await new HttpHarness({ limits }).start()
  }
  afterEach(() => harness.stop())
  const post = (body: string): Promise<Response> => fetch(harness.url, { method: 'POST', body, headers: FIELDS })

  it('answers 413 above the size of a body, announced or not', async () => {
    await start({ bodyBytes: 1_000 })
    const large = `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"${'x'.repeat(1_000)}"}}`
    const announced = await sendRaw(harness.port, rawPost(harness.port, { body: large }))
    assert.equal(statusOf(announced), 413)
    const fields = ['Content-Type: application/json', 'Transfer-Encoding: chunked']
    const body = `${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`
    assert.equal(statusOf(await sendRaw(harness.port, rawPost(harness.port, { fields, body }))), 413)
    assert.deepEqual(harness.server.received, [])
  })

  it('answers 431 above the size of the header block', async () => {
    await start({ headerBytes: 2_000 })
    const fields = ['Content-Type: application/json', `X-Large: ${'x'.repeat(3_000)}`, 'Content-Length: 0']
    assert.equal(statusOf(await sendRaw(harness.port, rawPost(harness.port, { fields }))), 431)
  })

  it('answers 503 above the requests under way', async () => {
    await start({ inFlight: 2 })
    harness.server.script = () => true
    const held = [post(PING), post(PING)]
    await until(() => harness.server.received.length === 2)
    assert.equal((await post(PING)).status, 503)
    for (const { response } of harness.server.received) response.writeHead(202).end()
    assert.deepEqual(
      (await Promise.all(held)).map(({ status }) => status),
      [202, 202],
    )
  })

  it('answers 503 above the streams and the bytes in hand', async () => {
    await start({ streams: 1, heldBytes: 60 })
    const leaving = new AbortController()
    harness.server.script = ({ method, response }) => {
      if (method === 'GET') beginEvents(response)
      return method === 'GET'
    }
    await fetch(harness.url, { signal: leaving.signal })
    assert.equal((await fetch(harness.url)).status, 503)
    assert.equal((await post(`${PING}${' '.repeat(60)}`)).status, 503)
    assert.equal((await post(PING)).status, 200)
    leaving.abort()
  })

  it('answers 408 to who never sends the rest', async () => {
    await start({ headersMs: 100, requestMs: 200 })
    const slowHead = sendRaw(harness.port, Buffer.from('POST /mcp/test HTTP/1.1\r\nHost: x\r\n'))
    const slowBody = sendRaw(harness.port, rawPost(harness.port, { body: PING }).subarray(0, -1))
    assert.equal(statusOf(await slowHead), 408)
    assert.ok([0, 408].includes(statusOf(await slowBody)))
    assert.deepEqual(harness.server.received, [])
  })

  it('streams an answer above the size that it holds, and keeps its end back until the receipt', async () => {
    await start({ answerBytes: 10_000 })
    const whole = `${answerText(1, 'x'.repeat(20_000))} \n`
    let seen = 0
    harness.server.script = async ({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write(whole.slice(0, 15_000))
      await until(() => seen > 10_000)
      response.write(whole.slice(15_000))
      await until(() => seen > 20_000)
      assert.ok(seen < whole.length - 2)
      response.end()
      return true
    }
    let text = ''
    for await (const chunk of (await post(CALL)).body ?? []) {
      text += Buffer.from(chunk as Uint8Array).toString()
      seen = text.length
    }
    assert.equal(text, whole)
    assert.deepEqual(await harness.receipts(1), ['ok'])
  })

  it('cuts off a long answer to something else before it is a JSON text', async () => {
    await start({ answerBytes: 100 })
    harness.server.script = ({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(answerText(2, 'x'.repeat(1_000)))
      return true
    }
    const response = await post(CALL)
    await assert.rejects(response.text())
    assert.deepEqual(await harness.receipts(1), ['ambiguous'])
  })

  it('answers 502 above the longest answer', async () => {
    await start({ answerBytes: 1_000, longAnswerBytes: 1_000 })
    harness.server.script = ({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(answerText(1, 'x'.repeat(1_000)))
      return true
    }
    assert.equal((await post(CALL)).status, 502)
  })

  it('cuts off a client that takes nothing of its answer', async () => {
    await start({ stalledClientMs: 50 })
    harness.server.script = ({ response }) => {
      beginEvents(response)
      const event = Buffer.from(`: ${'x'.repeat(64 * 1024)}\n\n`)
      const write = (): void => {
        while (!response.destroyed && response.write(event));
      }
      response.on('drain', write)
      write()
      return true
    }
    const socket = connect(harness.port, '127.0.0.1')
    socket.on('error', () => socket.destroy())
    socket.write(rawPost(harness.port, { body: PING }))
    socket.pause()
    await until(() => harness.server.abandoned.length === 1)
    socket.destroy()
  })

  it('forgets the session that was used longest ago when there are too many', async () => {
    await start({ sessions: 2 })
    const begin = async (): Promise<string> => {
      const response = await post('{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}')
      return response.headers.get('mcp-session-id') ?? ''
    }
    const statusIn = async (session: string): Promise<number> =>
      (await fetch(harness.url, { method: 'POST', body: PING, headers: { ...FIELDS, 'mcp-session-id': session } }))
        .status
    const [first, second] = [await begin(), await begin()]
    assert.equal(await statusIn(first), 200)
    const third = await begin()
    assert.deepEqual([await statusIn(first), await statusIn(second), await statusIn(third)], [200, 404, 200])
  })
})
