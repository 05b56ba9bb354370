// What every event log has to do, whatever it is made of: the embedded files and Kafka run this one suite.
// Doubles are allowed only where an append was in doubt, and then only of the very same bytes.
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { ToolwardenError } from '../../events/errors.ts'
import type { StoredRecord } from '../../events/log.ts'
import {
  append,
  appendMany,
  appendUntilTaken,
  assertGrowing,
  Bench,
  DEADLINE_MS,
  type EventLogStorage,
  failAt,
  firstOfEachPartition,
  newChain,
  newestByKey,
  numbers,
  put,
  resumeAfter,
  text,
} from '../support/event-log-bench.ts'

/** How the suite reaches an adapter. */
export interface EventLogHarness {
  readonly name: string
  /** Why the adapter can't be tried here, if it can't. */
  readonly skip?: string
  /** How long the slowest step (a Kafka group join) may take. */
  readonly patienceMs: number
  before?(): Promise<void>
  after?(): Promise<void>
  createStorage(): Promise<EventLogStorage>
}

const FROZEN_DEADLINE_MS = 500

/** Runs the contract on one adapter. */
export function describeEventLog(harness: EventLogHarness): void {
  describe(`the event log contract on ${harness.name}`, { skip: harness.skip ?? false }, () => {
    let bench: Bench
    before(async () => harness.before?.())
    after(async () => harness.after?.())
    beforeEach(async () => {
      bench = new Bench(await harness.createStorage(), harness.patienceMs)
    })
    afterEach(async () => bench.remove())
    describeAppend(() => bench)
    describeResume(() => bench)
    describeLatest(() => bench)
    describeFrozen(() => bench)
  })
}

function describeAppend(bench: () => Bench): void {
  it('hands over appends in order, with growing offsets, when many are made one after another', async () => {
    const log = await bench().open()
    const reader = await bench().read(log)
    const chain = newChain()
    for (let index = 0; index < 50; index += 1) await append(log, chain, [`${index}`])
    await reader.until(() => reader.values(chain).length === 50)
    assert.deepEqual(reader.values(chain), numbers(0, 50))
    assertGrowing(reader.records)
  })

  it('answers the positions at which the records are then read', async () => {
    const log = await bench().open()
    const chain = newChain()
    const positions = await append(log, chain, ['a', 'b', 'c'])
    const reader = await bench().read(log)
    await reader.until(() => reader.values(chain).length === 3)
    assert.deepEqual(
      reader.records.map((record) => record.position),
      positions,
    )
  })

  it('shows one append as a whole and in order, when batches are large enough', async () => {
    const log = await bench().open()
    const reader = await bench().read(log)
    const chain = newChain()
    for (let round = 0; round < 20; round += 1) await append(log, chain, numbers(round * 5, round * 5 + 5))
    await reader.until(() => reader.values(chain).length === 100)
    assert.deepEqual(reader.values(chain), numbers(0, 100))
    for (const batch of reader.batches) assert.equal(batch.length % 5, 0)
  })

  it('keeps each chain in order, when several write at the same time', async () => {
    const log = await bench().open()
    const reader = await bench().read(log)
    const chains = [newChain(), newChain(), newChain(), newChain()]
    await Promise.all(chains.map((chain) => appendMany(log, chain, 25)))
    await reader.until(() => reader.records.length === 100)
    for (const chain of chains) assert.deepEqual(reader.values(chain), numbers(0, 25))
    for (const batch of reader.batches) assert.equal(new Set(batch.map((record) => record.position.partition)).size, 1)
  })

  it('gives two subscribers everything', async () => {
    const log = await bench().open()
    const other = await bench().open()
    const readers = [await bench().read(log), await bench().read(other)]
    const chain = newChain()
    await appendMany(log, chain, 10)
    for (const reader of readers) {
      await reader.until(() => reader.values(chain).length === 10)
      assert.deepEqual(reader.values(chain), numbers(0, 10))
    }
  })

  it('hands over a single event within a second after silence', async () => {
    const log = await bench().open()
    const reader = await bench().read(await bench().open())
    const chain = newChain()
    await append(log, chain, ['first'])
    await reader.until(() => reader.records.length === 1)
    // Silence is the condition under test here, not a way to wait for something.
    await delay(1_200)
    const appendedMs = performance.now()
    await append(log, chain, ['second'])
    await reader.until(() => reader.records.length === 2)
    assert.ok(performance.now() - appendedMs < 1_000)
  })

  it('keeps every byte of key, value and headers, at their largest', async () => {
    const log = await bench().open()
    const chain = newChain()
    const value = Buffer.alloc(65_535, 'v')
    const headers = {
      payload: Buffer.alloc(256 * 1024, 0xfe),
      hash: Uint8Array.from({ length: 256 }, (_, index) => index),
      empty: Buffer.alloc(0),
    }
    await log.append('events', [{ key: chain, value, headers }], { deadlineMs: DEADLINE_MS, chain })
    const reader = await bench().read(log)
    await reader.until(() => reader.records.length === 1)
    const [record] = reader.records
    assert.equal(record?.key, chain)
    assert.ok(value.equals(record.value))
    for (const [name, bytes] of Object.entries(headers))
      assert.deepEqual(Buffer.from(record.headers[name] ?? 'absent'), Buffer.from(bytes))
  })

  it('refuses an append that is too large, and goes on', async () => {
    const log = await bench().open()
    const chain = newChain()
    const record = { key: chain, value: Buffer.alloc(901 * 1024), headers: {} }
    const refused = log.append('events', [record], { deadlineMs: DEADLINE_MS, chain })
    await assert.rejects(refused, (error) => error instanceof ToolwardenError && error.code === 'RECORD_TOO_LARGE')
    await append(log, chain, ['after'])
    const reader = await bench().read(log)
    await reader.until(() => reader.records.length === 1)
    assert.deepEqual(reader.values(chain), ['after'])
  })

  it('takes an append of almost the largest size', async () => {
    const log = await bench().open()
    const chain = newChain()
    const record = { key: chain, value: Buffer.alloc(65_535), headers: { payload: Buffer.alloc(64 * 1024) } }
    await log.append(
      'events',
      Array.from({ length: 7 }, () => record),
      { deadlineMs: DEADLINE_MS, chain },
    )
    const reader = await bench().read(log)
    await reader.until(() => reader.records.length === 7)
  })
}

