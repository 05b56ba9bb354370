// The chain writer over a log that fails in every way it may: nothing acknowledged is lost, no sequence number is given
// to other bytes once its append was in doubt, and nobody waits for ever.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Appended, ChainWriter } from '../../events/chain-writer.ts'
import type { StoredRecord } from '../../events/log.ts'
import { acceptedEvents, faults, note, notes, numbersOf, startChain } from '../support/chain-bench.ts'
import { withCode } from '../support/errors.ts'
import { Gate } from '../support/gate.ts'
import type { Attempt, Fault } from '../support/memory-log.ts'

/** The bodies of an attempt, to compare attempts by their bytes. */
function bytesOf({ records }: Attempt): string {
  return records
    .map(({ value, headers }) => `${Buffer.from(value)}${Buffer.from(headers.signature ?? '').toString('hex')}`)
    .join('\n')
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await nextTurn()
}

describe('ChainWriter, when nothing was written', () => {
  it('tells the impatient at once, and gives the sequence number to the next', async () => {
    const { writer, eventLog } = startChain(faults('unavailable'))
    await assert.rejects(writer.append([note(1)]), withCode('LOG_UNAVAILABLE'))
    assert.equal(writer.isInDoubt, false)
    await writer.append([note(2)])
    assert.deepEqual(notes(acceptedEvents(eventLog.storage.records('events'))), [2])
    await writer.close()
  })

  it('lets the patient wait, in their order, while the impatient beside them are told', async () => {
    const { writer, eventLog } = startChain(faults('unavailable', 'unavailable', 'unavailable'))
    const patient = [writer.append([note(1)], { patient: true }), writer.append([note(3)], { patient: true })]
    await assert.rejects(writer.append([note(2)]), withCode('LOG_UNAVAILABLE'))
    await Promise.all(patient)
    assert.deepEqual(notes(acceptedEvents(eventLog.storage.records('events'))), [1, 3])
    await writer.close()
  })

  it('refuses the impatient with LOG_FULL and passes the patient with the reserve, when the disk is nearly full', async () => {
    const { writer, eventLog } = startChain(() => 'full')
    const receipt = writer.append([note(1)], { patient: true })
    await assert.rejects(writer.append([note(2)]), withCode('LOG_FULL'))
    await receipt
    assert.deepEqual(
      eventLog.attempts.map(({ options }) => options.mayUseReserve),
      [false, true],
    )
    await assert.rejects(writer.append([note(3)]), withCode('LOG_FULL'))
    await writer.close()
    assert.deepEqual(notes(acceptedEvents(eventLog.storage.records('events'))), [1])
  })

  it('tells those that came meanwhile too, so that no call waits for a second deadline', async () => {
    const gate = new Gate()
    const { writer } = startChain(() => gate.pass().then(() => 'unavailable'))
    gate.close()
    const first = writer.append([note(1)])
    await until(() => gate.arrivals > 0)
    const second = writer.append([note(2)])
    gate.open()
    for (const append of [first, second]) await assert.rejects(append, withCode('LOG_UNAVAILABLE'))
  })
})

