// SIGTERM and SIGINT end every role cleanly within seconds: exit code 0 (a gateway as its server ended), and the run's
// chain ends with `writer/close` in the log.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { parseEvent } from '../../events/event.ts'
import { Pipeline } from '../support/pipeline.ts'
import { readLog } from '../support/stored-record.ts'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const
const LONGEST_MS = 4_000

describe('a signal', () => {
  for (const signal of SIGNALS) {
    it(`${signal} ends up, with every chain closed`, async (context) => {
      const pipeline = newPipeline(context)
      const { command } = await pipeline.startUp()
      const startedMs = performance.now()
      const { code, errors } = await command.kill(signal)
      checkSoon(startedMs, context)
      assert.equal(code, 0, errors)
      assert.deepEqual(await closedWriters(pipeline), ['api/main', 'detectors/main', 'ledger/main'])
    })

    it(`${signal} ends detectors on their own`, async (context) => {
      const pipeline = newPipeline(context)
      await pipeline.start(['init']).ended
      const command = pipeline.start(['detectors'], { LOG_LEVEL: 'info' })
      assert.ok(await command.find(/detectors runs/), command.errors)
      const startedMs = performance.now()
      const { code, errors } = await command.kill(signal)
      checkSoon(startedMs, context)
      assert.equal(code, 0, errors)
      assert.deepEqual(await closedWriters(pipeline), ['detectors/main'])
    })

    it(`${signal} ends a gateway and its server, as the server ended`, async (context) => {
      const pipeline = newPipeline(context)
      const client = pipeline.startGateway()
      await client.initialize()
      await client.call('count', '1')
      const startedMs = performance.now()
      const end = await client.kill(signal)
      checkSoon(startedMs, context)
      assert.deepEqual(end, { code: null, signal }, client.stderr)
      assert.deepEqual(await closedWriters(pipeline), ['gateway/count'])
    })
  }

  it('ends up while it is still starting', async (context) => {
    const pipeline = newPipeline(context)
    const command = pipeline.start(['up', '--port', '0'])
    await pipeline.until(async () => (await pipeline.installation().catch(() => undefined)) !== undefined)
    const startedMs = performance.now()
    const { code: exitCode, errors } = await command.kill('SIGTERM')
    checkSoon(startedMs, context)
    assert.equal(exitCode, 0, errors)
    // What had started by then is closed, and nothing else was begun.
    await closedWriters(pipeline)
    const { code, report } = await pipeline.verify()
    assert.equal(code, 0, JSON.stringify(report))
  })

  it('ends up whose start waits for a broker that does not answer', async (context) => {
    const pipeline = newPipeline(context)
    await pipeline.start(['init']).ended
    const silent = createServer(() => undefined)
    context.after(() => silent.close())
    const isAsked = once(silent, 'connection')
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as AddressInfo
    const command = pipeline.start(['up', '--port', '0'], { KAFKA_BROKERS: `127.0.0.1:${port}`, LOG_LEVEL: 'info' })
    await isAsked
    const startedMs = performance.now()
    const { code, errors } = await command.kill('SIGTERM')
    checkSoon(startedMs, context)
    assert.equal(code, 0, errors)
    assert.match(errors, /stopped while it started/)
  })
})

function newPipeline(context: TestContext): Pipeline {
  const pipeline = new Pipeline()
  context.after(() => pipeline.remove())
  return pipeline
}

function checkSoon(startedMs: number, context: TestContext): void {
  const tookMs = Math.round(performance.now() - startedMs)
  context.diagnostic(`${tookMs} ms`)
  assert.ok(tookMs < LONGEST_MS, `${tookMs} ms`)
}

/** The writers whose last event in the log is their close. */
async function closedWriters(pipeline: Pipeline): Promise<readonly string[]> {
  const last = new Map((await readLog(pipeline)).map(({ key, value }) => [key, parseEvent(value)]))
  const open = [...last.values()].filter(({ type }) => type !== 'writer/close')
  assert.deepEqual(open, [])
  return [...last.values()].map(({ writer }) => writer).toSorted()
}
