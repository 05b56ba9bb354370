// What a killed run of a gateway leaves, and what the next run makes of it: spooled receipts in the log as they were signed,
// the rest closed as ambiguous by a run of the same writer, and nothing that nobody signed.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { FileLog } from '../../events/file-log.ts'
import { Spool } from '../../events/spool.ts'
import { Trust } from '../../events/trust.ts'
import type { OpenCall } from '../../gateway/call-gate.ts'
import { closeDeadRuns } from '../../gateway/close-dead-runs.ts'
import { withCode } from '../support/errors.ts'
import { GateBench, requestOf } from '../support/gate-bench.ts'
import { temporaryDirectory } from '../support/ledger-harness.ts'
import type { Fault } from '../support/memory-log.ts'
import { until } from '../support/until.ts'
import { policyOf } from './policy/support.ts'

const directory = temporaryDirectory()
after(() => directory.remove())
const policy = policyOf({ action: 'allow' })
const WRITER = 'gateway/files'
let roots = 0

interface Stage {
  readonly root: string
  readonly bench: GateBench
  readonly call: OpenCall
  /** What goes wrong with appends of the run from now on. */
  log: Fault
}

/** A run with one call that was forwarded. */
async function startCall(): Promise<Stage> {
  const root = join(directory.path, String(++roots))
  const faults: { log: Fault } = { log: 'none' }
  const spool = new Spool({ root, writer: WRITER })
  const bench = new GateBench({ policy, spool, fault: () => faults.log })
  await spool.begin(bench.chainWriter.instance)
  const admission = await bench.gate.admit(requestOf())
  assert.ok(admission.type === 'forward')
  // Where the run begins in the log is noted beside what it does: nothing of it is written after this.
  const note = join(root, bench.chainWriter.chain, 'run.json')
  await until(() => readFileSync(note, 'utf8').includes('"start"'))
  return Object.assign(faults, { root, bench, call: admission.call })
}

/** The process is killed: its lock is that of a process that is gone. */
function kill({ root, bench }: Stage): void {
  rmSync(join(root, bench.chainWriter.chain, 'toolwarden.lock'))
}

interface NextRun {
  readonly bench: GateBench
  readonly closed: number
  readonly refused: readonly string[]
}

/** The next run of the same writer finds what is left. */
async function startNext({ root, bench }: Stage, fault: () => Fault = () => 'none'): Promise<NextRun> {
  const next = new GateBench({ policy, storage: bench.storage, key: bench.key, fault })
  const refused: string[] = []
  try {
    const closed = await closeDeadRuns({
      ...{ spoolRoot: root, writer: WRITER, eventLog: next.eventLog, log: 'test' },
      trust: new Trust([{ writer: WRITER, key: bench.key.publicKey.toString('base64url') }]),
      append: (entries) => next.chainWriter.append(entries, { patient: true }),
      refused: (_, reason) => refused.push(reason),
      signal: new AbortController().signal,
    })
    return { bench: next, closed, refused }
  } finally {
    await next.chainWriter.close()
  }
}

async function end(stage: Stage): Promise<void> {
  stage.log = 'none'
  await stage.bench.chainWriter.close()
}

describe('a run that was killed', () => {
  it('between forwarding and outcome: its call is closed as ambiguous by the next run, once', async () => {
    const stage = await startCall()
    kill(stage)
    const { bench, closed } = await startNext(stage)
    const [receipt] = bench.eventsOf('authorization/receipt')
    assert.deepEqual([closed, receipt?.status, receipt?.parent], [1, 'ambiguous', stage.call.decideHash])
    assert.deepEqual([receipt?.writer, receipt?.instance], [WRITER, bench.chainWriter.instance])
    assert.equal(existsSync(join(stage.root, stage.bench.chainWriter.chain)), false)
    assert.equal((await startNext(stage)).closed, 0)
    await end(stage)
  })

  it('with a receipt in its spool: the log gets that receipt, as it was signed', async () => {
    const stage = await startCall()
    stage.log = 'unavailable'
    await stage.bench.gate.settle(stage.call, { status: 'ok', resultBytes: Buffer.from('{}'), resultValue: {} })
    assert.deepEqual(stage.bench.eventsOf('authorization/receipt'), [])
    kill(stage)
    const { bench, closed, refused } = await startNext(stage)
    assert.deepEqual([closed, refused], [0, []])
    const receipts = bench.eventsOf('authorization/receipt')
    assert.deepEqual(
      receipts.map(({ status, parent, instance }) => [status, parent, instance]),
      [['ok', stage.call.decideHash, stage.bench.chainWriter.instance]],
    )
    await end(stage)
  })

  it('and whose spool is gone: nothing is closed, the call stays open in the record', async () => {
    const stage = await startCall()
    rmSync(stage.root, { recursive: true })
    const { bench, closed } = await startNext(stage)
    assert.deepEqual([closed, bench.eventsOf('authorization/receipt')], [0, []])
    await end(stage)
  })

  it('and whose spool was emptied: its calls are ambiguous', async () => {
    const stage = await startCall()
    stage.log = 'unavailable'
    await stage.bench.gate.settle(stage.call, { status: 'ok' })
    kill(stage)
    rmSync(join(stage.root, stage.bench.chainWriter.chain, '1'), { recursive: true })
    const { bench, closed } = await startNext(stage)
    assert.deepEqual([closed, bench.eventsOf('authorization/receipt')[0]?.status], [1, 'ambiguous'])
    await end(stage)
  })

  it('has nothing put into its chain that it did not sign', async () => {
    const stage = await startCall()
    kill(stage)
    const rogue = new GateBench({ policy })
    await rogue.gate.admit(requestOf())
    const fileLog = new FileLog({ root: join(stage.root, stage.bench.chainWriter.chain, '1') })
    const forged = rogue.storage.records('events')
    await fileLog.append('events', forged, { chain: rogue.chainWriter.chain, deadlineMs: 2_000, mayUseReserve: true })
    await fileLog.close()
    const before = stage.bench.storage.records('events').length
    const { bench, closed, refused } = await startNext(stage)
    assert.deepEqual([closed, new Set(refused)], [1, new Set(['no trusted key vouches for the key of this run'])])
    const added = bench.events.slice(before)
    assert.ok(added.every(({ instance }) => instance === bench.chainWriter.instance))
    await Promise.all([end(stage), rogue.chainWriter.close()])
  })

  it('is ended by a later start, where the log is out at this one', async () => {
    const stage = await startCall()
    stage.log = 'unavailable'
    await stage.bench.gate.settle(stage.call, { status: 'ok' })
    kill(stage)
    await assert.rejects(
      startNext(stage, () => 'unavailable'),
      withCode('LOG_UNAVAILABLE'),
    )
    assert.equal((await startNext(stage)).bench.eventsOf('authorization/receipt')[0]?.status, 'ok')
    await end(stage)
  })
})

describe('a run that lives', () => {
  it('is left alone, whatever it has open', async () => {
    const stage = await startCall()
    const { bench, closed } = await startNext(stage)
    assert.deepEqual([closed, bench.eventsOf('authorization/receipt')], [0, []])
    await end(stage)
  })
})
