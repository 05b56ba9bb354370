// Ingest over a log: every message one row, whatever it is; the ledger's own events in the same insert, then published.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { LogRecord } from '../../events/log.ts'
import { systemClock } from '../../events/time.ts'
import { MAX_QUARANTINE_KINDS } from '../../ledger/findings.ts'
import type { LedgerStore } from '../../ledger/store.ts'
import {
  appendAll,
  createTestKeys,
  createTestStores,
  openTestLog,
  startIngest,
  type TestStores,
  temporaryDirectory,
} from '../support/ledger-harness.ts'
import { type FaultHook, MemoryLog, MemoryStorage } from '../support/memory-log.ts'
import { buildRun, RunBuilder } from '../support/run-builder.ts'
import { until } from '../support/until.ts'

const keys = createTestKeys()
let stores: TestStores
before(async () => {
  stores = await createTestStores()
})
after(() => stores.close())

/** Runs one ingest over what is in a log until it stored and published all, and reads back its own events. */
async function ingestAll(store: LedgerStore, storage: MemoryStorage, fault?: FaultHook): Promise<void> {
  const eventLog = new MemoryLog(fault === undefined ? { storage } : { storage, fault })
  const ingest = await startIngest({ eventLog, store, keys })
  await ingest.caughtUp
  await until(async () => (await unseen(store)) === 0)
  await ingest.stop()
  await eventLog.close()
}

/** How many own events were stored and not read back from the log. */
async function unseen(store: LedgerStore): Promise<number> {
  const [row] = await store.select<{ unseen: number }>(
    `SELECT uniqExactIf(hash, topic = 'own') - uniqExactIf(hash, topic = 'events') AS unseen
     FROM events WHERE startsWith(writer, 'ledger/')`,
  )
  return row?.unseen ?? 0
}

async function outcomes(store: LedgerStore): Promise<{ readonly accepted?: number }> {
  const rows = await store.select<{ outcome: string; rows: number }>(
    `SELECT outcome, count() AS rows FROM events
     WHERE topic = 'events' AND NOT startsWith(writer, 'ledger/') GROUP BY outcome ORDER BY outcome`,
  )
  return Object.fromEntries(rows.map((row) => [row.outcome, row.rows]))
}

interface Statement {
  readonly type: string
  readonly chain?: string
  readonly from?: number
  readonly to?: number
  readonly events?: number
  readonly count?: number
  readonly bytes?: number
}

/** What the ledger said, its openings and farewells left out. */
async function statements(store: LedgerStore): Promise<readonly Statement[]> {
  const rows = await store.select<{ body: string }>(
    "SELECT body FROM events WHERE topic = 'own' AND startsWith(type, 'ledger/') ORDER BY instance, sequence",
  )
  return rows.map(({ body }) => JSON.parse(body) as Statement)
}

async function storageWith(chain: string, records: readonly LogRecord[]): Promise<MemoryStorage> {
  const storage = new MemoryStorage()
  storage.write('events', chain, records)
  return storage
}

