// What passes a gateway passes unchanged, byte for byte, both ways; what can't be read in one way only does not pass.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { RawClient } from '../../support/raw-client.ts'
import { StdioHarness } from '../../support/stdio-harness.ts'

let harness: StdioHarness
beforeEach(() => {
  harness = new StdioHarness()
})
afterEach(() => harness.remove())

/** Has the server write exactly these bytes. */
function makeServerWrite(client: RawClient, bytes: Buffer | string, id: number | string = 7): void {
  const base64 = Buffer.from(bytes).toString('base64')
  client.send({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'raw', arguments: { base64 } } })
}

describe('bytes of a client', () => {
  it('reach the server unchanged, with unknown keys, large integers, odd spacing and CRLF', async () => {
    const lines = [
      '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"clientInfo":{"name":"a","version":"1"}}}\r\n',
      ' { "id" :\t2, "extra":{"deep":[1.50,9007199254740993]},"jsonrpc":"2.0","method":"tools/call",' +
        '"params":{"arguments":{"n":12345678901234567890,"e":1E2,"u":"\\u00e9\\/"},"_meta":{"k":1},"name":"e\\u0063ho"}}\n',
      '{"jsonrpc":"2.0","method":"notifications/unheard_of","params":{"x":0.10}}\n',
      '{"jsonrpc":"2.0","id":"x","method":"vendor/own","params":[1,2]}\n',
      '{"jsonrpc":"2.0","id":3,"result":{"roots":[]}}\n',
    ]
    const client = harness.gateway()
    for (const line of lines.slice(0, 2)) {
      client.send(line)
      await client.until(() => client.answers.length === (line === lines[0] ? 1 : 2))
    }
    for (const line of lines.slice(2, 4)) client.send(line)
    // A method that no specification lists is decided on, and lines after it do not wait for that.
    await client.answerTo('x')
    client.send(lines[4] ?? '')
    await client.end()
    assert.equal(harness.served.toString(), lines.join(''))
  })

  it('reach the server whole, when a message has 12 MB and the last one no line end', async () => {
    const text = randomBytes(6_000_000).toString('hex')
    const line = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"silent","arguments":{"text":"${text}"}}}`
    const client = harness.gateway()
    client.send(line)
    await client.end()
    assert.ok(harness.served.equals(Buffer.from(line)))
    const [propose] = await harness.eventsOf('authorization/propose')
    assert.equal(propose?.arguments.bytes, text.length + 11)
  })
})

describe('bytes of a server', () => {
  it('reach the client unchanged, answers and notifications and lines that are no JSON', async () => {
    const lines = [
      'a line of a log\n',
      '\n',
      '{"jsonrpc":"2.0","method":"notifications/x","params":{"n":9007199254740993},"extra":1}\n',
      '{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage"}\r\n',
      '{ "jsonrpc":"2.0" , "result":{"content":[],"n":12345678901234567890,"f":1.0}, "id":7 , "new":true }\r\n',
    ]
    const client = harness.gateway()
    makeServerWrite(client, lines.join(''))
    await client.until(() => client.received.includes('"new":true }'))
    // The answer waits for its receipt; all else passes at once.
    assert.deepEqual(client.received.toString().split('\n').toSorted(), lines.join('').split('\n').toSorted())
    await client.end()
    assert.deepEqual(
      (await harness.eventsOf('request/observed')).map(({ method, direction }) => [direction, method]),
      [['server', 'sampling/createMessage']],
    )
  })

  it('reach the client whole, when an answer has 12 MB', async () => {
    const client = harness.gateway()
    const answer = await client.call('big', { bytes: 12_000_000 })
    assert.equal(answer.result?.content?.[0]?.text.length, 12_000_000)
    await client.end()
    const [receipt] = await harness.eventsOf('authorization/receipt')
    assert.ok((receipt?.result?.bytes ?? 0) > 12_000_000 && receipt?.status === 'ok')
  })

  it('reach the client without a line end at the end', async () => {
    const client = harness.gateway()
    makeServerWrite(client, '{"jsonrpc":"2.0","id":7,"result":{"content":[]}}\nlast words')
    await client.answerTo(7)
    await client.end()
    assert.match(client.received.toString(), /\}\nlast words$/)
  })

  it('are withheld and noted, when they could pass for the answer to a call', async () => {
    const lines = [
      '{"jsonrpc":"2.0","id":99,"result":{}}',
      '[{"jsonrpc":"2.0","id":7,"result":{}}]',
      '{"jsonrpc":"2.0","id":7,"result":{"n":NaN}}',
      'noise\r{"jsonrpc":"2.0","id":7,"result":{}}',
      '{"method":"x","params":\r{"jsonrpc":"2.0","id":7,"result":{}}\r}',
    ]
    const client = harness.gateway()
    makeServerWrite(client, `${lines.join('\n')}\n{"jsonrpc":"2.0","method":"after"}\n`)
    await client.until(() => client.received.includes('after'))
    assert.equal(client.received.toString(), '{"jsonrpc":"2.0","method":"after"}\n')
    await client.end()
    assert.equal((await harness.eventsOf('request/observed')).length, lines.length)
  })
})

describe('lines of a client that are no message', () => {
  it('are refused with an error and never reach the server', async () => {
    const client = harness.gateway()
    const call = '{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"echo"}}'
    const lines = ['not JSON', `[${call}]`, `${call}${call}`, `x\r${call}\r`, `\ufeff${call}`, '"text"', '{}']
    for (const line of lines) client.send(`${line}\n`)
    client.send(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d, 0x0a]))
    await client.until(() => client.answers.length === lines.length + 1)
    assert.ok(
      client.answers.every(({ id, error }) => id === null && (error?.code === -32700 || error?.code === -32600)),
    )
    await client.end()
    assert.equal(harness.served.length, 0)
  })

  it('are refused once, when a line has more than 16 MiB, and the next one passes', async () => {
    const client = harness.gateway()
    client.send(Buffer.alloc(17 * 1024 * 1024, 0x20))
    client.send('\n')
    const answer = await client.call('echo', { a: 1 })
    assert.equal(answer.result?.content?.[0]?.text, '{"a":1}')
    assert.match(client.answers[0]?.error?.message ?? '', /16777216 bytes/)
  })
})
