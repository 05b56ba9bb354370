// Gateway and `up` are killed (SIGKILL) again and again at random moments under concurrent calls. Afterwards every call
// that reached the server is in the store with its propose and its decide, nothing is lost or doubled, and verify is clean.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { kafkaForTests, kafkaSkipReason } from '../support/kafka.ts'
import { KillLoop } from '../support/kill-loop.ts'
import { Pipeline } from '../support/pipeline.ts'
import {
  checkStoredOnce,
  findReceipts,
  findUnrecorded,
  readLog,
  readStore,
  type StoredHistory,
  untilStored,
} from '../support/stored-record.ts'

const EMBEDDED = { kills: 40, maxPauseMs: 1_000 }
/** A gateway on Kafka needs a second or two to read control before its first decision. */
const KAFKA = { kills: 12, maxPauseMs: 5_000 }
/** Distributed, calls are denied while no `up` says what is in force: not what is tried here. */
const WITHOUT_UP = 'gateway: { control: { required: false } }\n'
const SEED = Number(process.env.KILL_SEED ?? 20_261_122)

describe('a gateway and an `up` that are killed again and again', () => {
  it('leave all that ran on record, nothing lost, nothing doubled, on the embedded log', async (context) => {
    const pipeline = new Pipeline()
    context.after(() => pipeline.remove())
    await surviveKills(pipeline, EMBEDDED, context)
  })

  it('leave all that ran on record, nothing lost, nothing doubled, on Kafka', async (context) => {
    const reason = kafkaSkipReason()
    const kafka = reason === false ? await kafkaForTests() : undefined
    if (kafka === undefined) return context.skip(String(reason))
    const pipeline = new Pipeline({ environment: { KAFKA_BROKERS: kafka.brokers.join(',') }, config: WITHOUT_UP })
    context.after(() => pipeline.remove().finally(() => kafka.release()))
    await surviveKills(pipeline, KAFKA, context)
  })
})

async function surviveKills(pipeline: Pipeline, options: typeof EMBEDDED, context: TestContext): Promise<void> {
  const loop = new KillLoop(pipeline, { ...options, seed: SEED })
  await loop.run()
  const startedMs = Date.now()
  const up = await pipeline.startUp()
  const records = await readLog(pipeline)
  await untilStored(pipeline, up, records)
  await pipeline.stopUp(up)
  const history = await readStore(pipeline)
  checkStoredOnce(await readLog(pipeline), history, startedMs)
  checkCalls(pipeline, loop, history)
  const { code, report } = await pipeline.verify()
  assert.deepEqual(report.violations, [])
  assert.equal(code, 0)
  // Acknowledged is stored, and stored is in the Merkle log: each once.
  assert.equal(report.counts.leaves, new Set(history.events.map(({ hash }) => hash)).size)
  assert.ok(report.openCalls.every(({ state }) => state === 'allowed'))
  const { told, readyUps } = loop
  context.diagnostic(
    `seed ${SEED}: ${options.kills} kills (${readyUps} of an up that served), ${pipeline.executed.length} calls ran, ${told.denied.length} denied, ` +
      `${told.lost.length} unanswered, ${report.openCalls.length} open, ${records.length} records, ${history.rows.length} rows`,
  )
}

/** What ran is recorded, what was answered has its receipt, and what the client was refused did not run. */
function checkCalls(pipeline: Pipeline, { told }: KillLoop, history: StoredHistory): void {
  const executed = new Set(pipeline.executed)
  assert.equal(executed.size, pipeline.executed.length, 'a call ran twice')
  assert.deepEqual(findUnrecorded(pipeline.executed, history), [])
  const settled = new Set(findReceipts(history, 'ok'))
  assert.deepEqual(
    told.answered.filter((number) => !settled.has(number)),
    [],
  )
  assert.deepEqual(
    told.denied.filter((number) => executed.has(number)),
    [],
  )
  assert.ok(told.answered.length > 100)
}
