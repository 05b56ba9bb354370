// Ingest is killed, or its store fails, at every step: afterwards what the log acknowledged is stored, each once, and
// verification is clean.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ToolwardenError } from '../../events/errors.ts'
import type { Ingest } from '../../ledger/ingest.ts'
import type { LedgerStore } from '../../ledger/store.ts'
import type { IngestFault, IngestStep } from '../../ledger/store-writer.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import { createTestKeys, createTestStores, startIngest, TEST_LOG, type TestStores } from '../support/ledger-harness.ts'
import { MemoryLog, MemoryStorage } from '../support/memory-log.ts'
import { buildRun } from '../support/run-builder.ts'
import { until } from '../support/until.ts'

const STEPS: readonly IngestStep[] = ['before-insert', 'after-insert', 'before-publish']
const keys = createTestKeys()
let stores: TestStores
before(async () => {
  stores = await createTestStores()
})
after(() => stores.close())

/** Three batches of one run. */
function threeBatches(): { readonly storage: MemoryStorage; readonly records: number } {
  const storage = new MemoryStorage()
  const run = buildRun({ seed: 1, key: keys.gateway }, 6)
  for (const from of [0, 8, 14]) storage.write('events', run.chain, run.records.slice(from, from === 0 ? 8 : from + 6))
  return { storage, records: run.records.length }
}

/** Fails at the nth time a step is reached. */
function failAt(step: IngestStep, nth: number, error: Error): IngestFault {
  let count = 0
  return (reached) => {
    if (reached === step && ++count === nth) throw error
  }
}

/** Every record of the log is a row, once; the ledger's own events are in the log; verification is clean. */
async function checkWhole(store: LedgerStore, storage: MemoryStorage): Promise<void> {
  const ends = new Map(storage.records('events').map(({ position: { partition, offset } }) => [partition, offset + 1]))
  const rows = await store.select<{ partition: string; rows: number; positions: number }>(
    "SELECT partition, count() AS rows, uniqExact(offset) AS positions FROM events WHERE topic = 'events' GROUP BY partition",
  )
  for (const { partition, rows: stored, positions } of rows)
    assert.deepEqual([stored, positions], [ends.get(partition), ends.get(partition)], partition)
  assert.equal(rows.length, ends.size)
  const report = await verifyLedger({ store, log: TEST_LOG, trust: keys.trust })
  assert.deepEqual(report.violations, [])
}

async function allRead(store: LedgerStore, storage: MemoryStorage): Promise<boolean> {
  const [row] = await store.select<{ rows: number }>("SELECT count() AS rows FROM events WHERE topic = 'events'")
  return row?.rows === storage.records('events').length
}

describe('ingest that is killed', () => {
  for (const step of STEPS)
    for (const nth of [1, 2, 3])
      it(`loses nothing and stores nothing twice, when it ends at ${step} of batch ${nth}`, async () => {
        const store = await stores.open()
        const { storage } = threeBatches()
        await runUntilKilled(store, storage, failAt(step, nth, new Error('killed')))
        const ingest = await startIngest({ eventLog: new MemoryLog({ storage }), store, keys })
        await ingest.caughtUp
        await until(() => allRead(store, storage))
        await checkWhole(store, storage)
        await ingest.stop()
        await store.close()
      })

  it('is no alarm to a second one that has the same batches at once', async () => {
    const store = await stores.open()
    const { storage } = threeBatches()
    const both = await Promise.all([1, 2].map(() => startIngest({ eventLog: new MemoryLog({ storage }), store, keys })))
    await Promise.all(both.map((ingest) => ingest.caughtUp))
    await until(async () => (await distinctRows(store)) === storage.records('events').length)
    const report = await verifyLedger({ store, log: TEST_LOG, trust: keys.trust })
    assert.deepEqual(report.violations, [])
    await Promise.all(both.map((ingest) => ingest.stop()))
    await store.close()
  })
})

describe('ingest whose store fails', () => {
  for (const step of STEPS.slice(0, 2))
    it(`repeats the same rows until they are there, when the store fails at ${step}`, async () => {
      const store = await stores.open()
      const { storage } = threeBatches()
      const fault = failAt(step, 2, new ToolwardenError('STORE_UNAVAILABLE', 'as the test wants', { retriable: true }))
      const ingest = await startIngest({ eventLog: new MemoryLog({ storage }), store, keys }, { fault })
      await ingest.caughtUp
      await until(() => allRead(store, storage))
      await checkWhole(store, storage)
      assert.equal(ingest.status.waitingFor, undefined)
      await ingest.stop()
      await store.close()
    })

  it('says what it waits for meanwhile, and ends when it is told to', async () => {
    const store = await stores.open()
    const { storage } = threeBatches()
    const fault = (): never => {
      throw new ToolwardenError('STORE_UNAVAILABLE', 'away', { retriable: true })
    }
    const ingest = await startIngest({ eventLog: new MemoryLog({ storage }), store, keys }, { fault })
    await until(() => ingest.status.waitingFor?.message === 'away')
    await ingest.stop()
    assert.equal(await store.findNewestMicros(), 0)
    await store.close()
  })
})

describe('ingest that takes a partition up', () => {
  it('reports rows that do not match what the ledger said of them', async () => {
    const database = stores.newDatabase()
    const store = await stores.open(database)
    const { storage } = threeBatches()
    const first = await startIngest({ eventLog: new MemoryLog({ storage }), store, keys })
    await first.caughtUp
    await first.stop()
    await stores.run(
      `ALTER TABLE ${database}.events DELETE WHERE writer = 'gateway/files' AND sequence = 18 SETTINGS mutations_sync = 2`,
    )
    const ingest = await startIngest({ eventLog: new MemoryLog({ storage }), store, keys })
    await ingest.caughtUp
    assert.match(ingest.status.problems[0]?.text ?? '', /the ledger stored offsets .* and said so/)
    await ingest.stop()
    await store.close()
  })
})

async function runUntilKilled(store: LedgerStore, storage: MemoryStorage, fault: IngestFault): Promise<void> {
  const eventLog = new MemoryLog({ storage })
  let ingest: Ingest | undefined
  await new Promise<void>((resolve, reject) => {
    const options = { fault, batchRecords: 6, onStopped: () => resolve() }
    startIngest({ eventLog, store, keys }, options).then((started) => {
      ingest = started
    }, reject)
  })
  await ingest?.stop()
  await eventLog.close()
}

async function distinctRows(store: LedgerStore): Promise<number> {
  const [row] = await store.select<{ rows: number }>(
    "SELECT uniqExact(partition, offset) AS rows FROM events WHERE topic = 'events'",
  )
  return row?.rows ?? 0
}