function describeResume(bench: () => Bench): void {
  it('goes on at an offset after a restart, without loss or double', async () => {
    const first = await bench().open()
    const chains = [newChain(), newChain()]
    for (const chain of chains) await appendMany(first, chain, 10)
    const before = await bench().read(first)
    await before.until(() => before.records.length === 20)
    await first.close()
    const second = await bench().open()
    // Two chains may share a partition, so what was handled is the beginning of each partition.
    const handled = firstOfEachPartition(before.records, 4)
    const resumed = await bench().read(second, { from: resumeAfter(handled) })
    await resumed.until(() => resumed.records.length === 20 - handled.length)
    const late = newChain()
    await appendMany(second, late, 3)
    await resumed.until(() => resumed.values(late).length === 3)
    const all = [...handled, ...resumed.records]
    for (const chain of chains) assert.deepEqual(all.filter((record) => record.key === chain).map(text), numbers(0, 10))
    assert.equal(all.length, 23)
  })

  it('skips what stood there, when subscribed from the end, and nothing that came after', async () => {
    const log = await bench().open()
    const chain = newChain()
    await append(log, chain, ['old'])
    const reader = await bench().read(log, { from: 'end' })
    await reader.subscription.caughtUp
    const fresh = newChain()
    await append(log, chain, ['new'])
    await append(log, fresh, ['newer'])
    await reader.until(() => reader.records.length === 2)
    assert.deepEqual([reader.values(chain), reader.values(fresh)], [['new'], ['newer']])
  })

  it('has caught up only when all that stood there was handed over, and at once when that is nothing', async () => {
    const log = await bench().open()
    const empty = await bench().read(log)
    await empty.subscription.caughtUp
    const chain = newChain()
    await appendMany(log, chain, 30)
    const reader = await bench().read(log, { maxBatchRecords: 7 })
    await reader.subscription.caughtUp
    assert.deepEqual(reader.values(chain), numbers(0, 30))
    for (const batch of reader.batches) assert.ok(batch.length <= 7)
  })

  it('stops when a batch throws, and hands the same records to the next subscription', async () => {
    const log = await bench().open()
    const chain = newChain()
    await appendMany(log, chain, 6)
    const handled: StoredRecord[] = []
    const failed = await failAt(log, '3', handled)
    assert.match(String(failed), /refused by the test/)
    const reader = await bench().read(log, { from: resumeAfter(handled) })
    await reader.until(() => reader.values(chain).length === 6 - handled.length)
    assert.deepEqual([...handled.map(text), ...reader.values(chain)], numbers(0, 6))
  })
}

function describeLatest(bench: () => Bench): void {
  it('has caught up on an empty topic, and then follows', async () => {
    const log = await bench().open()
    const reader = await bench().latest(log)
    await reader.subscription.caughtUp
    assert.equal(reader.records.length, 0)
    await put(log, newChain(), 'switch/all', 'stopped')
    await reader.until(() => reader.records.length === 1)
  })

  it('gives the newest record of each key, and then every newer one', async () => {
    const log = await bench().open()
    const [one, two] = [newChain(), newChain()]
    for (const revision of ['1', '2', '3']) await put(log, one, 'rule/a', revision)
    await put(log, two, 'rule/b', '1')
    const reader = await bench().latest(await bench().open())
    await reader.subscription.caughtUp
    assert.deepEqual(newestByKey(reader.records), { 'rule/a': '3', 'rule/b': '1' })
    await put(log, one, 'rule/a', '4')
    await put(log, two, 'rule/c', '1')
    await reader.until(
      () => newestByKey(reader.records)['rule/a'] === '4' && newestByKey(reader.records)['rule/c'] === '1',
    )
    const last = reader.records.filter((record) => record.key === 'rule/a').map(text)
    assert.deepEqual(last.slice(-2), ['3', '4'])
  })
}

function describeFrozen(bench: () => Bench): void {
  it('has every acknowledged append, when it froze in the middle of one and thawed', async (context) => {
    const { freeze, thaw } = bench().storage
    if (freeze === undefined || thaw === undefined) return context.skip('this adapter can not be frozen here')
    const log = await bench().open()
    const reader = await bench().read(log)
    const chain = newChain()
    await append(log, chain, ['before'])
    await freeze()
    const startedMs = performance.now()
    const error = await append(log, chain, ['doubtful'], FROZEN_DEADLINE_MS).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    assert.ok(performance.now() - startedMs < FROZEN_DEADLINE_MS * 4)
    assert.ok(error instanceof ToolwardenError && error.retriable, String(error))
    await thaw()
    await appendUntilTaken(log, chain, 'doubtful')
    await append(log, chain, ['after'])
    await reader.until(() => reader.values(chain).includes('after'))
    assert.deepEqual([...new Set(reader.values(chain))], ['before', 'doubtful', 'after'])
  })
}
