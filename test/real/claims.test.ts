// The contract of claims on the adapters that are slow to open: chDB, ClickHouse's HTTP interface, a real Kafka broker.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { KafkaLog } from '../../events/kafka-log.ts'
import { kafkaSettings } from '../../events/kafka-log-settings.ts'
import type { Claims } from '../../ledger/claims.ts'
import { openLedgerStore } from '../../ledger/clickhouse-store.ts'
import { LogClaims } from '../../ledger/log-claims.ts'
import { describeClaims, testClaim } from '../contract/claims.ts'
import { type ClickHouseHttp, startClickHouseHttp } from '../support/clickhouse-http.ts'
import { type KafkaForTests, kafkaForTests, kafkaSkipReason } from '../support/kafka.ts'
import { createTestStores, TEST_LOG, type TestStores, temporaryDirectory } from '../support/ledger-harness.ts'

const USER = { user: 'ledger', password: 'secret' }
const skip = kafkaSkipReason()

let stores: TestStores
let http: ClickHouseHttp
let kafka: KafkaForTests | undefined
const directory = temporaryDirectory()
const open: { close(): Promise<void> }[] = []

before(async () => {
  stores = await createTestStores()
  http = await startClickHouseHttp({ directory: stores.directory, ...USER })
  kafka = await kafkaForTests()
})
after(async () => {
  for (const each of open.toReversed()) await each.close()
  await kafka?.release()
  await http.close()
  await stores.close()
  directory.remove()
})

async function openStore(database: string, url?: string): Promise<Claims> {
  const place = url === undefined ? { directory: stores.directory } : { url, ...USER }
  const store = await openLedgerStore({ ...place, database }, TEST_LOG)
  open.push(store)
  return store.claims
}

async function openTopic(topicPrefix: string): Promise<Claims> {
  const eventLog = new KafkaLog({ settings: kafkaSettings.parse({ brokers: kafka?.brokers, topicPrefix }) })
  const claims = new LogClaims({ eventLog, log: TEST_LOG, memory: join(directory.path, 'none.json') })
  open.push(eventLog, claims)
  return claims
}

describeClaims({
  name: 'Kafka',
  ...(skip === false ? {} : { skip }),
  create: async () => {
    const topicPrefix = `test-${randomUUID()}`
    return () => openTopic(topicPrefix)
  },
})
describeClaims({
  name: 'chDB',
  create: async () => {
    const database = stores.newDatabase()
    return () => openStore(database)
  },
})
describeClaims({
  name: 'ClickHouse over HTTP',
  create: async () => {
    const database = stores.newDatabase()
    return () => openStore(database, http.url)
  },
})

describe('claims over HTTP', () => {
  for (const when of ['before', 'after'] as const) {
    it(`are settled by asking again, when the answer is lost ${when} they ran`, async () => {
      const claims = await openStore(stores.newDatabase(), http.url)
      http.cutNext('RENAME COLUMN', when)
      await assert.rejects(claims.replaceClaim(undefined, testClaim(1)), { code: 'STORE_UNAVAILABLE', retriable: true })
      assert.equal(await claims.replaceClaim(undefined, testClaim(1)), true)
    })
  }

  it('are refused where somebody changed their table', async () => {
    const database = stores.newDatabase()
    const claims = await openStore(database)
    await stores.run(`ALTER TABLE ${database}.sequencer ADD COLUMN other UInt8`)
    await assert.rejects(claims.findClaim(), { code: 'STORE_INVALID', message: /sequencer/ })
  })
})
