// A chain over a log that is out and a spool that may be too: the table of docs/design/009-spool.md, cell by cell. What was
// acknowledged is in the log in the end, also after a crash; nothing forks; nothing that was proposed goes on meanwhile.
import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import fc from 'fast-check'
import type { Appended, ChainWriter } from '../../events/chain-writer.ts'
import { systemCode, ToolwardenError } from '../../events/errors.ts'
import type { FaultStep } from '../../events/file-log-segment.ts'
import { readLeftSpool, Spool, takeLeftSpools } from '../../events/spool.ts'
import { acceptedEvents, type ChainBench, note, notes, startChain } from '../support/chain-bench.ts'
import { temporaryDirectory } from '../support/ledger-harness.ts'
import type { Fault } from '../support/memory-log.ts'

const directory = temporaryDirectory()
after(() => directory.remove())
let benches = 0

/** Room for some fifty events. */
const MAX_BYTES = 64 * 1024
/** What a run that is over does not hold any more. */
const LOCK_FILE = 'toolwarden.lock'

type SpoolFault = 'none' | 'full' | 'broken' | 'doubt'

interface SpooledBench extends ChainBench {
  readonly root: string
  readonly spool: Spool
  /** What goes wrong from now on. */
  log: Fault
  spoolFault: SpoolFault
}

/** A writer with a spool; both fail as the test says. */
async function startSpooled(): Promise<SpooledBench> {
  const root = join(directory.path, String(++benches))
  const faults: Pick<SpooledBench, 'log' | 'spoolFault'> = { log: 'none', spoolFault: 'none' }
  const spool = new Spool({
    ...{ root, writer: 'gateway/files', maxBytes: MAX_BYTES },
    fault: (step) => failSpool(step, faults.spoolFault),
  })
  const bench = startChain(() => faults.log, { spool, closeDeadlineMs: 50 })
  await spool.begin(bench.writer.instance)
  return Object.assign(faults, { ...bench, root, spool })
}

function failSpool(step: FaultStep, fault: SpoolFault): void {
  if (fault === 'full' && step === 'write') throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
  if (fault === 'broken' && step === 'open') throw Object.assign(new Error('broken'), { code: 'EIO' })
  if (fault === 'doubt' && step === 'synced') throw Object.assign(new Error('unclear'), { code: 'EIO' })
}

/** The process is killed: nothing of it goes on, and what it left is handed to the log as the next run does it. */
async function crashAndReplay(bench: SpooledBench): Promise<readonly number[]> {
  const { root, eventLog, writer } = bench
  const atCrash = eventLog.storage.records('events')
  const leftRoot = `${root}-left`
  copyAsKilled(root, leftRoot)
  const [left] = await takeLeftSpools(leftRoot, 'gateway/files')
  const spooled = left === undefined ? [] : await readLeftSpool(left)
  left?.lock.release()
  // What a kill would end goes on here; nobody looks at it any more.
  bench.log = 'none'
  await writer.close()
  return notes(acceptedEvents([...atCrash, ...spooled]))
}

/** Copies what is on the disk at this moment: the run can't be stopped here, and removes what the log has taken as it goes on. */
function copyAsKilled(from: string, to: string): void {
  mkdirSync(to, { mode: 0o700 })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.name === LOCK_FILE) continue
    try {
      if (entry.isDirectory()) copyAsKilled(join(from, entry.name), join(to, entry.name))
      else copyFileSync(join(from, entry.name), join(to, entry.name))
    } catch (error) {
      // Removed since it was listed: the log had it before.
      if (systemCode(error) !== 'ENOENT') throw error
    }
  }
}

function patient(writer: ChainWriter, number: number): Promise<Appended> {
  return writer.append([note(number)], { patient: true })
}

/** The log out in each way, and what is in it after. */
const outages: readonly Fault[] = ['unavailable', 'lost', 'written', 'defect']

