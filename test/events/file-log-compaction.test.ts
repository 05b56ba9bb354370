// The compacted topic in files: the newest record of each key outlives shortening, restarts and failures.
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import fc from 'fast-check'
import type { FileLog } from '../../events/file-log.ts'
import type { StoredRecord } from '../../events/log.ts'
import { text } from '../support/event-log-bench.ts'
import { appendValues, FileLogBench, systemError } from '../support/file-log-bench.ts'

const RUN = 'detectors/main/run-'

describe('a compacted topic', () => {
  let bench: FileLogBench
  beforeEach(async () => {
    bench = await FileLogBench.create()
  })
  afterEach(async () => bench.remove())

  it('keeps the newest record of each key, when it is shortened, and offsets grow on', async () => {
    const log = bench.open({ compactBytes: 300 })
    const following = await followLatest(log)
    for (let revision = 0; revision < 40; revision += 1) await put(log, 1, `rule/${revision % 3}`, `${revision}`)
    assert.deepEqual(await state(bench), { 'rule/0': '39', 'rule/1': '37', 'rule/2': '38' })
    assert.equal((await put(log, 1, 'rule/0', 'last'))[0]?.offset, 40)
    await following.until((records) => records.at(-1) === 'last')
    assert.deepEqual(following.values, [...Array.from({ length: 40 }, (_, index) => `${index}`), 'last'])
    assert.equal((await readdir(join(bench.root, 'control', `${RUN}1`))).length, 1)
  })

  it('is not shortened again and again, when what it keeps is large', async () => {
    let opened = 0
    const fault = (step: string) => {
      if (step === 'open') opened += 1
    }
    const log = bench.open({ compactBytes: 300, fault })
    for (let index = 0; index < 50; index += 1) await put(log, 1, `rule/${index}`, 'kept')
    assert.ok(opened < 16, `${opened} files`)
    assert.equal(Object.keys(await state(bench)).length, 50)
  })

  it('takes a stop on the old segment, when there is no room to shorten', async () => {
    let failing = false
    const fault = (step: string) => {
      if (failing && step === 'open') throw systemError('ENOSPC')
    }
    const log = bench.open({ compactBytes: 200, fault })
    for (const revision of ['1', '2', '3', '4']) await put(log, 1, 'switch/all', revision)
    failing = true
    for (const revision of ['5', '6', '7']) await put(log, 1, 'switch/all', revision)
    assert.deepEqual(await state(bench), { 'switch/all': '7' })
  })

  it('hands the state on to the next run of the same writer, whose directory alone remains', async () => {
    const first = bench.open()
    for (const [key, value] of [
      ['rule/a', '1'],
      ['rule/b', '1'],
      ['rule/a', '2'],
    ] as const)
      await put(first, 1, key, value)
    const second = bench.open({ now: () => 1 })
    const [position] = await put(second, 2, 'rule/b', '2')
    assert.equal(position?.offset, 5)
    await second.close()
    assert.deepEqual(await readdir(join(bench.root, 'control/detectors/main')), ['run-2'])
    assert.deepEqual(await state(bench), { 'rule/a': '2', 'rule/b': '2' })
  })

  it('tells a follower nothing twice, when a new run takes over', async () => {
    const first = bench.open()
    await put(first, 1, 'rule/a', '1')
    const following = await followLatest(bench.open())
    const second = bench.open()
    await put(second, 2, 'rule/b', '1')
    await following.until((records) => records.length === 2)
    await put(second, 2, 'rule/a', '2')
    await following.until((records) => records.length === 3)
    assert.deepEqual(following.values, ['1', '1', '2'])
  })

  it('leaves the runs of other writers alone', async () => {
    await put(bench.open(), 1, 'rule/a', '1')
    const other = bench.open()
    await appendValues(other, ['1'], { topic: 'control', chain: 'detectors/main2/run-1', key: 'rule/b' })
    await other.close()
    assert.deepEqual(await state(bench), { 'rule/a': '1', 'rule/b': '1' })
  })

  it('keeps what a map would keep, whatever runs and revisions there were', async () => {
    const steps = fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), restart: fc.boolean() }), { maxLength: 30 })
    await fc.assert(fc.asyncProperty(steps, keepsNewest), { numRuns: 20, seed: 3 })
  })
})

async function keepsNewest(steps: readonly { key: string; restart: boolean }[]): Promise<void> {
  const bench = await FileLogBench.create()
  const expected: Record<string, string> = {}
  let run = 1
  let log = bench.open({ durability: 'process', compactBytes: 150 })
  for (const [index, { key, restart }] of steps.entries()) {
    if (restart) {
      run += 1
      log = bench.open({ durability: 'process', compactBytes: 150 })
    }
    await put(log, run, key, `${index}`)
    expected[key] = `${index}`
  }
  assert.deepEqual(await state(bench), expected)
  await bench.remove()
}

async function put(log: FileLog, run: number, key: string, value: string) {
  return appendValues(log, [value], { topic: 'control', chain: `${RUN}${run}`, key })
}

async function state(bench: FileLogBench): Promise<Record<string, string>> {
  const reader = bench.open()
  const found: Record<string, string> = {}
  const subscription = await reader.latest('control', (record) => {
    assert.equal(found[record.key], undefined)
    found[record.key] = text(record)
  })
  await subscription.caughtUp
  await subscription.stop()
  return found
}

interface Following {
  readonly values: string[]
  until(condition: (values: readonly string[]) => boolean): Promise<void>
}

async function followLatest(log: FileLog): Promise<Following> {
  const values: string[] = []
  let check: () => void = () => undefined
  const subscription = await log.latest('control', (record: StoredRecord) => {
    values.push(text(record))
    check()
  })
  await subscription.caughtUp
  const until = (condition: (values: readonly string[]) => boolean) =>
    new Promise<void>((resolve) => {
      check = () => condition(values) && resolve()
      check()
    })
  return { values, until }
}
