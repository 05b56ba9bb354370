// Control as its writers and readers see it: recorded first and published after, in the order of revisions, and stated every two seconds.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { ControlReader, type RefusedControl } from '../../events/control-reader.ts'
import { controlFreshness } from '../../events/control-view.ts'
import { CONTROL_STATE_MS, type ControlDraft, ControlWriter } from '../../events/control-writer.ts'
import { benchTrust, type ChainBench, note, startChain } from '../support/chain-bench.ts'
import { withCode } from '../support/errors.ts'
import type { FaultHook } from '../support/memory-log.ts'

const WRITER = 'api/main'

interface ControlBench extends ChainBench {
  readonly control: ControlWriter
  readonly reader: ControlReader
  readonly refused: RefusedControl[]
  readonly stop: () => Promise<void>
}

async function startControl(fault?: FaultHook): Promise<ControlBench> {
  const bench = startChain(fault, { writer: WRITER, closeDeadlineMs: 10 })
  const { eventLog, clock, writer: chainWriter } = bench
  const refused: RefusedControl[] = []
  const trust = benchTrust(WRITER)
  const reader = new ControlReader({ eventLog, log: 'main', trust, onRefused: (each) => refused.push(each) })
  await reader.start()
  const control = new ControlWriter({ eventLog, clock, log: 'main', writer: WRITER, chainWriter, reader })
  const stop = async (): Promise<void> => {
    await control.stop()
    await chainWriter.close()
    await eventLog.close()
  }
  return { ...bench, control, reader, refused, stop }
}

function stopScope(scope: string): ControlDraft {
  return (revision) => ({ type: 'switch/stopped', revision, scope, by: 'user:test', reason: 'a test' })
}

function keysOf({ eventLog }: ChainBench): readonly string[] {
  return eventLog.storage.records('control').flatMap(({ key }) => (key.startsWith('state/') ? [] : [key]))
}

