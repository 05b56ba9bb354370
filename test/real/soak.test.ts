// A soak at full speed: many calls, 16 at once, through one gateway on the embedded log. Every call is answered, every call
// has its propose, its decide and its receipt in the log, and the memory of the gateway does not grow with their number.
// 100,000 calls; as many as SOAK_CALLS says where that is set (1000000 takes about ten times as long).
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { FileLog } from '../../events/file-log.ts'
import type { StoredRecord } from '../../events/log.ts'
import { StdioBenchClient } from '../support/bench-client.ts'
import { GatewayBefore } from '../support/gateway-before.ts'

const CALLS = Number(process.env.SOAK_CALLS ?? 100_000)
const IN_FLIGHT = 16
const STEPS = 10
/** What a heap may breathe between two looks; a leak of 1 kB a call would be more from the fourth look on. */
const MAX_GROWTH_MEGABYTES = 32
const TYPE = /"type":"([a-z/]+)"/

const echoServer = [process.execPath, join(import.meta.dirname, '..', 'support', 'echo-server.js')]

describe('many calls at full speed', () => {
  it('leave nothing unrecorded and no memory behind', async (context) => {
    const gateway = new GatewayBefore()
    context.after(() => gateway.remove())
    const client = await StdioBenchClient.start(gateway.command(echoServer), gateway.environment)
    const started = performance.now()
    const memory = await callAndLook(client)
    const seconds = (performance.now() - started) / 1000
    await client.close()
    console.log(`${CALLS} calls in ${seconds.toFixed(0)} s, memory by tenths: ${memory.join(' ')} MB`)
    const settled = Math.max(...memory.slice(0, STEPS / 2))
    assert.ok(Math.max(...memory.slice(STEPS / 2)) - settled <= MAX_GROWTH_MEGABYTES, 'the memory grew')
    const counted = await countTypes(join(gateway.directory, 'data', 'log'))
    for (const type of ['propose', 'decide', 'receipt']) assert.equal(counted.get(`authorization/${type}`), CALLS, type)
  })
})

/** Makes all calls; the gateway's resident memory after each tenth of them, megabytes. */
async function callAndLook(client: StdioBenchClient): Promise<readonly number[]> {
  const memory: number[] = []
  for (let step = 0; step < STEPS; step++) {
    let left = CALLS / STEPS
    const work = async (): Promise<void> => {
      while (left-- > 0) await client.call('soak')
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, work))
    memory.push(residentMegabytes(client.pid))
  }
  return memory
}

function residentMegabytes(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024)
}

async function countTypes(root: string): Promise<ReadonlyMap<string, number>> {
  const counted = new Map<string, number>()
  const log = new FileLog({ root })
  const take = (records: readonly StoredRecord[]): void => {
    for (const { value } of records) {
      const type = TYPE.exec(Buffer.from(value).toString('utf8'))?.[1] ?? 'none'
      counted.set(type, (counted.get(type) ?? 0) + 1)
    }
  }
  const subscription = await log.subscribe('events', { from: 'beginning' }, take)
  await subscription.caughtUp
  await subscription.stop()
  await log.close()
  return counted
}
