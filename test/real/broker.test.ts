// Kafka's broker is stopped, or frozen in the middle of appends, under a running gateway and a running `up`: calls are
// denied with a reason and reach no server; when it is back the chain goes on, verify is clean and nobody was alarmed.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { CallClient } from '../support/call-client.ts'
import { type KafkaBroker, kafkaForTests, kafkaSkipReason } from '../support/kafka.ts'
import { Pipeline, type RunningUp } from '../support/pipeline.ts'
import { findReceipts, findUnrecorded, readLog, readStore, untilStored } from '../support/stored-record.ts'

/** The deadline of an append, and what a busy machine adds. */
const FIRST_DENIAL_MS = 3_000
const NEXT_DENIAL_MS = 500
const CALLS_AT_ONCE = 4
const FREEZES = 3

describe('a Kafka broker under a running gateway', { skip: kafkaSkipReason() }, () => {
  it('that is stopped: calls are denied, and the chain goes on when it is started again', async (context) => {
    const stage = await startOnKafka(context)
    if (stage === undefined) return
    await stage.broker.kill()
    await expectDenied(stage.client, ['stopped-1', 'stopped-2', 'stopped-3'])
    await stage.broker.restart()
    await expectGoingOn(stage, context)
  })

  it('that is frozen in the middle of appends: calls are denied, and the chain goes on when it wakes', async (context) => {
    const stage = await startOnKafka(context)
    if (stage === undefined) return
    const { client, broker } = stage
    for (let freeze = 0; freeze < FREEZES; freeze++) {
      const traffic = startTraffic(client, freeze)
      await stage.pipeline.until(() => traffic.answered.length > 20)
      await broker.freeze()
      traffic.stop()
      await expectDenied(client, [`frozen-${freeze}-1`, `frozen-${freeze}-2`])
      broker.thaw()
      // Answers whose receipts the frozen broker had in hand are held until then.
      await traffic.stopped
      await stage.pipeline.until(async () => (await client.call('count', `thawed-${freeze}`)).type === 'answered')
    }
    await expectGoingOn(stage, context)
  })
})

interface Stage {
  readonly pipeline: Pipeline
  readonly broker: KafkaBroker
  readonly client: CallClient
  readonly up: RunningUp
}

async function startOnKafka(context: TestContext): Promise<Stage | undefined> {
  const kafka = await kafkaForTests()
  const broker = kafka?.broker
  if (kafka === undefined || broker === undefined) {
    context.skip('the brokers of KAFKA_BROKERS are not ours to harm')
    return undefined
  }
  const pipeline = new Pipeline({ environment: { KAFKA_BROKERS: kafka.brokers.join(',') } })
  context.after(() => pipeline.remove().finally(() => kafka.release()))
  const up = await pipeline.startUp()
  const client = pipeline.startGateway()
  await client.initialize()
  await pipeline.until(
    async () => (await client.call('count', 'before')).type === 'answered',
    () => client.stderr,
  )
  return { pipeline, broker, client, up }
}

interface Traffic {
  readonly answered: readonly string[]
  /** No further call is made; those under way end as they end. */
  readonly stop: () => void
  readonly stopped: Promise<unknown>
}

/** Calls without a pause, so that an append is always under way. */
function startTraffic(client: CallClient, round: number): Traffic {
  const answered: string[] = []
  let isOver = false
  const keepCalling = async (caller: number): Promise<void> => {
    for (let index = 0; !isOver; index++) {
      const number = `traffic-${round}-${caller}-${index}`
      if ((await client.call('count', number)).type === 'answered') answered.push(number)
    }
  }
  const callers = Array.from({ length: CALLS_AT_ONCE }, (_, caller) => keepCalling(caller))
  const stop = (): void => {
    isOver = true
  }
  return { answered, stop, stopped: Promise.all(callers) }
}

async function expectDenied(client: CallClient, numbers: readonly string[]): Promise<void> {
  for (const [index, number] of numbers.entries()) {
    const end = await client.call('count', number)
    assert.ok(end.type === 'refused', JSON.stringify(end))
    assert.match(end.text, /event log is unavailable/)
    const limitMs = index === 0 ? FIRST_DENIAL_MS : NEXT_DENIAL_MS
    assert.ok(end.tookMs < limitMs, `${number}: ${end.tookMs} ms`)
  }
}

async function expectGoingOn({ client, up, pipeline }: Stage, context: TestContext): Promise<void> {
  let tries = 0
  await pipeline.until(
    // Calls are recorded, and denied, until `up` has said what is in force: the same one each time would be a loop.
    async () => (await client.call('count', `after-${++tries}`)).type === 'answered',
    () => client.stderr,
  )
  const { executed } = pipeline
  assert.deepEqual(
    executed.filter((number) => /^(stopped|frozen)/.test(number)),
    [],
  )
  assert.deepEqual(await client.end(), { code: 0, signal: null })
  await untilStored(pipeline, up, await readLog(pipeline))
  const { items } = await pipeline.get<{ items: readonly unknown[] }>(up, '/v1/alerts')
  assert.deepEqual(items, [])
  await pipeline.stopUp(up)
  const history = await readStore(pipeline)
  assert.deepEqual(findUnrecorded(executed, history), [])
  const odd = history.rows.filter(({ outcome }) => !['accepted', 'duplicate'].includes(outcome))
  assert.deepEqual(odd, [])
  const { code, report } = await pipeline.verify()
  assert.deepEqual([code, report.violations, report.openCalls], [0, [], []])
  const closed = findReceipts(history, 'not_forwarded')
  context.diagnostic(
    `${executed.length} calls ran, ${closed.length} closed as not forwarded, ${history.rows.length} rows, ` +
      `${report.counts.duplicates} duplicates`,
  )
}