describe('ChainWriter, when it does not know what was written', () => {
  for (const fault of ['lost', 'written', 'defect'] as const)
    it(`repeats the same bytes until they are acknowledged, after ${fault}`, async () => {
      const { writer, eventLog } = startChain(faults(fault, fault, 'none'))
      const late: number[] = []
      const onLateCommit: Parameters<ChainWriter['append']>[1] = {
        onLateCommit: (events) => late.push(...notes(events.map(({ event }) => event))),
      }
      await assert.rejects(writer.append([note(1)], onLateCommit), withCode('LOG_IN_DOUBT'))
      await writer.append([note(2)], { patient: true })
      assert.deepEqual(
        eventLog.attempts.slice(1, 3).map(bytesOf),
        Array(2).fill(eventLog.attempts.slice(0, 1).map(bytesOf)[0]),
      )
      assert.deepEqual(late, [1])
      assert.deepEqual(notes(acceptedEvents(eventLog.storage.records('events'))), [1, 2])
      await writer.close()
    })

  it('repeats them too, when a repeat says that it wrote nothing', async () => {
    const { writer, eventLog } = startChain(faults('written', 'unavailable', 'full', 'none'))
    await assert.rejects(writer.append([note(1)]), withCode('LOG_IN_DOUBT'))
    await until(() => !writer.isInDoubt)
    await writer.append([note(2)])
    assert.equal(new Set(eventLog.attempts.slice(0, 4).map(bytesOf)).size, 1)
    assert.deepEqual(notes(acceptedEvents(eventLog.storage.records('events'))), [1, 2])
    await writer.close()
  })

  it('refuses the impatient at once while in doubt, and takes them after', async () => {
    const gate = new Gate()
    let healthy = false
    const { writer, eventLog } = startChain(() => (healthy ? 'none' : gate.pass().then(() => 'lost')))
    await assert.rejects(writer.append([note(1)]), withCode('LOG_IN_DOUBT'))
    assert.equal(writer.isInDoubt, true)
    await assert.rejects(writer.append([note(2)]), withCode('LOG_IN_DOUBT'))
    healthy = true
    await until(() => !writer.isInDoubt)
    await writer.append([note(3)])
    assert.deepEqual(notes(acceptedEvents(eventLog.storage.records('events'))), [1, 3])
    await writer.close()
  })

  it('refuses the impatient without asking a log that hangs, while in doubt', async () => {
    const gate = new Gate()
    let attempts = 0
    const { writer } = startChain(() => (attempts++ === 0 ? 'lost' : gate.pass().then(() => 'none')), {
      deadlineMs: 60_000,
    })
    gate.close()
    await assert.rejects(writer.append([note(1)]), withCode('LOG_IN_DOUBT'))
    await until(() => gate.arrivals > 0)
    await assert.rejects(writer.append([note(2)]), withCode('LOG_IN_DOUBT'))
    gate.open()
    await writer.close()
  })

  it('answers the patient of a commit in doubt once it is acknowledged, and nobody twice', async () => {
    const { writer } = startChain(faults('written', 'lost'))
    let late = 0
    const patient = writer.append([note(1)], { patient: true, onLateCommit: () => late++ })
    const impatient = writer.append([note(2)], { onLateCommit: () => late++ })
    await assert.rejects(impatient, withCode('LOG_IN_DOUBT'))
    assert.deepEqual(numbersOf(await patient), [1])
    assert.equal(late, 1)
    await writer.close()
  })

  it('is in doubt after its deadline, when the log hangs, and goes on when the log does', async () => {
    const gate = new Gate()
    const { writer, eventLog } = startChain(() => gate.pass().then(() => 'none'), { deadlineMs: 5 })
    gate.close()
    await assert.rejects(writer.append([note(1)]), withCode('LOG_IN_DOUBT'))
    gate.open()
    await writer.append([note(2)], { patient: true })
    assert.deepEqual(notes(acceptedEvents(eventLog.storage.records('events'))), [1, 2])
    await writer.close()
  })

  it('waits for a slow log as long as the deadline allows', async () => {
    const { writer, eventLog } = startChain(() => nextTurn().then(() => 'none'))
    for (let number = 0; number < 10; number++) await writer.append([note(number)])
    assert.equal(eventLog.attempts.length, 10)
    await writer.close()
  })
})