describe('a chain whose log is out, with a spool', () => {
  for (const outage of outages) {
    it(`acknowledges what is patient, refuses the rest at once, and hands it over in order: ${outage}`, async () => {
      const bench = await startSpooled()
      const { writer, eventLog } = bench
      await patient(writer, 1)
      bench.log = outage
      await patient(writer, 2)
      await assert.rejects(writer.append([note(9)]), isLogError)
      await patient(writer, 3)
      bench.log = 'none'
      await until(() => !writer.isInDoubt)
      await writer.append([note(4)])
      assert.deepEqual(notes(acceptedEvents(eventLog.storage.records('events'))), [1, 2, 3, 4])
      await writer.close()
      assert.equal(writer.isWhole, true)
    })

    it(`has it after a crash, the log still out: ${outage}`, async () => {
      const bench = await startSpooled()
      await patient(bench.writer, 1)
      bench.log = outage
      await patient(bench.writer, 2)
      await patient(bench.writer, 3)
      assert.deepEqual(await crashAndReplay(bench), [1, 2, 3])
    })

    it(`keeps what was proposed from going on, and says so when it is late: ${outage}`, async () => {
      const bench = await startSpooled()
      const { writer } = bench
      bench.log = outage
      const late: Promise<Appended>[] = []
      const onLateCommit = (): void => void late.push(patient(writer, 2))
      await assert.rejects(writer.append([note(1)], { onLateCommit }), isLogError)
      await until(() => late.length > 0 || !writer.isInDoubt)
      await Promise.all(late)
      const expected = outage === 'unavailable' ? [] : [1, 2]
      assert.deepEqual(await crashAndReplay(bench), expected)
    })
  }

  for (const fault of ['full', 'broken'] as const)
    for (const outage of outages) {
      it(`holds what neither takes, and loses nothing of it: ${outage}, spool ${fault}`, async () => {
        const bench = await startSpooled()
        const { writer, eventLog } = bench
        await patient(writer, 1)
        Object.assign(bench, { log: outage, spoolFault: fault })
        const held = patient(writer, 2)
        assert.equal(await Promise.race([held, turns()]), 'held')
        bench.log = 'none'
        await held
        await writer.close()
        assert.deepEqual(notes(acceptedEvents(eventLog.storage.records('events'))), [1, 2])
      })
    }

  for (const outage of outages) {
    it(`repeats the same bytes when the spool is in doubt too: ${outage}`, async () => {
      const bench = await startSpooled()
      const { writer, eventLog } = bench
      Object.assign(bench, { log: outage, spoolFault: 'doubt' })
      const held = patient(writer, 1)
      assert.equal(await Promise.race([held, turns()]), 'held')
      bench.spoolFault = 'none'
      await held
      await patient(writer, 2)
      bench.log = 'none'
      await writer.close()
      assert.deepEqual(notes(acceptedEvents(eventLog.storage.records('events'))), [1, 2])
    })
  }

  it('takes no more than its limit, and goes on when the log is back', async () => {
    const bench = await startSpooled()
    const { writer, eventLog } = bench
    bench.log = 'unavailable'
    let acknowledged = 0
    const appends = Array.from({ length: 200 }, async (_, number) => {
      await patient(writer, number)
      acknowledged++
      await turns()
    })
    await turns()
    bench.log = 'none'
    await Promise.all(appends)
    await writer.close()
    assert.equal(notes(acceptedEvents(eventLog.storage.records('events'))).length, 200)
    assert.equal(acknowledged, 200)
  })

  it('ends with its closing event in the spool, and leaves it to the next run', async () => {
    const bench = await startSpooled()
    const { writer, spool, eventLog } = bench
    await patient(writer, 1)
    bench.log = 'unavailable'
    await patient(writer, 2)
    await writer.close()
    assert.equal(writer.isWhole, false)
    await spool.end(writer.isWhole)
    const [left] = await takeLeftSpools(bench.root, 'gateway/files')
    const spooled = await readLeftSpool(left ?? assert.fail('nothing is left'))
    const events = acceptedEvents([...eventLog.storage.records('events'), ...spooled])
    assert.deepEqual(events.map(({ type }) => type).slice(-2), ['writer/heartbeat', 'writer/close'])
  })

  it('leaves nothing of a run that ended whole, and is not taken while its run lives', async () => {
    const { writer, spool, root } = await startSpooled()
    await patient(writer, 1)
    assert.deepEqual(await takeLeftSpools(root, 'gateway/files'), [])
    await writer.close()
    await spool.end(writer.isWhole)
    assert.equal(existsSync(join(root, writer.chain)), false)
  })
})

function isLogError(error: unknown): boolean {
  return error instanceof ToolwardenError && error.code.startsWith('LOG_')
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

/** One step of a run: what is appended, and what fails from then on. */
interface Step {
  readonly log: Fault
  readonly spool: SpoolFault
  readonly isPatient: boolean
  readonly waits: boolean
}

describe('a chain with a spool, whatever fails and whenever it is killed', () => {
  it('has all that was acknowledged, once, in one chain', async () => {
    const step: fc.Arbitrary<Step> = fc.record({
      log: fc.constantFrom<Fault[]>('none', 'none', 'unavailable', 'full', 'lost', 'written', 'defect'),
      spool: fc.constantFrom<SpoolFault[]>('none', 'none', 'full', 'broken', 'doubt'),
      isPatient: fc.boolean(),
      waits: fc.boolean(),
    })
    const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const bench = await startSpooled()
      const acknowledged = await takeSteps(bench, steps)
      const there = new Set(await crashAndReplay(bench))
      assert.deepEqual(
        [...acknowledged].filter((number) => !there.has(number)),
        [],
      )
    })
    await fc.assert(property, { seed: 11, numRuns: 30 })
  })
})

async function takeSteps(bench: SpooledBench, steps: readonly Step[]): Promise<ReadonlySet<number>> {
  const acknowledged = new Set<number>()
  for (const [number, { log, spool, isPatient, waits }] of steps.entries()) {
    Object.assign(bench, { log, spoolFault: spool })
    bench.writer.append([note(number)], { patient: isPatient }).then(
      () => acknowledged.add(number),
      (error: unknown) => assert.ok(error instanceof ToolwardenError),
    )
    if (waits) await turns(3)
  }
  await turns(3)
  return new Set(acknowledged)
}

/** Long enough for an append that is not held. */
async function turns(millis = 15): Promise<'held'> {
  await new Promise((resolve) => setTimeout(resolve, millis))
  return 'held'
}