describe('ingest of honest runs', () => {
  it('stores every message once and says so, and says nothing of what it reads back of itself', async () => {
    const store = await stores.open()
    const run = buildRun({ seed: 1, key: keys.gateway }, 20)
    const storage = await storageWith(run.chain, run.records)
    await ingestAll(store, storage)
    assert.deepEqual(await outcomes(store), { accepted: 62 })
    const said = (await statements(store)).map(({ type, from, to, events }) => [type, from, to, events])
    assert.deepEqual(said, [['ledger/ingested', 0, 61, 62]])
    await store.close()
  })

  it('goes on where the store ends, and publishes what an earlier run could not', async () => {
    const store = await stores.open()
    const run = buildRun({ seed: 1, key: keys.gateway }, 3)
    const storage = await storageWith(run.chain, run.records)
    await ingestAll(store, storage)
    storage.write('events', run.chain, run.call())
    await ingestAll(store, storage)
    await ingestAll(store, storage)
    assert.deepEqual(await outcomes(store), { accepted: 14 })
    assert.equal((await statements(store)).length, 2)
    const closes = storage.records('events').filter(({ value }) => Buffer.from(value).includes('writer/close'))
    assert.equal(closes.length, 2)
    await store.close()
  })

  it('shares one insert among the batches of many chains', async () => {
    const store = await stores.open()
    const storage = new MemoryStorage()
    const runs = Array.from({ length: 10 }, (_, seed) => buildRun({ seed, key: keys.gateway }, 2))
    for (const run of runs) storage.write('events', run.chain, run.records)
    await ingestAll(store, storage)
    assert.deepEqual(await outcomes(store), { accepted: 80 })
    await store.close()
  })

  it('does the same over files', async () => {
    const store = await stores.open()
    const directory = temporaryDirectory()
    const eventLog = openTestLog(directory.path)
    const run = buildRun({ seed: 1, key: keys.gateway }, 5)
    await appendAll(eventLog, run.records)
    const ingest = await startIngest({ eventLog, store, keys })
    await appendAll(eventLog, run.call())
    await until(async () => (await outcomes(store)).accepted === 20 && (await unseen(store)) === 0)
    await ingest.stop()
    const later = await startIngest({ eventLog, store, keys })
    await later.caughtUp
    await until(async () => (await unseen(store)) === 0)
    await later.stop()
    await eventLog.close()
    directory.remove()
    await store.close()
  })

  it('repeats its own events until the log takes them, whatever it answers', async () => {
    const store = await stores.open()
    const run = buildRun({ seed: 1, key: keys.gateway }, 3)
    const storage = await storageWith(run.chain, run.records)
    const answers = (['unavailable', 'lost', 'written', 'full'] as const).values()
    await ingestAll(store, storage, () => answers.next().value ?? 'none')
    const own = storage.records('events').filter(({ key }) => key.startsWith('ledger/'))
    assert.deepEqual(new Set(own.map(({ value }) => Buffer.from(value).toString())).size, 3)
    assert.equal((await statements(store)).length, 1)
    await store.close()
  })

  it('stops for good, and says why, when the log refuses for good', async () => {
    const store = await stores.open()
    const run = buildRun({ seed: 1, key: keys.gateway }, 1)
    const eventLog = new MemoryLog({ storage: await storageWith(run.chain, run.records), fault: () => 'defect' })
    const stopped = new Promise<unknown>((resolve) => {
      startIngest({ eventLog, store, keys }, { onStopped: resolve }).then((ingest) => ingest.caughtUp, resolve)
    })
    assert.match(String(await stopped), /can't be published/)
    assert.deepEqual(await outcomes(store), { accepted: 5 })
    await eventLog.close()
    await store.close()
  })

  it('stamps later batches later, also when the clock is set back', async () => {
    const store = await stores.open()
    const run = buildRun({ seed: 1, key: keys.gateway }, 1)
    const storage = await storageWith(run.chain, run.records)
    await ingestAll(store, storage)
    const earlier = await store.findNewestMicros()
    const clock = { ...systemClock(), nowMicros: () => earlier - 86_400_000_000 }
    storage.write('events', run.chain, run.call())
    const ingest = await startIngest({ eventLog: new MemoryLog({ storage }), store, keys, clock })
    await ingest.caughtUp
    assert.ok((await store.findNewestMicros()) > earlier)
    await ingest.stop()
    await store.close()
  })
})

describe('ingest of what is not honest', () => {
  async function ingestRecords(records: readonly LogRecord[], partition = 'gateway/files/p'): Promise<LedgerStore> {
    const store = await stores.open()
    await ingestAll(store, await storageWith(partition, records))
    return store
  }

  it('accepts after a gap, names the gap, and what fills it', async () => {
    const { records } = buildRun({ seed: 1, key: keys.gateway }, 3)
    const store = await ingestRecords([...records.slice(0, 4), ...records.slice(5), ...records.slice(4, 5)])
    assert.deepEqual(await outcomes(store), { accepted: 10, late: 1 })
    const said = (await statements(store)).map(({ type, from, to }) => [type, from, to])
    assert.deepEqual(said.slice(0, 2), [
      ['ledger/gap', 5, 5],
      ['ledger/gap-filled', 5, 5],
    ])
    await store.close()
  })

  it('keeps both sides of a fork, and names it once a chain', async () => {
    const run = buildRun({ seed: 1, key: keys.gateway }, 2)
    const clone = run.fork(2)
    clone.call({ tool: 'stolen' })
    const store = await ingestRecords([...run.records, ...clone.records])
    assert.deepEqual(await outcomes(store), { accepted: 8, fork: 3 })
    const [fork] = await statements(store)
    assert.deepEqual([fork?.type, fork?.chain, fork?.from, fork?.to], ['ledger/fork', run.chain, 3, 5])
    await store.close()
  })

  it('takes a repeated message for a duplicate', async () => {
    const run = buildRun({ seed: 1, key: keys.gateway }, 1)
    const store = await ingestRecords([...run.records, ...run.records])
    assert.deepEqual(await outcomes(store), { accepted: 5, duplicate: 5 })
    await store.close()
  })

  it('quarantines whatever a parser may choke on, with its bytes, and goes on', async () => {
    const run = buildRun({ seed: 1, key: keys.gateway }, 1)
    const bombs = [
      Buffer.from('['.repeat(20_000)),
      Buffer.from(`{"a":${'9'.repeat(50_000)}}`),
      Buffer.alloc(200_000, 0x20),
      Buffer.from([0xff, 0xfe, 0x00]),
      Buffer.from('{"__proto__":{"v":1},"v":1}'),
      Buffer.alloc(0),
    ]
    const forged = bombs.map((value, index) => ({ key: `${'😀'.repeat(300)}\ud800${index}`, value, headers: {} }))
    const store = await ingestRecords([...forged, ...run.records])
    assert.deepEqual(await outcomes(store), { accepted: 5, quarantined: 6 })
    const kept = await store.select<{ bytes: number; kept: number }>(
      'SELECT bytes, length(base64Decode(raw)) AS kept FROM quarantine ORDER BY offset',
    )
    assert.deepEqual(kept[2], { bytes: 200_000, kept: 65_536 })
    await store.close()
  })

  it('quarantines events of another ledger, of an unknown key, and with a borrowed signature', async () => {
    const stranger = buildRun({ seed: 2, key: createTestKeys().gateway }, 0)
    const foreign = buildRun({ seed: 3, key: keys.gateway, log: 'other' }, 0)
    const run = buildRun({ seed: 1, key: keys.gateway }, 1)
    const [open, session] = run.records
    const borrowed = open === undefined || session === undefined ? [] : [{ ...open, headers: session.headers }]
    const store = await ingestRecords([...stranger.records, ...foreign.records, ...borrowed, ...run.records])
    assert.deepEqual(await outcomes(store), { accepted: 5, quarantined: 5 })
    const said = (await statements(store)).filter(({ type }) => type === 'ledger/quarantined')
    assert.deepEqual(
      said.map(({ count }) => count),
      [2, 2, 1],
    )
    await store.close()
  })

  it('folds a flood into a few events, and keeps every row', async () => {
    const flood = Array.from({ length: 400 }, (_, index) => ({
      key: `k${index}`,
      value: Buffer.from([index]),
      headers: {},
    }))
    const store = await ingestRecords(flood)
    assert.deepEqual(await outcomes(store), { quarantined: 400 })
    const said = (await statements(store)).filter(({ type }) => type === 'ledger/quarantined')
    assert.ok(said.length <= MAX_QUARANTINE_KINDS + 1)
    assert.equal(
      said.reduce((sum, { count }) => sum + Number(count), 0),
      400,
    )
    await store.close()
  })

  it('keeps an honest event whose payload was exchanged on the way, and quarantines the payload', async () => {
    const run = new RunBuilder({ seed: 1, key: keys.gateway })
    run.open()
    const [propose, ...rest] = run.call()
    const altered =
      propose === undefined ? [] : [{ ...propose, headers: { ...propose.headers, payload: Buffer.alloc(40) } }]
    const store = await ingestRecords([...run.records.slice(0, 2), ...altered, ...rest])
    assert.deepEqual(await outcomes(store), { accepted: 5 })
    const [said] = await statements(store)
    assert.deepEqual([said?.type, said?.bytes], ['ledger/quarantined', 40])
    assert.deepEqual(await store.select('SELECT part FROM quarantine'), [{ part: 'payload' }, { part: 'signals' }])
    await store.close()
  })
})
