// Somebody who may write to the log forges and replays: control records that no trusted key signed, an old one again,
// events without a signature, of another key, of another ledger, and bytes that are no event. Nothing of it has an effect
// but a record and an alert; gateways and the ledger go on.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { EventLog, LogRecord, StoredRecord } from '../../events/log.ts'
import { systemClock, uuidv7 } from '../../events/time.ts'
import type { CallClient } from '../support/call-client.ts'
import { forgeRule, forgeRun, noise, unsigned } from '../support/forger.ts'
import { kafkaForTests, kafkaSkipReason } from '../support/kafka.ts'
import { Pipeline, type RunningUp } from '../support/pipeline.ts'

const SESSION = 'session-of-the-forgery'
const DEADLINE_MS = 5_000

describe('what is forged into the log', () => {
  it('has no effect but a record and an alert, on the embedded log', async (context) => {
    const pipeline = new Pipeline()
    context.after(() => pipeline.remove())
    await withstand(pipeline, context)
  })

  it('has no effect but a record and an alert, on Kafka', { skip: kafkaSkipReason() }, async (context) => {
    const kafka = await kafkaForTests()
    const pipeline = new Pipeline({ environment: { KAFKA_BROKERS: kafka?.brokers.join(',') } })
    context.after(() => pipeline.remove().finally(() => kafka?.release()))
    await withstand(pipeline, context)
  })
})

interface Stage {
  readonly pipeline: Pipeline
  readonly up: RunningUp
  readonly client: CallClient
  readonly eventLog: EventLog
}

async function withstand(pipeline: Pipeline, context: TestContext): Promise<void> {
  const up = await pipeline.startUp()
  const client = pipeline.startGateway('count', { TOOLWARDEN_SESSION: SESSION })
  await client.initialize()
  await pipeline.until(async () => (await client.call('count', 'before')).type === 'answered')
  const stage = { pipeline, up, client, eventLog: await pipeline.openLog() }
  await forgeControl(stage)
  await replayControl(stage)
  await forgeEvents(stage)
  await stage.eventLog.close()
  const { items: alerts } = await pipeline.get<{ items: readonly { detector: string }[] }>(up, '/v1/alerts')
  assert.deepEqual([...new Set(alerts.map(({ detector }) => detector))], ['integrity'])
  await pipeline.stopUp(up)
  const { code, report } = await pipeline.verify()
  assert.deepEqual([code, report.violations], [0, []])
  context.diagnostic(`${alerts.length} alerts, ${report.counts.quarantined} records quarantined`)
}

/** Rules by an unknown key, by a gateway in its own name, and by a gateway in the detectors' name. */
async function forgeControl(stage: Stage): Promise<void> {
  const { log, keys } = await stage.pipeline.installation()
  const forged = [
    forgeRule({ log, writer: 'detectors/main' }, SESSION),
    forgeRule({ log, writer: 'gateway/count', key: keys.gateway }, SESSION),
    forgeRule({ log, writer: 'detectors/main', key: keys.gateway }, SESSION),
    { key: 'rule/nonsense', value: Buffer.from('{"v":1}'), headers: {} },
  ]
  for (const record of forged) await appendForged(stage.eventLog, 'control', [record])
  await untilRecorded(stage, 'control/refused', forged.length)
  await untilAlerts(stage, 'control record', forged.length)
  await expectAnswered(stage, 'after-forged-rules')
}

