// `toolwarden repair` where the event log is Kafka and the store is asked over ClickHouse's HTTP interface: killed, kept from its
// broker and from its store, and in the end all is well.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type ClickHouseHttp, startClickHouseHttp } from '../support/clickhouse-http.ts'
import type { CommandEnd } from '../support/command.ts'
import { DAMAGE, REPAIR, repairUnderFire } from '../support/damaged-store.ts'
import { type KafkaForTests, kafkaForTests, kafkaSkipReason } from '../support/kafka.ts'
import { temporaryDirectory } from '../support/ledger-harness.ts'
import { Pipeline } from '../support/pipeline.ts'

const USER = { user: 'ledger', password: 'secret' }
const KILLED_AFTER_MS = [1_200, 2_000, 3_000]
const CALLS = 20

describe('a damaged ClickHouse store whose event log is Kafka', { skip: kafkaSkipReason() }, () => {
  const folder = temporaryDirectory()
  let kafka: KafkaForTests | undefined
  let http: ClickHouseHttp
  let pipeline: Pipeline

  before(async () => {
    kafka = await kafkaForTests()
    http = await startClickHouseHttp({ directory: join(folder.path, 'store'), ...USER })
    const environment = {
      KAFKA_BROKERS: kafka?.brokers.join(','),
      CLICKHOUSE_URL: `${http.url.replace('//', `//${USER.user}:${USER.password}@`)}/repaired`,
    }
    pipeline = new Pipeline({ environment })
    const up = await pipeline.startUp()
    const client = pipeline.startGateway()
    await client.initialize()
    await pipeline.until(async () => (await client.call('count', 'first')).type === 'answered')
    for (let number = 0; number < CALLS; number++) await client.call('count', String(number))
    await client.kill('SIGTERM')
    await pipeline.stopUp(up)
    assert.equal((await pipeline.verify()).code, 0)
  })

  after(async () => {
    await pipeline.remove()
    await http.close()
    await kafka?.release()
    folder.remove()
  })

  it('is found tampered, and a dry run changes nothing', async () => {
    await damage()
    const { code, report } = await pipeline.verify()
    assert.deepEqual([code, report.verdict], [1, 'tampered'])
    assert.equal((await run('repair', '--dry-run')).code, 1)
    assert.equal((await pipeline.verify()).code, 1)
  })

  it('is left as it is where the store goes away in the middle, and says so', async () => {
    http.cutNext('INSERT INTO quarantine', 'after')
    const { code, errors } = await run(...REPAIR)
    assert.notEqual(code, 0)
    assert.match(errors, /STORE_UNAVAILABLE/)
    assert.equal((await pipeline.verify()).code, 1)
  })

  it('is repaired by a command that is killed again and again, and then verifies and starts', async () => {
    await repairUnderFire(pipeline, KILLED_AFTER_MS)
  })

  it('keeps its damage while the broker is away, and is repaired when it is back', async (context) => {
    const broker = kafka?.broker
    if (broker === undefined) return context.skip('the brokers of KAFKA_BROKERS are not ours to harm')
    await damage()
    await broker.stop()
    const refused = await run(...REPAIR)
    assert.notEqual(refused.code, 0)
    assert.match(refused.errors, /LOG_UNAVAILABLE/)
    await broker.restart()
    const { code, output, errors } = await run(...REPAIR)
    assert.equal(code, 0, output + errors)
    assert.equal((await pipeline.verify()).code, 0)
  })

  function run(...args: readonly string[]): Promise<CommandEnd> {
    return pipeline.start(args).ended
  }

  async function damage(): Promise<void> {
    for (const sql of DAMAGE) await statement(sql)
  }

  /** Behind the ledger's back. */
  async function statement(sql: string): Promise<void> {
    const authorization = `Basic ${Buffer.from(`${USER.user}:${USER.password}`).toString('base64')}`
    const response = await fetch(`${http.url}/?database=repaired`, {
      method: 'POST',
      headers: { authorization },
      body: sql,
    })
    assert.equal(response.status, 200, await response.text())
  }
})
