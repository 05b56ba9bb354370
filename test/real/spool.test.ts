// Kafka's broker is stopped while calls run: their answers come once their receipts are in the gateway's spool, and the
// receipts are in the log when the broker is back, by the gateway itself or, where it was killed, by the next start.
import assert from 'node:assert/strict'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import type { CallClient, CallEnd } from '../support/call-client.ts'
import { type KafkaBroker, kafkaForTests, kafkaSkipReason } from '../support/kafka.ts'
import { Pipeline } from '../support/pipeline.ts'
import { findReceipts, readLog, readStore, untilStored } from '../support/stored-record.ts'

const HELD = ['held-1', 'held-2', 'held-3']
/** Nothing is said of control while `up` is off: not what is tried here. */
const WITHOUT_UP = 'gateway: { control: { required: false } }\n'

describe('calls that run while Kafka is stopped', { skip: kafkaSkipReason() }, () => {
  it('are answered once their receipts are spooled, which are in the log when the broker is back', async (context) => {
    const stage = await startOnKafka(context)
    if (stage === undefined) return
    const { pipeline, broker, client } = stage
    const answers = await answerWhileOut(stage)
    assert.ok(answers.every(({ type }) => type === 'answered'))
    assert.equal((await client.call('count', 'refused')).type, 'refused')
    await broker.restart()
    await pipeline.until(async () => (await client.call('count', 'after')).type === 'answered')
    assert.deepEqual(await client.end(), { code: 0, signal: null })
    await expectClosed(stage, { ok: HELD, ambiguous: [] }, context)
    assert.deepEqual(readdirSync(spoolOf(pipeline)), [])
  })

  it('and whose gateway is killed then have their receipts in the log by the next start', async (context) => {
    const stage = await startOnKafka(context)
    if (stage === undefined) return
    await answerWhileOut(stage)
    await stage.client.kill('SIGKILL')
    await stage.broker.restart()
    await expectClosed(stage, { ok: HELD, ambiguous: [] }, context)
  })

  it('and whose gateway is killed and its spool emptied are ambiguous', async (context) => {
    const stage = await startOnKafka(context)
    if (stage === undefined) return
    await answerWhileOut(stage)
    await stage.client.kill('SIGKILL')
    for (const run of readdirSync(spoolOf(stage.pipeline)))
      rmSync(join(spoolOf(stage.pipeline), run, '1'), { recursive: true })
    await stage.broker.restart()
    await expectClosed(stage, { ok: [], ambiguous: HELD }, context)
  })
})

describe('a gateway that is killed with calls under way', () => {
  it('has them closed as ambiguous by the next gateway of its server, and not by one of another', async (context) => {
    const pipeline = new Pipeline()
    context.after(() => pipeline.remove())
    const client = await startHolding(pipeline)
    await client.kill('SIGKILL')
    const other = pipeline.startGateway('other')
    await other.initialize()
    assert.equal((await other.call('count', 'other')).type, 'answered')
    await other.end()
    assert.equal(readdirSync(spoolOf(pipeline)).length, 1)
    const next = pipeline.startGateway()
    await next.initialize()
    assert.equal((await next.call('count', 'next')).type, 'answered')
    await pipeline.until(() => readdirSync(spoolOf(pipeline)).length === 1)
    await next.end()
    await expectClosed({ pipeline }, { ok: [], ambiguous: HELD }, context)
  })

  it('and whose spool is gone has them named as open', async (context) => {
    const pipeline = new Pipeline()
    context.after(() => pipeline.remove())
    const client = await startHolding(pipeline)
    await client.kill('SIGKILL')
    rmSync(join(pipeline.data, 'spool'), { recursive: true })
    const up = await pipeline.startUp()
    await untilStored(pipeline, up, await readLog(pipeline))
    await pipeline.stopUp(up)
    const { report } = await pipeline.verify()
    assert.deepEqual([report.violations, report.openCalls.map(({ state }) => state)], [[], HELD.map(() => 'allowed')])
  })
})

interface Stage {
  readonly pipeline: Pipeline
  readonly broker: KafkaBroker
  readonly client: CallClient
  readonly answers: readonly Promise<CallEnd>[]
}

function spoolOf(pipeline: Pipeline): string {
  return join(pipeline.data, 'spool', 'gateway', 'count')
}

/** A gateway on Kafka with calls that the server answers when it is told to. */
async function startOnKafka(context: TestContext): Promise<Stage | undefined> {
  const kafka = await kafkaForTests()
  const broker = kafka?.broker
  if (kafka === undefined || broker === undefined) {
    context.skip('the brokers of KAFKA_BROKERS are not ours to harm')
    return undefined
  }
  const environment = { KAFKA_BROKERS: kafka.brokers.join(',') }
  const pipeline = new Pipeline({ environment, config: WITHOUT_UP })
  context.after(() => pipeline.remove().finally(() => kafka.release()))
  await pipeline.start(['init']).ended
  const client = pipeline.startGateway()
  await client.initialize()
  await pipeline.until(
    async () => (await client.call('count', 'before')).type === 'answered',
    () => client.stderr,
  )
  const answers = HELD.map((number) => client.call('hold', number))
  await pipeline.until(() => HELD.every((number) => pipeline.executed.includes(number)))
  return { pipeline, broker, client, answers }
}

async function startHolding(pipeline: Pipeline): Promise<CallClient> {
  const client = pipeline.startGateway()
  await client.initialize()
  for (const number of HELD) void client.call('hold', number)
  await pipeline.until(() => HELD.every((number) => pipeline.executed.includes(number)))
  return client
}

async function answerWhileOut({ pipeline, broker, answers }: Stage): Promise<readonly CallEnd[]> {
  await broker.kill()
  writeFileSync(`${pipeline.executedFile}.go`, '')
  return Promise.all(answers)
}

/** `up` closes what is left; every call has its receipt, and nothing is open. */
async function expectClosed(
  { pipeline }: Pick<Stage, 'pipeline'>,
  { ok, ambiguous }: { readonly ok: readonly string[]; readonly ambiguous: readonly string[] },
  context: TestContext,
): Promise<void> {
  const up = await pipeline.startUp()
  const spool = spoolOf(pipeline)
  await pipeline.until(
    () => readdirSync(spool).length === 0,
    () => up.command.errors,
  )
  await untilStored(pipeline, up, await readLog(pipeline))
  await pipeline.stopUp(up)
  const history = await readStore(pipeline)
  const settled = findReceipts(history, 'ok').filter((number) => number.startsWith('held'))
  assert.deepEqual([settled.toSorted(), findReceipts(history, 'ambiguous').toSorted()], [ok, ambiguous])
  const { code, report } = await pipeline.verify()
  assert.deepEqual([code, report.violations, report.openCalls], [0, [], []])
  context.diagnostic(
    `${history.rows.length} rows, ${history.rows.filter(({ outcome }) => outcome === 'duplicate').length} duplicates`,
  )
}