function states({ eventLog }: ChainBench): number {
  return eventLog.storage.records('control').filter(({ key }) => key.startsWith('state/')).length
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

async function tick(context: TestContext, bench: ControlBench): Promise<void> {
  const before = states(bench)
  bench.clock.advance(CONTROL_STATE_MS)
  context.mock.timers.tick(CONTROL_STATE_MS)
  await until(() => states(bench) > before)
}

describe('ControlWriter', () => {
  it('publishes in the order of revisions, each above all before it', async () => {
    const bench = await startControl()
    await Promise.all(['a', 'b', 'c'].map((scope) => bench.control.publish(stopScope(scope))))
    assert.deepEqual(keysOf(bench), ['switch/a', 'switch/b', 'switch/c'])
    await until(() => bench.reader.view.revision === 3)
    assert.deepEqual(
      Array.from(bench.reader.view.subjects.values(), ({ revision }) => revision),
      [1, 2, 3],
    )
    await bench.stop()
  })

  it('writes the record only after its event is in the chain, as the last of its append', async () => {
    const order: string[] = []
    const bench = await startControl(({ topic, records }) => {
      order.push(`${topic} ${records.length}`)
      return 'none'
    })
    const { events } = await bench.control.publish(stopScope('a'), [note(1)])
    assert.equal(events.at(-1)?.event.type, 'switch/stopped')
    assert.ok(order.indexOf('events 3') < order.lastIndexOf('control 1'))
    assert.deepEqual(bench.refused, [])
    await bench.stop()
  })

  it('publishes nothing, when the chain does not take the event', async () => {
    const bench = await startControl()
    await assert.rejects(
      bench.control.publish(() => ({ type: 'switch/stopped' }) as never),
      withCode('EVENT_INVALID'),
    )
    await assert.rejects(
      bench.control.publish(() => note(1).draft as never),
      withCode('INTERNAL'),
    )
    assert.deepEqual(keysOf(bench), [])
    await bench.control.publish(stopScope('a'))
    assert.deepEqual(keysOf(bench), ['switch/a'])
    await bench.stop()
  })

  it('goes on from the revisions of others', async () => {
    const bench = await startControl()
    await bench.control.publish(stopScope('a'))
    await until(() => bench.reader.view.revision === 1)
    const { eventLog, clock, writer: chainWriter, reader } = bench
    const next = new ControlWriter({ eventLog, clock, log: 'main', writer: WRITER, chainWriter, reader })
    const { events } = await next.publish(stopScope('b'))
    assert.equal(events[0]?.event.type === 'switch/stopped' && events[0].event.revision, 2)
    await next.stop()
    await bench.stop()
  })

  it('repeats a record that the log did not take', async () => {
    const left = ['lost', 'unavailable'] as const
    let next = 0
    const bench = await startControl(({ records }) =>
      records[0]?.key.startsWith('switch/') ? (left[next++] ?? 'none') : 'none',
    )
    await bench.control.publish(stopScope('a'))
    assert.deepEqual(keysOf(bench), ['switch/a'])
    await bench.stop()
  })

  it('says every two seconds what is live, and readers agree', async (context) => {
    context.mock.timers.enable({ apis: ['setInterval'] })
    const bench = await startControl()
    await until(() => states(bench) === 1)
    await bench.control.publish(stopScope('a'))
    await until(() => bench.reader.view.revision === 1)
    for (let round = 2; round <= 4; round++) {
      await tick(context, bench)
      assert.equal(states(bench), round)
      const need = { writers: [WRITER], maxAgeMicros: 1, nowMicros: bench.clock.nowMicros() }
      await until(() => bench.reader.view.states.get(WRITER)?.agreedMicros === need.nowMicros)
      assert.equal(controlFreshness(bench.reader.view, need), 'fresh')
    }
    await bench.stop()
  })

  it('goes on stating after a state that the log did not take', async (context) => {
    context.mock.timers.enable({ apis: ['setInterval'] })
    let failing = true
    const bench = await startControl(({ topic }) => (topic === 'control' && failing ? 'unavailable' : 'none'))
    await until(() => bench.eventLog.attempts.length === 1)
    failing = false
    await tick(context, bench)
    assert.equal(states(bench), 1)
    await bench.stop()
  })

  it('repeats a state that is in doubt, byte for byte, before anything else', async () => {
    let isFirst = true
    const bench = await startControl(({ topic }) => {
      if (topic !== 'control' || !isFirst) return 'none'
      isFirst = false
      return 'lost'
    })
    await bench.control.publish(stopScope('all'))
    const [first, second, third] = bench.eventLog.attempts.filter(({ topic }) => topic === 'control')
    assert.match(first?.records[0]?.key ?? '', /^state\//)
    assert.deepEqual(second?.records, first?.records)
    assert.equal(third?.records[0]?.key, 'switch/all')
    await bench.stop()
  })

  it('stops with a dead log, and what waits for it ends with its chain', async (context) => {
    const bench = await startControl(() => 'unavailable')
    const publishing = assert.rejects(bench.control.publish(stopScope('a')), withCode('CHAIN_CLOSED'))
    context.mock.timers.enable({ apis: ['setTimeout'] })
    const stopping = bench.control.stop()
    context.mock.timers.tick(2_000)
    await stopping
    context.mock.timers.reset()
    await bench.writer.close()
    await publishing
    await assert.rejects(bench.control.publish(stopScope('b')), withCode('CHAIN_CLOSED'))
  })
})

describe('ControlReader', () => {
  it('reports what it does not honour with subject, reason and digest, and goes on', async () => {
    const bench = await startControl()
    const junk = { key: `switch/${'x'.repeat(1_000)}`, value: Buffer.from('{}'), headers: {} }
    await bench.eventLog.append('control', [junk], { deadlineMs: 1_000, chain: 'x' })
    await bench.control.publish(stopScope('a'))
    await until(() => bench.reader.view.revision === 1)
    const [refused] = bench.refused
    assert.equal(refused?.subject.length, 512)
    assert.match(refused?.reason ?? '', /not an event/)
    assert.equal(refused?.digest, '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a')
    await bench.stop()
  })

  it('reports an older record, replayed into the log, and keeps the newer', async () => {
    const bench = await startControl()
    await bench.control.publish(stopScope('a'))
    await bench.control.publish((revision) => ({ type: 'switch/resumed', revision, scope: 'a', by: 'u', reason: '' }))
    const [old] = bench.eventLog.storage.records('control').filter(({ key }) => key === 'switch/a')
    if (old === undefined) throw new Error('published')
    await bench.eventLog.append('control', [old], { deadlineMs: 1_000, chain: 'x' })
    await until(() => bench.refused.length === 1)
    assert.match(bench.refused[0]?.reason ?? '', /replayed/)
    assert.equal(bench.reader.view.subjects.get('switch/a')?.event.type, 'switch/resumed')
    await bench.stop()
  })

  it('has what it said said again, when a record that is not honoured took its place', async () => {
    const bench = await startControl()
    await bench.control.publish(stopScope('a'))
    await until(() => bench.reader.view.revision === 1)
    const [said] = bench.eventLog.storage.records('control').filter(({ key }) => key === 'switch/a')
    const junk = { key: 'switch/a', value: Buffer.from('{}'), headers: {} }
    for (let time = 1; time <= 3; time++) {
      await bench.eventLog.append('control', [junk], { deadlineMs: 1_000, chain: 'x' })
      await until(() => keysOf(bench).length === 1 + 2 * time)
    }
    const last = bench.eventLog.storage.records('control').findLast(({ key }) => key === 'switch/a')
    assert.deepEqual(last?.value, said?.value)
    assert.deepEqual(last?.headers, said?.headers)
    await bench.stop()
  })

  it('notices by the state, when a replayed record is all that a late reader sees', async (context) => {
    context.mock.timers.enable({ apis: ['setInterval'] })
    const bench = await startControl()
    await bench.control.publish((revision) => ({ type: 'switch/resumed', revision, scope: 'a', by: 'u', reason: '' }))
    await bench.control.publish(stopScope('a'))
    await until(() => bench.reader.view.revision === 2)
    const [old] = bench.eventLog.storage.records('control').filter(({ key }) => key === 'switch/a')
    if (old === undefined) throw new Error('published')
    await tick(context, bench)
    await bench.control.stop()
    await bench.eventLog.append('control', [old], { deadlineMs: 1_000, chain: 'x' })
    const late = new ControlReader({ eventLog: bench.eventLog, log: 'main', trust: benchTrust(WRITER) })
    await late.start()
    const need = { writers: [WRITER], maxAgeMicros: 10_000_000, nowMicros: bench.clock.nowMicros() }
    assert.equal(controlFreshness(late.view, need), 'none')
    await bench.stop()
  })
})
