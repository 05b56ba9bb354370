// Retention of the embedded log: only what is stored, old enough and over goes, and subscribers are told.
import assert from 'node:assert/strict'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { FileLog } from '../../events/file-log.ts'
import { DEAD_AFTER_MS, expireSegments } from '../../events/file-log-retention.ts'
import { appendValues, CHAIN, FileLogBench } from '../support/file-log-bench.ts'

const HOUR_MS = 60 * 60 * 1000
const VALUES = ['0', '1', '2', '3', '4', '5', '6', '7']

describe('expireSegments', () => {
  let bench: FileLogBench
  let log: FileLog
  beforeEach(async () => {
    bench = await FileLogBench.create()
    // One record a segment.
    log = bench.open({ segmentBytes: 50 })
    for (const value of VALUES) await appendValues(log, [value])
  })
  afterEach(async () => bench.remove())

  it('removes what is stored and old, and tells who asks for it', async () => {
    assert.equal((await expire(5, HOUR_MS)).length, 5)
    const { values, missing } = await bench.readAll('events', 2)
    assert.deepEqual(values, ['5', '6', '7'])
    assert.deepEqual(missing, [{ topic: 'events', partition: CHAIN, from: 2, to: 4 }])
  })

  it('tells nobody who begins at what is left', async () => {
    await expire(5, HOUR_MS)
    for (const from of ['beginning', 5] as const) assert.deepEqual((await bench.readAll('events', from)).missing, [])
  })

  it('keeps what is not stored and what is not old enough', async () => {
    assert.deepEqual(await expire(0, HOUR_MS), [])
    assert.deepEqual(await expire(8, HOUR_MS / 4), [])
    assert.deepEqual((await bench.readAll()).values, VALUES)
  })

  it('keeps the segment that a running writer appends to', async () => {
    assert.equal((await expire(8, HOUR_MS)).length, 7)
    await appendValues(log, ['8'])
    assert.deepEqual((await bench.readAll()).values, ['7', '8'])
  })

  it('removes a sealed chain and its directory, when all of it is stored', async () => {
    await log.close()
    assert.equal((await expire(8, HOUR_MS)).length, 8)
    assert.deepEqual(await readdir(join(bench.root, 'events/gateway/files')), [])
  })

  it('removes the chain of a dead run only a day later, and a run that wakes up goes on', async () => {
    await expire(8, DEAD_AFTER_MS + HOUR_MS)
    await assert.rejects(stat(join(bench.root, 'events', CHAIN)), { code: 'ENOENT' })
    assert.equal((await appendValues(log, ['8']))[0]?.offset, 8)
    assert.deepEqual((await bench.readAll('events', 8)).values, ['8'])
  })

  it('refuses a compacted topic', async () => {
    const options = { isStored: async () => 0, minAgeMs: 0, now: 0 }
    await assert.rejects(expireSegments(bench.root, 'control', options), { code: 'USAGE' })
  })

  async function expire(firstUnstored: number, laterMs: number): Promise<readonly string[]> {
    return expireSegments(bench.root, 'events', {
      isStored: async () => firstUnstored,
      minAgeMs: HOUR_MS / 2,
      now: Date.now() + laterMs,
    })
  }
})
