// Under load a gateway stays within bounds: many calls in flight, a client that does not read, a server that does not.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { MAX_OPEN_CALLS } from '../../gateway/call-gate.ts'
import { StdioHarness } from '../support/stdio-harness.ts'

const MAX_GROWTH_BYTES = 128 * 1024 * 1024
const LINES = 10_000
/** How often the memory is looked at while nothing is read. */
const SAMPLES = 40

let harness: StdioHarness
beforeEach(() => {
  harness = new StdioHarness()
})
afterEach(() => harness.remove())

function callLine(id: number, name: string, args: object = {}): string {
  return `${JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } })}\n`
}

/** Memory of a process in use, bytes (proc_pid_status(5)). */
function residentBytes(pid: number | undefined): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}

describe('ten thousand calls in flight', () => {
  it('are each answered: as many as may be open by the server, the rest with a refusal', async () => {
    const client = harness.gateway()
    client.send(Array.from({ length: LINES }, (_, id) => callLine(id, 'slow')).join(''))
    const open = (): number => harness.served.toString().split('"slow"').length - 1
    await harness.until(() => open() + client.answers.length === LINES)
    assert.ok(open() <= MAX_OPEN_CALLS && open() > 0)
    assert.ok(client.answers.every(({ result }) => result?.isError === true))
    client.send('{"jsonrpc":"2.0","method":"notifications/release"}\n')
    await client.until(() => client.answers.length === LINES)
  })
})

describe('a client that does not read', { skip: process.platform !== 'linux' && 'reads /proc' }, () => {
  it('slows the server down instead of filling the memory of the gateway, and gets everything in the end', async () => {
    const client = harness.gateway()
    await client.call('echo')
    const before = residentBytes(client.child.pid)
    client.child.stdout.pause()
    for (let id = 100; id < 200; id++) client.send(callLine(id, 'big', { bytes: 2_000_000 }))
    let [peak, samples, bytes] = [0, 0, 0]
    const sample = (): void => {
      peak = Math.max(peak, residentBytes(client.child.pid) - before)
    }
    await harness.until(() => {
      sample()
      return ++samples === SAMPLES
    })
    client.child.stdout.removeAllListeners('data').on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    client.child.stdout.resume()
    await harness.until(() => {
      sample()
      return bytes > 100 * 2_000_000
    })
    assert.ok(peak < MAX_GROWTH_BYTES, `${peak} bytes more`)
    assert.equal(client.stderr, 'echo server: ready\n')
  })

  it('is not read from either, when refusals pile up', async () => {
    const client = harness.gateway()
    await client.call('echo')
    const before = residentBytes(client.child.pid)
    client.child.stdout.pause()
    const refused = `{"jsonrpc":"2.0","id":"${'x'.repeat(1_000)}","id":1}\n`.repeat(1_000)
    for (let count = 0; count < 200 && client.child.stdin.writableLength === 0; count++) {
      client.send(refused)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    assert.ok(residentBytes(client.child.pid) - before < MAX_GROWTH_BYTES)
  })
})
