// Every step of an append to the embedded log, failed, failed though it took effect, and hung: what the caller is told,
// what a reader sees, and that the chain goes on without loss or double.
import assert from 'node:assert/strict'
import { chmod, rm, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { DiskReserve } from '../../events/file-log-disk-reserve.ts'
import type { FaultStep } from '../../events/file-log-segment.ts'
import { appendValues, CHAIN, FIRST_SEGMENT, FileLogBench, systemError } from '../support/file-log-bench.ts'
import { Gate } from '../support/gate.ts'

const HANG_DEADLINE_MS = 100

describe('an append whose disk fails', () => {
  let bench: FileLogBench
  beforeEach(async () => {
    bench = await FileLogBench.create()
  })
  afterEach(async () => bench.remove())

  // `synced` fails after the sync took effect: failed but persisted.
  const table: readonly { step: FaultStep; disk: string; code: string; seen: readonly string[] }[] = [
    { step: 'open', disk: 'ENOSPC', code: 'LOG_FULL', seen: [] },
    { step: 'open', disk: 'EROFS', code: 'LOG_UNAVAILABLE', seen: [] },
    { step: 'write', disk: 'ENOSPC', code: 'LOG_FULL', seen: [] },
    { step: 'write', disk: 'EDQUOT', code: 'LOG_FULL', seen: [] },
    { step: 'write', disk: 'EROFS', code: 'LOG_UNAVAILABLE', seen: [] },
    { step: 'write', disk: 'EIO', code: 'LOG_UNAVAILABLE', seen: [] },
    { step: 'sync', disk: 'EIO', code: 'LOG_IN_DOUBT', seen: ['new'] },
    { step: 'sync', disk: 'ENOSPC', code: 'LOG_IN_DOUBT', seen: ['new'] },
    { step: 'synced', disk: 'EIO', code: 'LOG_IN_DOUBT', seen: ['new'] },
  ]
  for (const { step, disk, code, seen } of table) {
    it(`is ${code} and goes on, when ${step} fails with ${disk}`, async () => {
      let failing = step === 'open'
      const log = bench.open({ fault: (at) => fail(failing && at === step, disk) })
      if (step !== 'open') await appendValues(log, ['old'])
      failing = true
      const before = step === 'open' ? [] : ['old']
      await assert.rejects(appendValues(log, ['new']), { code, retriable: true })
      assert.deepEqual((await bench.readAll()).values, [...before, ...seen])
      failing = false
      await appendValues(log, ['new'])
      await appendValues(log, ['last'])
      const { records, values } = await bench.readAll()
      assert.deepEqual(values, [...before, 'new', 'last'])
      assert.deepEqual(
        records.map((record) => record.position.offset),
        values.map((_, index) => index),
      )
    })
  }

  for (const step of ['open', 'write', 'sync', 'synced'] as const) {
    it(`ends at its deadline and goes on, when ${step} hangs`, async (context) => {
      context.mock.timers.enable({ apis: ['setTimeout'] })
      const gate = new Gate()
      gate.close()
      const log = bench.open({ fault: (at) => (at === step ? gate.pass() : undefined) })
      const code = step === 'open' ? 'LOG_UNAVAILABLE' : 'LOG_IN_DOUBT'
      for (let attempt = 0; attempt < 2; attempt++) {
        const hanging = assert.rejects(appendValues(log, ['new'], { deadlineMs: HANG_DEADLINE_MS }), { code })
        while (gate.arrivals === 0) await new Promise((resolve) => setImmediate(resolve))
        context.mock.timers.tick(HANG_DEADLINE_MS)
        await hanging
      }
      context.mock.timers.reset()
      gate.open()
      assert.equal((await appendValues(log, ['new']))[0]?.offset, 0)
      await appendValues(log, ['last'])
      assert.deepEqual((await bench.readAll()).values, ['new', 'last'])
    })
  }

  it('stays in doubt, when the repeat fails before it is written', async () => {
    let failing: FaultStep | undefined = 'sync'
    const log = bench.open({ fault: (at) => fail(at === failing, 'EIO') })
    await assert.rejects(appendValues(log, ['new']), { code: 'LOG_IN_DOUBT' })
    failing = 'open'
    await assert.rejects(appendValues(log, ['new']), { code: 'LOG_IN_DOUBT' })
    await assert.rejects(appendValues(log, ['other']), { code: 'INTERNAL' })
    failing = undefined
    await appendValues(log, ['new'])
    assert.deepEqual((await bench.readAll()).values, ['new'])
  })

  it('is written elsewhere, when its file was deleted meanwhile', async () => {
    let deleting = false
    const fault = async (step: FaultStep): Promise<void> => {
      // The file is open by now; one at rest would be missed before anything is written.
      if (deleting && step === 'write') await rm(join(bench.root, 'events'), { recursive: true })
      if (step === 'write') deleting = false
    }
    const log = bench.open({ fault })
    await appendValues(log, ['deleted'])
    deleting = true
    await assert.rejects(appendValues(log, ['kept']), { code: 'LOG_IN_DOUBT' })
    await appendValues(log, ['kept'])
    const { records, missing } = await bench.readAll('events', 0)
    assert.deepEqual([records.map((record) => record.position.offset), missing[0]?.to], [[1], 0])
  })

  it('is refused, when acknowledged bytes have vanished', async () => {
    let failing = false
    const log = bench.open({ fault: (at) => fail(failing && at === 'write', 'EIO') })
    await appendValues(log, ['acknowledged'])
    failing = true
    await assert.rejects(appendValues(log, ['new']), { code: 'LOG_UNAVAILABLE' })
    await truncate(join(bench.root, FIRST_SEGMENT), 10)
    failing = false
    await assert.rejects(appendValues(log, ['new']), { code: 'LOG_CORRUPT', message: /vanished/ })
  })
})

describe('the writer of a chain', () => {
  let bench: FileLogBench
  beforeEach(async () => {
    bench = await FileLogBench.create()
  })
  afterEach(async () => bench.remove())

  it('makes files and directories that only their owner can read', async () => {
    await appendValues(bench.open(), ['a'])
    const modes = await Promise.all(
      ['events', `events/${CHAIN}`, FIRST_SEGMENT].map(
        async (path) => (await stat(join(bench.root, path))).mode & 0o777,
      ),
    )
    assert.deepEqual(modes, [0o700, 0o700, 0o600])
  })

  it('takes one append at a time', async () => {
    const log = bench.open()
    const first = appendValues(log, ['a'])
    await assert.rejects(appendValues(log, ['b']), { code: 'INTERNAL' })
    await first
  })

  it('never goes on with the chain of another run', async () => {
    await appendValues(bench.open(), ['a'])
    await assert.rejects(appendValues(bench.open(), ['b']), { code: 'INTERNAL', fix: /new instance/ })
  })

  for (const chain of [
    '../../etc/x',
    'a/b',
    'a/b/c/d',
    'a/../b',
    'a//b',
    'a/b/c\0',
    '/a/b',
    `a/b/${'c'.repeat(200)}`,
  ]) {
    it(`refuses the chain name ${JSON.stringify(chain).slice(0, 20)}`, async () => {
      await assert.rejects(appendValues(bench.open(), ['a'], { chain }), { code: 'USAGE' })
    })
  }

  it('begins a new segment when one is full, and readers do not notice', async () => {
    const log = bench.open({ segmentBytes: 200 })
    const values = Array.from({ length: 20 }, (_, index) => `value ${index}`)
    for (const value of values) await appendValues(log, [value])
    assert.deepEqual((await bench.readAll()).values, values)
    assert.deepEqual((await bench.readAll('events', 13)).values, values.slice(13))
    await assert.rejects(stat(join(bench.root, `events/${CHAIN}/00000000000000000001.log`)), { code: 'ENOENT' })
  })

  it('keeps the log time from going back, when the clock does', async () => {
    let nowMs = 2_000
    const log = bench.open({ now: () => nowMs })
    await appendValues(log, ['a'])
    nowMs = 1_000
    await appendValues(log, ['b'])
    assert.deepEqual(
      (await bench.readAll()).records.map((record) => record.timeMs),
      [2_000, 2_000],
    )
  })

  it('refuses everything after close, and says so', async () => {
    const log = bench.open()
    await log.close()
    await assert.rejects(appendValues(log, ['a']), { code: 'LOG_UNAVAILABLE', message: /closed/ })
  })
})

describe('the reserve of free disk', () => {
  it('refuses what would eat into it and lets the rest pass', async () => {
    const bench = await FileLogBench.create()
    const reserve = new DiskReserve(bench.root, 1)
    await reserve.check(1_000)
    await assert.rejects(reserve.check(Number.MAX_SAFE_INTEGER), { code: 'LOG_FULL', retriable: true, fix: /df / })
    await bench.remove()
  })

  it('makes the directory it is asked about', async () => {
    const bench = await FileLogBench.create()
    await new DiskReserve(join(bench.root, 'new'), 1).check(1)
    await chmod(join(bench.root, 'new'), 0o700)
    await bench.remove()
  })
})

function fail(now: boolean, code: string): void {
  if (now) throw systemError(code)
}
