// `toolwarden detectors replay` and `tune` on what a real pipeline recorded: out of the ledger, and out of the event log while
// `up` holds the ledger. Both say the same, and neither does anything.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { runCommand } from '../support/command.ts'
import { Pipeline, type RunningUp } from '../support/pipeline.ts'

const CALLS = 6

let pipeline: Pipeline
let up: RunningUp
let tried: string
before(async () => {
  pipeline = new Pipeline()
  tried = join(pipeline.directory, 'tried.yaml')
  // One call over and over: a loop.
  writeFileSync(tried, 'detectors: { probing: { identicalCalls: 4 } }\n')
  up = await pipeline.startUp()
  const client = pipeline.startGateway()
  await client.initialize()
  for (let call = 0; call < CALLS; call++) await client.call('count', '1')
  await client.kill('SIGTERM')
  await pipeline.until(async () => (await pipeline.get<{ items: unknown[] }>(up, '/v1/calls')).items.length === CALLS)
})
after(() => pipeline.remove())

interface Replayed {
  readonly history: string
  readonly calls: number
  readonly byDetector: Readonly<Record<string, { readonly alerts: number }>>
}

async function replay(...flags: readonly string[]): Promise<Replayed> {
  const { code, output, errors } = await runCommand(
    ['detectors', 'replay', '--json', '--config', tried, ...flags],
    pipeline.environment,
  )
  assert.equal(code, 0, errors)
  return JSON.parse(output) as Replayed
}

describe('detectors over history', () => {
  it('read the event log while `up` runs, and the ledger once it does not, alike', async () => {
    const fromLog = await replay()
    await pipeline.stopUp(up)
    const fromLedger = await replay()
    assert.match(fromLog.history, /^the event log/)
    assert.match(fromLedger.history, /^the ledger/)
    assert.deepEqual([fromLog.calls, fromLedger.calls], [CALLS, CALLS])
    assert.equal(fromLedger.byDetector.probing?.alerts, 1)
    assert.deepEqual(fromLog.byDetector, fromLedger.byDetector)
  })

  it('take the times that they are given', async () => {
    assert.equal((await replay('--to', '2001-01-01')).calls, 0)
    assert.equal((await replay('--from', '2001-01-01')).calls, CALLS)
  })

  it('say what each threshold would have raised', async () => {
    const { output } = await runCommand(['detectors', 'tune', '--json', '--config', tried], pipeline.environment)
    const { thresholds } = JSON.parse(output) as { thresholds: { threshold: string; value: number; alerts: number }[] }
    const loops = thresholds.filter(({ threshold }) => threshold === 'probing.identicalCalls')
    assert.deepEqual(
      loops.map(({ value, alerts }) => [value, alerts]),
      [
        [3, 1],
        [4, 1],
        [5, 1],
        [7, 0],
        [10, 0],
      ],
    )
  })
})