/** A rule that was added and lifted is added again, byte for byte; gateways that start later do not see it either. */
async function replayControl(stage: Stage): Promise<void> {
  const { pipeline, up, client, eventLog } = stage
  const wanted = { scope: { session: SESSION }, tool: '*', action: 'deny', expiresIn: 600, reason: 'a test' }
  const { id } = await pipeline.post<{ id: string }>(up, '/v1/rules', wanted)
  await pipeline.until(async () => (await client.call('count', 'before-lift')).type === 'refused')
  const added = await newestOf(eventLog, `rule/${id}`)
  await pipeline.post(up, `/v1/rules/${id}/lift`, { reason: 'a test' })
  await pipeline.until(async () => (await client.call('count', 'after-lift')).type === 'answered')
  const lifted = await newestOf(eventLog, `rule/${id}`)
  await appendForged(eventLog, 'control', [added])
  await untilRecorded(stage, 'control/refused', 5)
  await untilAlerts(stage, `control record rule/${id}`, 1)
  await expectAnswered(stage, 'after-replay')
  // What the replay took the place of is said again: gateways that start later read the lift, not the rule.
  await pipeline.until(async () => Buffer.compare((await newestOf(eventLog, lifted.key)).value, lifted.value) === 0)
  const late = pipeline.startGateway('late', { TOOLWARDEN_SESSION: SESSION })
  await late.initialize()
  await expectAnswered({ ...stage, client: late }, 'after-replay-late')
  await late.end()
}

async function forgeEvents(stage: Stage): Promise<void> {
  const { log, keys } = await stage.pipeline.installation()
  const writer = 'gateway/count'
  const chain = `gateway/noise/${uuidv7(systemClock().nowMicros())}`
  const forged = [
    unsigned(forgeRun({ log, writer, key: keys.gateway }).records),
    forgeRun({ log, writer }).records,
    forgeRun({ log: 'toolwarden/another', writer, key: keys.gateway }).records,
    noise(chain),
  ]
  for (const records of forged) await appendForged(stage.eventLog, 'events', records)
  const count = forged.flat().length
  await stage.pipeline.until(async () => (await quarantinedCount(stage)) >= count)
  await untilAlerts(stage, 'quarantined records', 1)
  await expectAnswered(stage, 'after-forged-events')
}

/** As one append on a chain of its own; on Kafka under the key that the records claim. */
async function appendForged(
  eventLog: EventLog,
  topic: 'events' | 'control',
  records: readonly LogRecord[],
): Promise<void> {
  const chain = `gateway/forger/${uuidv7(systemClock().nowMicros())}`
  await eventLog.append(topic, records, { chain, deadlineMs: DEADLINE_MS })
}

/** The newest record under a key of `control`, as a reader that starts now sees it. */
async function newestOf(eventLog: EventLog, key: string): Promise<StoredRecord> {
  const found: StoredRecord[] = []
  const take = (record: StoredRecord): void => {
    if (record.key === key) found.push(record)
  }
  const subscription = await eventLog.latest('control', take)
  await subscription.caughtUp
  await subscription.stop()
  const newest = found.at(-1)
  assert.ok(newest, `nothing under ${key}`)
  return newest
}

interface EventItem {
  readonly event: { readonly count?: number }
}

async function eventsOf({ pipeline, up }: Stage, type: string): Promise<readonly EventItem[]> {
  const { items } = await pipeline.get<{ items: readonly EventItem[] }>(up, `/v1/events?type=${type}&limit=100`)
  return items
}

async function untilRecorded(stage: Stage, type: string, count: number): Promise<void> {
  await stage.pipeline.until(
    async () => (await eventsOf(stage, type)).length >= count,
    () => type,
  )
}

async function quarantinedCount(stage: Stage): Promise<number> {
  const items = await eventsOf(stage, 'ledger/quarantined')
  return items.reduce((sum, { event }) => sum + (event.count ?? 0), 0)
}

async function untilAlerts({ pipeline, up }: Stage, subject: string, count: number): Promise<void> {
  await pipeline.until(
    async () => {
      const { items } = await pipeline.get<{ items: readonly { subject: string }[] }>(up, '/v1/alerts?limit=100')
      return items.filter((alert) => alert.subject.startsWith(subject)).length >= count
    },
    () => subject,
  )
}

/** A call runs, and the ledger stores it. */
async function expectAnswered({ pipeline, up, client }: Stage, number: string): Promise<void> {
  const end = await client.call('count', number)
  assert.ok(end.type === 'answered', JSON.stringify(end))
  const before = pipeline.executed.length
  await pipeline.until(async () => {
    const { items } = await pipeline.get<{ items: readonly unknown[] }>(up, '/v1/calls?status=ok&limit=100')
    return items.length >= before
  })
}
