// Each write of ingest to a ClickHouse server × failed, failed but persisted, crashed after; and each of its appends to the log.
// Afterwards what the log acknowledged is stored, and stored is a leaf: each once.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { hashBody } from '../../events/chain.ts'
import { systemClock } from '../../events/time.ts'
import { openLedgerStore } from '../../ledger/clickhouse-store.ts'
import { readLogVerifierKey } from '../../ledger/log-key.ts'
import { Sequencer, sequencerDirectories } from '../../ledger/sequencer.ts'
import type { LedgerStore } from '../../ledger/store.ts'
import type { IngestFault } from '../../ledger/store-writer.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import { type ClickHouseHttp, startClickHouseHttp } from '../support/clickhouse-http.ts'
import {
  createTestKeys,
  createTestStores,
  startIngest,
  TEST_LOG,
  type TestStores,
  temporaryDirectory,
} from '../support/ledger-harness.ts'
import { type Fault, type FaultHook, MemoryLog, MemoryStorage } from '../support/memory-log.ts'
import { buildRun } from '../support/run-builder.ts'
import { until } from '../support/until.ts'

const USER = { user: 'ledger', password: 'secret' }
const NOISE = 'gateway/noise/01a20357-9080-7668-9f3b-62d57bfc4935'

let stores: TestStores
let http: ClickHouseHttp
before(async () => {
  stores = await createTestStores()
  http = await startClickHouseHttp({ directory: stores.directory, ...USER })
})
after(async () => {
  await http.close()
  await stores.close()
})

const keys = createTestKeys()
const directories: { remove(): void }[] = []
after(() => {
  for (const { remove } of directories) remove()
})

/** A run of calls with payloads, and a message that is quarantined: every table is written. */
function filledLog(): MemoryStorage {
  const storage = new MemoryStorage()
  const run = buildRun({ seed: 1, key: keys.gateway }, 4)
  storage.write('events', run.chain, run.records)
  storage.write('events', NOISE, [{ key: NOISE, value: Buffer.from('no event'), headers: {} }])
  return storage
}

/** Ingests what the log has; resolves when it is stored, or when ingest was ended by a fault. */
async function ingestAll(
  store: LedgerStore,
  storage: MemoryStorage,
  faults: { step?: IngestFault; log?: FaultHook } = {},
) {
  const eventLog = new MemoryLog({ storage, ...(faults.log === undefined ? {} : { fault: faults.log }) })
  const fault = faults.step === undefined ? {} : { fault: faults.step }
  const ingest = await startIngest({ eventLog, store, keys }, fault)
  // A log that takes nothing of the ledger's own is never caught up with.
  if (faults.log === undefined) await ingest.caughtUp.catch(() => undefined)
  else await until(() => ingest.status.messages > 0 && ingest.status.isCaughtUp)
  await ingest.stop()
  await eventLog.close()
}

/** Everything acknowledged is a row, once, and what of it can be is a leaf, once; own events are in the log too. */
async function expectWhole(store: LedgerStore, storage: MemoryStorage): Promise<void> {
  const logged = storage.records('events').map(({ position: { partition, offset } }) => `${partition}/${offset}`)
  const rows = await store.select<{ place: string; hash: string; topic: string }>(
    "SELECT concat(partition, '/', toString(offset)) AS place, hash, topic FROM events",
  )
  const places = rows.filter(({ topic }) => topic === 'events').map(({ place }) => place)
  assert.deepEqual(places.toSorted(), logged.filter((place) => places.includes(place)).toSorted())
  assert.deepEqual(
    logged.filter((place) => !place.startsWith('ledger/') && !places.includes(place)),
    [],
  )
  const published = new Set(storage.records('events').map(({ value }) => hashBody(value)))
  assert.deepEqual(
    rows.filter(({ topic, hash }) => topic === 'own' && !published.has(hash)),
    [],
  )
  await expectLeaves(store)
}

async function expectLeaves(store: LedgerStore): Promise<void> {
  const data = temporaryDirectory()
  directories.push(data)
  const places = sequencerDirectories(data.path)
  const sequencer = await Sequencer.open({
    store,
    clock: systemClock(),
    log: TEST_LOG,
    keyDirectory: data.path,
    ...places,
  })
  await sequencer.sequence()
  await sequencer.stop()
  const logKey = await readLogVerifierKey(data.path)
  assert.ok(logKey)
  const tree = { directory: places.treeDirectory, logKey }
  const { violations, counts } = await verifyLedger({ store, log: TEST_LOG, trust: keys.trust, tree })
  assert.deepEqual(violations, [])
  const [wanted] = await store.select<{ hashes: number }>(
    "SELECT uniqExact(hash) AS hashes FROM events WHERE outcome IN ('accepted', 'late')",
  )
  assert.equal(counts.leaves, wanted?.hashes)
  assert.equal(counts.quarantined, 1)
}

describe('a write of ingest to a ClickHouse server', () => {
  for (const table of ['payloads', 'quarantine', 'events'])
    for (const failure of ['failed', 'failed but persisted', 'crashed after'] as const)
      it(`${failure}: ${table}; afterwards all is stored and a leaf, once`, async () => {
        const store = await openLedgerStore({ url: http.url, ...USER, database: stores.newDatabase() }, TEST_LOG)
        const storage = filledLog()
        http.cutNext(`INSERT INTO ${table} `, failure === 'failed' ? 'before' : 'after')
        if (failure === 'crashed after') await ingestAll(store, storage, { step: killedAfterFirst() })
        await ingestAll(store, storage)
        await expectWhole(store, storage)
        await store.close()
      })
})

describe("an append of the ledger's own events", () => {
  for (const fault of ['unavailable', 'lost', 'written'] as const)
    for (const isCrash of [false, true])
      it(`that is ${fault}, ${isCrash ? 'before a crash' : 'and then goes on'}: all is stored and a leaf, once`, async () => {
        const store = await stores.open()
        const storage = filledLog()
        let isBroken = true
        const log = ({ options }: { options: { chain: string } }): Fault => {
          if (!isBroken || !options.chain.startsWith('ledger/')) return 'none'
          isBroken = isCrash
          return fault
        }
        await ingestAll(store, storage, { log })
        isBroken = false
        await ingestAll(store, storage)
        await expectWhole(store, storage)
        await store.close()
      })
})

/** Ends ingest at the first step after the write that failed. */
function killedAfterFirst(): IngestFault {
  let steps = 0
  return () => {
    if (++steps > 1) throw new Error('killed')
  }
}