describe('close', () => {
  it('gives up after its deadline, when the log is dead, and ends everybody who waits', async () => {
    for (const fault of ['unavailable', 'lost'] as const) {
      const { writer } = startChain(() => fault, { closeDeadlineMs: 10 })
      const receipts = [writer.append([note(1)], { patient: true }), writer.append([note(2)], { patient: true })]
      const ended = Promise.allSettled(receipts)
      await writer.close()
      for (const outcome of await ended)
        assert.ok(outcome.status === 'rejected' && withCode('CHAIN_CLOSED')(outcome.reason))
    }
  })

  it('gives up, when the log hangs on the closing event itself', async () => {
    const gate = new Gate()
    const { writer, eventLog } = startChain(() => gate.pass().then(() => 'none'), {
      closeDeadlineMs: 10,
      deadlineMs: 60_000,
    })
    await writer.append([note(1)])
    gate.close()
    await writer.close()
    gate.open()
    assert.deepEqual(notes(acceptedEvents(eventLog.storage.records('events'))), [1])
    await until(() => writer.head.sequence === 3)
  })

  it('says so, when what it gave up is taken after all', async () => {
    const gate = new Gate()
    const { writer } = startChain(() => gate.pass().then(() => 'none'), { closeDeadlineMs: 10, deadlineMs: 60_000 })
    const late: number[] = []
    gate.close()
    const given = writer.append([note(1)], {
      patient: true,
      onLateCommit: (events) => late.push(...notes(events.map(({ event }) => event))),
    })
    const refused = assert.rejects(given, withCode('CHAIN_CLOSED'))
    await until(() => gate.arrivals > 0)
    await writer.close()
    await refused
    gate.open()
    await until(() => late.length > 0)
    assert.deepEqual(late, [1])
  })

  it('still takes what closes a commit that turns out to be in the log, before its closing event', async () => {
    const gate = new Gate()
    const { writer, eventLog } = startChain(() => gate.pass().then(() => 'none'), { deadlineMs: 5 })
    gate.close()
    let closer: Promise<Appended> | undefined
    const onLateCommit = (): void => {
      closer = writer.append([note(2)], { patient: true })
    }
    await assert.rejects(writer.append([note(1)], { onLateCommit }), withCode('LOG_IN_DOUBT'))
    const closed = writer.close()
    gate.open()
    await closed
    assert.deepEqual(numbersOf(await (closer ?? assert.fail('it was not told'))), [2])
    const types = acceptedEvents(eventLog.storage.records('events')).map(({ type }) => type)
    assert.deepEqual(types, ['writer/open', 'writer/heartbeat', 'writer/heartbeat', 'writer/close'])
    await assert.rejects(writer.append([note(3)], { patient: true }), withCode('CHAIN_CLOSED'))
  })

  it('takes nothing that is impatient any more', async () => {
    const { writer } = startChain()
    await writer.append([note(1)])
    const closed = writer.close()
    await assert.rejects(writer.append([note(2)]), withCode('CHAIN_CLOSED'))
    await closed
  })

  it('repeats what is in doubt before it ends', async () => {
    const { writer, eventLog } = startChain(faults('written', 'lost', 'none', 'lost', 'none'))
    await assert.rejects(writer.append([note(1)]), withCode('LOG_IN_DOUBT'))
    await writer.close()
    const events = acceptedEvents(eventLog.storage.records('events'))
    assert.deepEqual(
      events.map(({ type }) => type),
      ['writer/open', 'writer/heartbeat', 'writer/close'],
    )
  })
})

/** What a caller learnt of one append. */
interface Told {
  readonly acknowledged: Set<number>
  readonly late: Set<number>
}

/** Appends notes 0, 1, 2 … some at once and some one after the other, and notes what is heard of each. */
async function appendAll(writer: ChainWriter, plan: readonly { patient: boolean; wait: boolean }[]): Promise<Told> {
  const heard: Told = { acknowledged: new Set(), late: new Set() }
  const appends: Promise<unknown>[] = []
  for (const [number, { patient, wait }] of plan.entries()) {
    const append = writer
      .append([note(number)], { patient, onLateCommit: () => heard.late.add(number) })
      .then((appended: Appended) => {
        assert.deepEqual(numbersOf(appended), [number])
        heard.acknowledged.add(number)
      })
      .catch((error: unknown) => assert.ok(!patient, String(error)))
    appends.push(append)
    if (wait) await append
  }
  await Promise.all(appends)
  return heard
}

describe('ChainWriter, whatever fails', () => {
  it('leaves one valid chain, with all that was acknowledged once and nothing that was refused for good', async () => {
    const fault = fc.constantFrom<Fault[]>('none', 'none', 'unavailable', 'full', 'lost', 'written', 'defect')
    const step = fc.record({ patient: fc.boolean(), wait: fc.boolean() })
    const plans = fc.array(step, { minLength: 1, maxLength: 12 })
    const property = fc.asyncProperty(plans, fc.array(fault, { maxLength: 15 }), async (plan, list) => {
      const { writer, eventLog } = startChain(faults(...list), { retryMs: 0 })
      const { acknowledged, late } = await appendAll(writer, plan)
      await writer.close()
      const records = eventLog.storage.records('events')
      assert.deepEqual(new Set(notes(acceptedEvents(records))), new Set([...acknowledged, ...late]))
      assert.equal(notes(acceptedEvents(records)).length, acknowledged.size + late.size)
      assertOneBodyEach(records)
    })
    await fc.assert(property, { seed: 7, numRuns: 60 })
  })
})

function assertOneBodyEach(records: readonly StoredRecord[]): void {
  const bodies = new Map<number, string>()
  for (const { value } of records) {
    const text = Buffer.from(value).toString()
    const { sequence } = JSON.parse(text) as { sequence: number }
    assert.equal(bodies.get(sequence) ?? text, text)
    bodies.set(sequence, text)
  }
}
