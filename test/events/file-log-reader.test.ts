// Readers of the embedded log before torn, growing, damaged and shortened files: nothing is skipped in silence.
import assert from 'node:assert/strict'
import { appendFile, mkdir, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { FileLog } from '../../events/file-log.ts'
import { encodeFrame } from '../../events/file-log-frame.ts'
import type { StoredRecord } from '../../events/log.ts'
import { text } from '../support/event-log-bench.ts'
import { appendValues, CHAIN, FIRST_SEGMENT, FileLogBench } from '../support/file-log-bench.ts'

describe('a reader of the embedded log', () => {
  let bench: FileLogBench
  let segment: string
  beforeEach(async () => {
    bench = await FileLogBench.create()
    segment = join(bench.root, FIRST_SEGMENT)
  })
  afterEach(async () => bench.remove())

  it('ignores a torn tail of any length', async () => {
    await appendEach(bench.open(), ['a', 'b', 'torn'])
    const whole = await readFile(segment)
    const two = wholeFrames(whole, 2)
    for (let length = two; length < whole.length; length += 1) {
      await truncate(segment, length)
      assert.deepEqual(await bench.readAll().then(({ values, missing }) => [values, missing]), [['a', 'b'], []])
      await writeFile(segment, whole)
    }
  })

  it('ignores a tail of zeros, as a power cut leaves it', async () => {
    await appendEach(bench.open(), ['a', 'b'])
    await appendFile(segment, Buffer.alloc(5_000))
    assert.deepEqual(await bench.readAll().then(({ values, missing }) => [values, missing]), [['a', 'b'], []])
  })

  it('takes a growing frame only when it is whole', async () => {
    const frame = encodeFrame(CHAIN, {
      kind: 'records',
      timeMs: 1,
      firstOffset: 0,
      records: [{ key: 'k', value: Buffer.from('grown'), headers: {} }],
    })
    await mkdir(dirname(segment), { recursive: true })
    const seen = await follow(bench)
    for (const byte of frame.subarray(0, -1)) await appendFile(segment, Buffer.of(byte))
    assert.equal(seen.records.length, 0)
    await appendFile(segment, frame.subarray(-1))
    await seen.until(1)
    assert.deepEqual(seen.records.map(text), ['grown'])
  })

  for (const [what, at] of [
    ['the magic', 0],
    ['the length', 4],
    ['the length, a little', 7],
    ['the check sum', 8],
    ['the payload', 40],
  ] as const) {
    it(`names the place and goes on after it, when ${what} is damaged in the middle`, async () => {
      await appendEach(bench.open(), ['a', 'damaged', 'c', 'd'])
      const byte = wholeFrames(await readFile(segment), 1)
      await flip(segment, byte + at)
      const { values, missing } = await bench.readAll()
      assert.deepEqual(values, ['a', 'c', 'd'])
      assert.deepEqual([missing.length, missing[0]?.from, missing[0]?.to], [1, 1, 1])
      assert.equal(missing[0]?.damage?.code, 'LOG_CORRUPT')
      assert.equal(missing[0].damage.where, `${segment}: byte ${byte}`)
    })
  }

  it('calls an unfinished end damage, when another segment follows', async () => {
    const log = bench.open({ segmentBytes: 150 })
    await appendEach(log, ['a', 'b', 'c', 'd', 'e', 'f'])
    const [, second] = await segments(segment)
    await truncate(segment, (await readFile(segment)).length - 1)
    const { values, missing } = await bench.readAll()
    assert.equal(missing[0]?.damage?.code, 'LOG_CORRUPT')
    assert.equal(missing[0].to, Number(second?.slice(0, 20)) - 1)
    assert.equal(values.length, 5)
  })

  it('stops at damage, when nobody asked to be told', async () => {
    await appendEach(bench.open(), ['a', 'b', 'c'])
    await flip(segment, 30)
    const error = await new Promise((resolve, reject) => {
      bench
        .open()
        .subscribe('events', { from: 'beginning', onStopped: resolve }, () => undefined)
        .catch(reject)
    })
    assert.equal(error instanceof Error && 'code' in error && error.code, 'LOG_CORRUPT')
  })

  it('reads the other chains, when one is damaged', async () => {
    const log = bench.open()
    await appendEach(log, ['a', 'b', 'c'])
    await appendValues(log, ['other'], { chain: 'gateway/other/run-1' })
    await flip(segment, 30)
    const { values } = await bench.readAll()
    assert.deepEqual([...values].sort(), ['b', 'c', 'other'])
  })

  it('reports a segment that somebody removed, and only that', async () => {
    await appendEach(bench.open({ segmentBytes: 100 }), ['a', 'b', 'c', 'd', 'e', 'f'])
    const names = await segments(segment)
    await rm(join(dirname(segment), names[1] ?? ''))
    const { values, missing } = await bench.readAll()
    const [from, to] = [Number(names[1]?.slice(0, 20)), Number(names[2]?.slice(0, 20)) - 1]
    assert.deepEqual(missing, [{ topic: 'events', partition: CHAIN, from, to }])
    assert.equal(values.length, 6 - (to - from + 1))
  })

  it('goes on with a chain that a closed log sealed only as far as it goes', async () => {
    const log = bench.open()
    const seen = await follow(bench)
    await appendEach(log, ['a'])
    await log.close()
    const next = bench.open()
    await appendValues(next, ['b'], { chain: 'gateway/files/run-2' })
    await seen.until(2)
    assert.deepEqual(seen.records.map(text), ['a', 'b'])
  })

  it('takes nothing that is not named like a chain for one', async () => {
    await appendEach(bench.open(), ['a'])
    await writeFile(join(bench.root, 'events', 'notes.txt'), 'x')
    await mkdir(join(bench.root, 'events', 'with space', 'x', 'y'), { recursive: true })
    await writeFile(join(dirname(segment), 'notes.log'), 'x')
    assert.deepEqual((await bench.readAll()).values, ['a'])
  })
})

interface Seen {
  readonly records: StoredRecord[]
  until(count: number): Promise<void>
}

async function follow(bench: FileLogBench): Promise<Seen> {
  const records: StoredRecord[] = []
  let check: () => void = () => undefined
  await bench.open().subscribe('events', { from: 'beginning' }, (batch) => {
    records.push(...batch)
    check()
  })
  const until = (count: number) =>
    new Promise<void>((resolve) => {
      check = () => records.length >= count && resolve()
      check()
    })
  return { records, until }
}

async function appendEach(log: FileLog, values: readonly string[]): Promise<void> {
  for (const value of values) await appendValues(log, [value])
}

/** How long the first `count` frames are. */
function wholeFrames(bytes: Buffer, count: number): number {
  let at = 0
  for (let index = 0; index < count; index += 1) at += 12 + bytes.readUInt32BE(at + 4)
  return at
}

async function flip(path: string, at: number): Promise<void> {
  const handle = await open(path, 'r+')
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, at)
  await handle.write(Buffer.of((buffer[0] ?? 0) ^ 0x20), 0, 1, at)
  await handle.close()
}

async function segments(path: string): Promise<string[]> {
  return (await readdir(dirname(path))).sort()
}
