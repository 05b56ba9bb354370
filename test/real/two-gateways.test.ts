// Clients start gateways, and a person starts `up`, at the same moment on a data directory that does not exist yet.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { describe, it, type TestContext } from 'node:test'
import type { CallClient } from '../support/call-client.ts'
import { Pipeline, type RunningUp } from '../support/pipeline.ts'
import { checkStoredOnce, findUnrecorded, readLog, readStore, untilStored } from '../support/stored-record.ts'

const ROUNDS = 3
const CALLS = 10

describe('a fresh data directory', () => {
  it('serves two gateways that start at once: two chains, one installation, one ledger', async (context) => {
    for (let round = 0; round < ROUNDS; round++) {
      const pipeline = await startTogether(context, async () => undefined)
      const up = await pipeline.startUp()
      await checkTogether(pipeline, up)
    }
    context.diagnostic(`${ROUNDS} directories, two gateways each`)
  })

  it('serves two gateways and an up that start at once', async (context) => {
    for (let round = 0; round < ROUNDS; round++) {
      let up: RunningUp | undefined
      const pipeline = await startTogether(context, async (fresh) => {
        up = await fresh.startUp()
      })
      assert.ok(up)
      await checkTogether(pipeline, up)
    }
    context.diagnostic(`${ROUNDS} directories, two gateways and an up each`)
  })
})

/** Starts two gateways and something else at once, makes calls through both, and ends the gateways. */
async function startTogether(context: TestContext, other: (fresh: Pipeline) => Promise<void>): Promise<Pipeline> {
  const pipeline = new Pipeline()
  context.after(() => pipeline.remove())
  const clients = [pipeline.startGateway('same'), pipeline.startGateway('same')]
  await Promise.all([other(pipeline), ...clients.map((client, index) => callAll(client, index))])
  for (const client of clients) assert.deepEqual(await client.end(), { code: 0, signal: null }, client.stderr)
  return pipeline
}

async function callAll(client: CallClient, index: number): Promise<void> {
  assert.ok(await client.initialize(), client.stderr)
  for (let call = 0; call < CALLS; call++) {
    const number = String(index * CALLS + call)
    const end = await client.call('count', number)
    assert.ok(end.type === 'answered' && end.text === number, JSON.stringify(end))
  }
}

async function checkTogether(pipeline: Pipeline, up: RunningUp): Promise<void> {
  const startedMs = Date.now()
  await untilStored(pipeline, up, await readLog(pipeline))
  await pipeline.stopUp(up)
  const history = await readStore(pipeline)
  checkStoredOnce(await readLog(pipeline), history, startedMs - 1_000)
  assert.equal(pipeline.executed.length, 2 * CALLS)
  assert.deepEqual(findUnrecorded(pipeline.executed, history), [])
  const chains = new Set(
    history.events.filter(({ event }) => event.writer === 'gateway/same').map(({ event }) => event.instance),
  )
  assert.equal(chains.size, 2)
  assert.equal(new Set(history.events.map(({ event }) => event.log)).size, 1)
  const leftovers = readdirSync(pipeline.data).filter((name) => name.startsWith('.'))
  assert.deepEqual(leftovers, [])
  const { code, report } = await pipeline.verify()
  assert.equal(code, 0, JSON.stringify(report.violations))
}
