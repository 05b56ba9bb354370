// Several processes on one embedded log: killed ones leave no half append behind and the others unharmed; a full disk.
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { FileLog } from '../../events/file-log.ts'
import { appendValues, FileLogBench } from '../support/file-log-bench.ts'

const CHILD = join(import.meta.dirname, '../support/file-log-child.js')
const KILLED = 'gateway/killed/run-1'
const STEADY = 'gateway/steady/run-1'

describe('processes on one log', () => {
  for (const acknowledged of [1, 20, 50]) {
    it(`keep what was acknowledged and no half append, when one is killed after ${acknowledged}`, async () => {
      const bench = await FileLogBench.create()
      const steady = start(bench.root, STEADY, 60)
      const steadyEnd = once(steady, 'exit')
      const killed = start(bench.root, KILLED, 1_000_000)
      const last = await killAfter(killed, acknowledged)
      await steadyEnd
      const { records, missing } = await bench.readAll()
      const values = (chain: string) =>
        records.filter((record) => record.key === chain).map((record) => String(record.value).trim())
      assert.deepEqual(values(STEADY), pairs(60))
      assert.deepEqual(values(KILLED), pairs(values(KILLED).length / 2))
      assert.ok(values(KILLED).length / 2 > last)
      assert.deepEqual(missing, [])
      await bench.remove()
    })
  }

  it('can make the same new root at the same time', async () => {
    const bench = await FileLogBench.create()
    const root = join(bench.root, 'not', 'yet', 'there')
    const chains = ['gateway/a/1', 'gateway/a/2', 'gateway/b/1']
    const exits = await Promise.all(chains.map(async (chain) => once(start(root, chain, 5), 'exit')))
    assert.deepEqual(
      exits,
      chains.map(() => [0, null]),
    )
    const { records } = await new FileLogBench(root).readAll()
    assert.equal(records.length, 30)
    await bench.remove()
  })
})

describe('a full disk', () => {
  it('refuses calls while receipts still fit, then refuses those too, and goes on when there is room', async (context) => {
    const root = mountSmallDisk(context)
    if (root === undefined) return
    const log = new FileLog({ root })
    const value = 'x'.repeat(60_000)
    const call = () => appendValues(log, [value], { mayUseReserve: false })
    const receipt = () => appendValues(log, [value])
    const calls = await countUntilFull(call)
    const receipts = await countUntilFull(receipt)
    assert.ok(calls > 40 && receipts >= 3, `${calls} calls, ${receipts} receipts`)
    const bench = new FileLogBench(root)
    assert.equal((await bench.readAll()).records.length, calls + receipts)
    execFileSync('mount', ['-o', 'remount,size=8m', root])
    await receipt()
    assert.equal((await bench.readAll()).records.length, calls + receipts + 1)
    await log.close()
  })
})

function start(root: string, chain: string, count: number): ChildProcess {
  return spawn(process.execPath, [CHILD, root, chain, String(count)], { stdio: ['ignore', 'pipe', 'inherit'] })
}

/** Kills the process once it has acknowledged that many appends; resolves to the last number it acknowledged. */
async function killAfter(child: ChildProcess, acknowledged: number): Promise<number> {
  let printed = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    printed += chunk.toString()
    if (printed.split('\n').length > acknowledged) child.kill('SIGKILL')
  })
  await once(child, 'close')
  return Number(printed.trimEnd().split('\n').at(-1))
}

function pairs(count: number): string[] {
  return Array.from({ length: count }, (_, index) => [`${index}a`, `${index}b`]).flat()
}

async function countUntilFull(append: () => Promise<unknown>): Promise<number> {
  for (let count = 0; ; count += 1) {
    const error = await append().then(
      () => undefined,
      (reason: unknown) => reason,
    )
    if (error === undefined) continue
    assert.ok(error instanceof Error && 'code' in error && error.code === 'LOG_FULL', String(error))
    return count
  }
}

/** A tmpfs of 4 MiB, where this user may mount one. */
function mountSmallDisk(context: TestContext): string | undefined {
  const root = mkdtempSync(join(tmpdir(), 'toolwarden-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', root], { stdio: 'ignore' })
  } catch {
    rmSync(root, { recursive: true })
    context.skip('needs the right to mount a small file system')
    return undefined
  }
  context.after(() => {
    execFileSync('umount', ['--lazy', root])
    rmSync(root, { recursive: true })
  })
  return root
}
