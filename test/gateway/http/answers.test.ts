// What of a server's responses reaches the client: nothing that leads round the gateway, and answers only to what was
// asked, once, after their receipt.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { Gate } from '../../support/gate.ts'
import { HttpHarness } from '../../support/http-harness.ts'
import { answerText, beginEvents, idOf } from '../../support/http-mcp-server.ts'
import { until } from '../../support/until.ts'

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}'
const FIELDS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
const JSON_TYPE = { 'content-type': 'application/json' }

describe('answers over HTTP', () => {
  let harness: HttpHarness
  const log = new Gate()

  beforeEach(async () => {
    const fault = async ({ options }: { options: { mayUseReserve?: boolean } }): Promise<'none'> => {
      if (options.mayUseReserve === true) await log.pass()
      return 'none'
    }
    harness = await new HttpHarness({ fault }).start()
  })
  afterEach(async () => {
    log.open()
    await harness.stop()
  })

  const post = (body: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(harness.url, { method: 'POST', body, headers: { ...FIELDS, ...headers }, redirect: 'manual' })

  /** The server answers with what the test says. */
  const answerWith = (status: number, headers: Record<string, string | string[]>, body: string): void => {
    harness.server.script = ({ response }) => {
      response.writeHead(status, headers).end(body)
      return true
    }
  }

  it('have what the server asks of the client recorded, of both eras', async () => {
    const asked = '{"jsonrpc":"2.0","id":"s1","method":"elicitation/create","params":{}}'
    const input =
      '{"resultType":"input_required","inputRequests":{"a":{"method":"sampling/createMessage","params":{}}}}'
    const answer = `{"jsonrpc":"2.0","id":1,"result":${input}}`
    answerWith(200, { 'content-type': 'text/event-stream' }, `data: ${asked}\n\ndata: ${answer}\n\n`)
    assert.equal(await (await post(CALL)).text(), `data: ${asked}\n\ndata: ${answer}\n\n`)
    await until(() => harness.eventsOf('request/observed').length === 2)
    assert.deepEqual(
      harness.eventsOf('request/observed').map(({ method, direction, bytes }) => [method, direction, bytes]),
      [
        ['elicitation/create', 'server', asked.length],
        ['sampling/createMessage', 'server', 47],
      ],
    )
  })

  const away: readonly (readonly [string, number, Record<string, string>])[] = [
    ...[300, 301, 302, 303, 304, 305, 307, 308].map(
      (status) => [`status ${status}`, status, { location: 'http://127.0.0.1:9/mcp' }] as const,
    ),
    ['Refresh', 200, { ...JSON_TYPE, refresh: '0;url=http://127.0.0.1:9/' }],
    ['Alt-Svc', 200, { ...JSON_TYPE, 'alt-svc': 'h2="127.0.0.1:9"' }],
    ['Upgrade', 200, { ...JSON_TYPE, upgrade: 'h2c' }],
    ['two readings of the content type', 200, { 'content-type': 'text/event-stream; x=application/json' }],
    ['another character set', 200, { 'content-type': 'application/json; charset="UTF-16"' }],
    ['a character set of a stream', 200, { 'content-type': 'text/event-stream;Charset=utf-7' }],
    ['a content encoding', 200, { ...JSON_TYPE, 'content-encoding': 'gzip' }],
  ]
  for (const [name, status, headers] of away) {
    it(`answers 502 for ${name}`, async () => {
      answerWith(status, headers, answerText(1))
      const response = await post(CALL)
      assert.equal(response.status, 502)
      for (const field of ['location', 'refresh', 'alt-svc', 'upgrade']) assert.equal(response.headers.get(field), null)
      assert.deepEqual(await harness.receipts(1), ['ambiguous'])
    })
  }

  it('answers 502 where a stream without a session begins as the old transport does', async () => {
    harness.server.script = ({ response }) => {
      beginEvents(response)
      response.write('event: endpoint\ndata: http://127.0.0.1:9/messages\n\n')
      return true
    }
    const response = await fetch(harness.url, { headers: { accept: 'text/event-stream' } })
    assert.equal(response.status, 502)
    assert.doesNotMatch(await response.text(), /:9/)
  })

  const wrong: readonly (readonly [string, string])[] = [
    ['"1"', answerText('1')],
    ['"0x1"', answerText('0x1')],
    ['2', answerText(2)],
    ['1.5', answerText(1.5)],
    ['null with a result', '{"jsonrpc":"2.0","id":null,"result":{}}'],
    ['two ids', `{"id":2,${answerText(1).slice(1)}`],
    ['an id in another case', `{"ID":1,${answerText(2).slice(1)}`],
    ['a batch', `[${answerText(1)}]`],
    ['NaN in it', answerText(1).replace('"done"', 'NaN')],
  ]
  for (const [name, body] of wrong) {
    it(`withholds an answer with the id ${name}`, async () => {
      answerWith(200, JSON_TYPE, body)
      const response = await post(CALL)
      assert.equal(response.status, 502)
      assert.doesNotMatch(await response.text(), /"result"/)
      assert.deepEqual(await harness.receipts(1), ['ambiguous'])
    })
    it(`withholds an event with the id ${name}`, async () => {
      answerWith(200, { 'content-type': 'text/event-stream' }, `data: ${body}\n\ndata: ${answerText(1)}\n\n`)
      const response = await post(CALL)
      assert.equal(await response.text(), `data: ${answerText(1)}\n\n`)
      assert.deepEqual(await harness.receipts(1), ['ok'])
    })
  }

  it('releases an answer once', async () => {
    const event = `data: ${answerText(1)}\n\n`
    answerWith(200, { 'content-type': 'text/event-stream' }, event + event)
    assert.equal(await (await post(CALL)).text(), event)
  })

  it('withholds an event that hides behind a line end of Python', async () => {
    const hidden = `data: {"jsonrpc":"2.0","method":"x"}\u2028\u2028data: ${answerText(1)}\n\n`
    answerWith(200, { 'content-type': 'text/event-stream' }, `${hidden}data: ${answerText(1)}\n\n`)
    assert.equal(await (await post(CALL)).text(), `data: ${answerText(1)}\n\n`)
  })

  it('passes an error without an id, and whatever else refuses the request', async () => {
    const error = '{"jsonrpc":"2.0","error":{"code":-32000,"message":"no"},"id":null}'
    answerWith(400, JSON_TYPE, error)
    const response = await post(CALL)
    assert.equal(response.status, 400)
    assert.equal(await response.text(), error)
    assert.deepEqual(await harness.receipts(1), ['protocol_error'])
  })

  it('holds an answer from its first byte until its receipt is durable', async () => {
    let isReleased = false
    harness.server.script = async (received) => {
      log.close()
      received.response.writeHead(200, JSON_TYPE).end(answerText(idOf(received)))
      return true
    }
    const answer = post(CALL).then((response) => {
      isReleased = true
      return response.text()
    })
    await until(() => log.arrivals > 0)
    assert.equal(isReleased, false)
    log.open()
    assert.equal(await answer, answerText(1))
  })

  it('passes an answer of another type after its receipt', async () => {
    answerWith(500, { 'content-type': 'text/html' }, '<html>broken</html>')
    const response = await post(CALL)
    assert.equal(response.status, 500)
    assert.equal(await response.text(), '<html>broken</html>')
    assert.deepEqual(await harness.receipts(1), ['ambiguous'])
  })
})

describe('a server whose responses are named in the configuration', () => {
  it('loses the fields that it may have, and is passed', async () => {
    const harness = await new HttpHarness({ dropped: ['alt-svc'] }).start()
    harness.server.script = ({ response }) => {
      response.writeHead(200, { ...JSON_TYPE, 'alt-svc': 'h3=":443"' }).end(answerText(1))
      return true
    }
    const response = await fetch(harness.url, { method: 'POST', body: CALL, headers: FIELDS })
    assert.equal(response.headers.get('alt-svc'), null)
    assert.equal(await response.text(), answerText(1))
    await harness.stop()
  })
})
