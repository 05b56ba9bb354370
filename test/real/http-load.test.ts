// Under load an HTTP gateway stays within bounds: ten thousand calls in flight, and answers of the largest size and shape.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { MAX_OPEN_CALLS } from '../../gateway/call-gate.ts'
import { GatewayBefore } from '../support/gateway-before.ts'
import { answerText, HttpMcpServer, idOf, type Received } from '../support/http-mcp-server.ts'
import { until } from '../support/until.ts'

const CALLS = 10_000
/** A call in flight costs two sockets and its record. */
const MAX_GROWTH_BYTES = 400 * 1024 * 1024
const MEBIBYTE = 1024 * 1024
const SAMPLE_MS = 20
const FIELDS = { 'content-type': 'application/json' }
const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"large"}}'

interface Answer {
  readonly result?: { readonly isError?: boolean; readonly content?: unknown }
}

const agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY })
let server: HttpMcpServer
let gateway: GatewayBefore
let listener: { readonly url: string; readonly pid: number }

/** Answers of the largest size that is held whole, each of another shape. */
const SHAPES: Readonly<Record<string, () => string>> = {
  'one object of 900,000 keys': () => `{${Array.from({ length: 900_000 }, (_, key) => `"k${key}":${key}`).join(',')}}`,
  'escaped keys': () => `{${Array.from({ length: 700_000 }, (_, key) => `"\\u006b${key}":${key}`).join(',')}}`,
  'millions of empty lists': () => `[${'[],'.repeat(5_500_000)}[]]`,
  'millions of numbers': () => `[${'1,'.repeat(8_000_000)}1]`,
  'millions of short texts': () => `[${'"a",'.repeat(4_000_000)}""]`,
  'one long text': () => `"${'x'.repeat(16_000_000)}"`,
  'a text of escapes': () => `"${'\\n'.repeat(8_000_000)}"`,
}
/** The processor time that one may cost in all, with its transport and its digests: no stall is longer. Parsing it took seconds. */
const MAX_USED_MS = 1_000
/** Of sysconf(_SC_CLK_TCK). */
const MILLIS_PER_TICK = 10

before(() => process.setMaxListeners(0))
after(() => agent.destroy())
beforeEach(async () => {
  server = new HttpMcpServer()
  gateway = new GatewayBefore()
  listener = await gateway.listen(await server.start())
})
afterEach(async () => {
  await server.stop()
  await gateway.remove()
})

function call(id: number, params: object = { name: 'slow' }): Promise<Answer> {
  const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params })
  const headers = { 'content-type': 'application/json', 'content-length': body.length }
  return new Promise((resolve, reject) => {
    const sent = request(listener.url, { method: 'POST', agent, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).once('error', reject)
      response.once('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')) as Answer))
    })
    sent.once('error', reject).end(body)
  })
}

/** Memory of the gateway in use, bytes (proc_pid_status(5)). */
function residentBytes(): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${listener.pid}/status`, 'utf8'))?.[1]) * 1024
}

/** Processor time of the gateway so far, of all its threads (proc_pid_stat(5): utime and stime). */
function processorMillis(): number {
  const fields = readFileSync(`/proc/${listener.pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) * MILLIS_PER_TICK
}

describe('ten thousand calls in flight over HTTP', { skip: process.platform !== 'linux' && 'reads /proc' }, () => {
  it('are each answered: as many as may be open by the server, the rest with a refusal', async (context) => {
    const held: Received[] = []
    server.script = (received) => held.push(received) > 0
    const resident = residentBytes()
    const answers: Answer[] = []
    const all = Array.from({ length: CALLS }, async (_, id) => answers.push(await call(id)))
    await until(() => held.length + answers.length === CALLS, 120_000)
    assert.ok(held.length <= MAX_OPEN_CALLS && held.length > 0, String(held.length))
    assert.ok(answers.every(({ result }) => result?.isError === true))
    const grownBytes = residentBytes() - resident
    context.diagnostic(`${held.length} held, ${Math.round(grownBytes / MEBIBYTE)} MiB more`)
    assert.ok(grownBytes < MAX_GROWTH_BYTES, `${grownBytes} bytes more`)
    for (const received of held)
      received.response.writeHead(200, { 'content-type': 'application/json' }).end(answerText(idOf(received)))
    await Promise.all(all)
    assert.equal(answers.filter(({ result }) => result?.isError !== true).length, held.length)
  })
})

describe('two hundred answers of 4 MiB at once', { skip: process.platform !== 'linux' && 'reads /proc' }, () => {
  it('are held a few at a time, and all arrive', async (context) => {
    const text = 'x'.repeat(4 * MEBIBYTE)
    server.script = (received) => {
      received.response.writeHead(200, FIELDS).end(answerText(idOf(received), text))
      return true
    }
    const resident = residentBytes()
    let peak = 0
    const timer = setInterval(() => {
      peak = Math.max(peak, residentBytes() - resident)
    }, SAMPLE_MS)
    const sizes = await Promise.all(Array.from({ length: 200 }, async (_, id) => JSON.stringify(await call(id)).length))
    clearInterval(timer)
    context.diagnostic(`${Math.round(peak / MEBIBYTE)} MiB more`)
    assert.ok(sizes.every((size) => size > text.length))
    assert.ok(peak < MAX_GROWTH_BYTES, `${peak} bytes more`)
  })
})

describe('an answer of 16 MiB', { skip: process.platform !== 'linux' && 'reads /proc' }, () => {
  for (const [what, text] of Object.entries(SHAPES))
    it(`costs little: ${what}`, async (context) => {
      const body = `{"jsonrpc":"2.0","id":1,"result":{"content":[],"structuredContent":${text()}}}`
      server.script = (received) => {
        if (idOf(received) !== 1) return false
        received.response.writeHead(200, { 'content-type': 'application/json' }).end(body)
        return true
      }
      const before = processorMillis()
      const answer = await fetch(listener.url, { method: 'POST', headers: FIELDS, body: CALL })
      assert.equal((await answer.text()).length, body.length)
      const usedMs = processorMillis() - before
      context.diagnostic(`${usedMs} ms`)
      assert.ok(usedMs < MAX_USED_MS, `${usedMs} ms`)
    })
})
