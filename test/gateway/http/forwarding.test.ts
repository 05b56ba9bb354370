// What passes: every byte of both eras, and each event as soon as it is whole.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { HttpHarness } from '../../support/http-harness.ts'
import { answerText, beginEvents, idOf } from '../../support/http-mcp-server.ts'
import { until } from '../../support/until.ts'

const JSON_FIELDS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

describe('HTTP forwarding', () => {
  let harness: HttpHarness

  beforeEach(async () => {
    harness = await new HttpHarness().start()
  })
  afterEach(() => harness.stop())

  const post = (body: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(harness.url, { method: 'POST', body, headers: { ...JSON_FIELDS, ...headers } })

  it('forwards request and answer byte for byte, with numbers above 2^53 and unknown keys', async () => {
    const request =
      '{ "jsonrpc":"2.0","id":9007199254740991,"x":1.0,\n "method":"ping","params":{"n":9007199254740993}}\n'
    const answer = '{"id":9007199254740991,  "jsonrpc":"2.0","result":{"n":9007199254740993,"y":"\\u00e9é"}} \n'
    harness.server.script = ({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json', 'x-kept': 'Yes' }).end(answer)
      return true
    }
    const response = await post(request, { 'x-own': 'kept' })
    assert.equal(await response.text(), answer)
    assert.equal(response.headers.get('x-kept'), 'Yes')
    assert.equal(harness.server.received[0]?.body, request)
    assert.equal(harness.server.received[0]?.headers['x-own'], 'kept')
  })

  it('records a call before it is forwarded and its receipt before the answer is released', async () => {
    const response = await post(
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":1}}}',
    )
    assert.equal(
      await response.text(),
      '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"{\\"a\\":1}"}]}}',
    )
    const types = harness.events.map(({ type }) => type).filter((type) => type.startsWith('authorization/'))
    assert.deepEqual(types, ['authorization/propose', 'authorization/decide', 'authorization/receipt'])
  })

  it('passes each event as it comes and holds only the answer', async () => {
    harness.server.script = async (received) => {
      beginEvents(received.response)
      received.response.write(': hello\n')
      received.response.write('id: 1\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n')
      await until(() => seen.includes('progress'))
      received.response.end(`id: 2\nevent: message\ndata: ${answerText(idOf(received))}\r\n\r\n`)
      return true
    }
    let seen = ''
    const response = await post('{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"echo"}}')
    for await (const chunk of response.body ?? []) seen += Buffer.from(chunk as Uint8Array).toString()
    assert.equal(
      seen,
      ': hello\nid: 1\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n' +
        `id: 2\nevent: message\ndata: ${answerText('a')}\r\n\r\n`,
    )
    assert.deepEqual(await harness.receipts(1), ['ok'])
  })

  it('refuses what the policy denies, with a result that the model reads', async () => {
    const response = await post('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"denied_tool"}}')
    const { result } = (await response.json()) as { result: { isError: boolean } }
    assert.equal(response.status, 200)
    assert.equal(result.isError, true)
    assert.deepEqual(harness.server.received, [])
  })
})
