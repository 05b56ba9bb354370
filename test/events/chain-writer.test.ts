// One run writes one chain: commits are shared, order holds, and one bad append harms no other.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MAX_WAITING_APPENDS } from '../../events/chain-writer.ts'
import { MAX_COMMIT_EVENTS } from '../../events/commit.ts'
import { MAX_APPEND_BYTES, recordBytes } from '../../events/log.ts'
import { acceptedEvents, note, notes, numbersOf, startChain } from '../support/chain-bench.ts'
import { withCode } from '../support/errors.ts'
import { Gate } from '../support/gate.ts'
import { callEntries, seededHash } from '../support/seeded-run.ts'

describe('ChainWriter', () => {
  it('opens the run ahead of whatever is appended first', async () => {
    const { writer, eventLog } = startChain()
    await writer.append([note(1)])
    const [open, first] = acceptedEvents(eventLog.storage.records('events'))
    assert.deepEqual([open?.type, open?.sequence, first?.sequence], ['writer/open', 1, 2])
    assert.equal(writer.head.sequence, 2)
    await writer.close()
  })

  it('opens a run that has nothing to say yet, when asked', async () => {
    const { writer, eventLog } = startChain()
    await writer.open()
    const types = acceptedEvents(eventLog.storage.records('events')).map(({ type }) => type)
    assert.deepEqual(types, ['writer/open', 'writer/heartbeat'])
    await writer.close()
  })

  it('puts appends that arrive together into one commit under one signature, in order', async () => {
    const { writer, eventLog } = startChain()
    const appended = await Promise.all(Array.from({ length: 50 }, (_, index) => writer.append([note(index)])))
    const [commit, ...more] = eventLog.storage.appends('events')
    assert.equal(more.length, 0)
    assert.equal(commit?.filter(({ headers }) => headers.signature !== undefined).length, 1)
    assert.deepEqual(appended.flatMap(numbersOf), notes(acceptedEvents(commit ?? [])))
    await writer.close()
  })

  it('shares the next commit among all that came while one was under way', async () => {
    const gate = new Gate()
    const { writer, eventLog } = startChain(() => gate.pass().then(() => 'none'))
    gate.close()
    const first = writer.append([note(1)])
    while (gate.arrivals === 0) await nextTurn()
    const others = [writer.append([note(2)]), writer.append([note(3), note(4)])]
    gate.open()
    await Promise.all([first, ...others])
    assert.deepEqual(
      eventLog.storage.appends('events').map(({ length }) => length),
      [2, 3],
    )
    await writer.close()
  })

  it('gives a later entry of an append what stands before it', async () => {
    const { writer, eventLog } = startChain()
    const { events } = await writer.append(callEntries('a'))
    const [propose, decide] = events
    assert.equal(decide?.event.type === 'authorization/decide' && decide.event.parent, propose?.hash)
    acceptedEvents(eventLog.storage.records('events'))
    await writer.close()
  })

  it('lets no event follow in its commit, when an append is to be the last', async () => {
    const { writer, eventLog } = startChain()
    const appends = [writer.append([note(1)]), writer.append([note(2)], { last: true }), writer.append([note(3)])]
    const [, last] = await Promise.all(appends)
    assert.equal(last?.hashes.at(-1), last?.events.at(-1)?.hash)
    assert.deepEqual(
      eventLog.storage.appends('events').map(({ length }) => length),
      [3, 1],
    )
    await writer.close()
  })

  it('says in writer/close how many events came before it, counted in its own commit too', async () => {
    const { writer, eventLog } = startChain()
    const last = writer.append([note(1)])
    await Promise.all([last, writer.close()])
    const events = acceptedEvents(eventLog.storage.records('events'))
    const closing = events.at(-1)
    assert.equal(closing?.type === 'writer/close' && closing.events, events.length - 1)
  })

  it('takes nothing after close, and closes once', async () => {
    const { writer, eventLog } = startChain()
    await writer.append([note(1)])
    await Promise.all([writer.close(), writer.close()])
    await assert.rejects(writer.append([note(2)], { patient: true }), withCode('CHAIN_CLOSED'))
    assert.equal(eventLog.storage.records('events').length, 3)
  })
})

describe('ChainWriter, given what it can not take', () => {
  const bad = [
    ['a bad field', { draft: { type: 'writer/heartbeat', monotonicMicros: -1 } }, 'EVENT_INVALID'],
    ['a type of another role', { draft: { type: 'writer/close', events: 1, by: 'me' } as never }, 'EVENT_INVALID'],
    ['signals over their limit', { ...note(1), signals: Buffer.alloc(16 * 1024 + 1) }, 'EVENT_INVALID'],
    ['a payload over its limit', { ...note(1), payload: Buffer.alloc(256 * 1024 + 1) }, 'EVENT_INVALID'],
    [
      'a body over its limit',
      { draft: { type: 'policy/changed', server: 's'.repeat(512), policy: seededHash(''), bytes: 1, id: 'x' } },
      'EVENT_INVALID',
    ],
    [
      'a draft that throws',
      {
        draft: () => {
          throw new TypeError('a defect')
        },
      },
      'INTERNAL',
    ],
  ] as const
  for (const [name, entry, code] of bad)
    it(`refuses ${name}, and only its own append`, async () => {
      const { writer, eventLog } = startChain()
      const [before, refused, after] = [
        writer.append([note(1)]),
        writer.append([note(2), entry]),
        writer.append([note(3)]),
      ]
      await assert.rejects(refused, withCode(code))
      await Promise.all([before, after])
      assert.deepEqual(notes(acceptedEvents(eventLog.storage.records('events'))), [1, 3])
      await writer.close()
    })

  it('refuses everything, when its opening can not be written', async () => {
    const { writer, eventLog } = startChain(undefined, { opening: { software: '', configuration: 'none' } })
    await assert.rejects(writer.append([note(1)]), withCode('EVENT_INVALID'))
    await assert.rejects(writer.append([note(2)], { patient: true }), withCode('EVENT_INVALID'))
    await writer.close()
    assert.equal(eventLog.attempts.length, 0)
  })

  it('splits into commits that the log takes, and no append of them', async () => {
    const { writer, eventLog } = startChain()
    const payload = Buffer.alloc(200 * 1024)
    const heavy = Array.from({ length: 9 }, (_, index) =>
      writer.append([{ ...note(index), payload }, note(100 + index)]),
    )
    await Promise.all(heavy)
    const sizes = eventLog.storage
      .appends('events')
      .map((commit) => commit.reduce((sum, record) => sum + recordBytes(record), 0))
    assert.ok(sizes.length >= 3 && sizes.every((bytes) => bytes <= MAX_APPEND_BYTES))
    for (const commit of eventLog.storage.appends('events').slice(1)) assert.equal(commit.length % 2, 0)
    await writer.close()
  })

  it('counts the signature against the size of an append, whatever the size', async () => {
    for (let spare = 0; spare < 2_000; spare += 97) {
      const { writer, eventLog } = startChain()
      await writer.open()
      const entry = (bytes: number) => ({ ...note(1), payload: Buffer.alloc(bytes) })
      const rest = MAX_APPEND_BYTES - 3 * 256 * 1024 - spare - 4 * 600
      const append = writer.append([entry(256 * 1024), entry(256 * 1024), entry(256 * 1024), entry(rest)])
      await append.catch((error: unknown) => assert.ok(withCode('RECORD_TOO_LARGE', /over the limit/)(error)))
      await writer.close()
      acceptedEvents(
        eventLog.storage
          .records('events')
          .map(({ headers: { payload: _, ...headers }, ...rest2 }) => ({ ...rest2, headers })),
      )
    }
  })

  it('refuses an append of too many events by itself', async () => {
    const { writer } = startChain()
    const many = Array.from({ length: MAX_COMMIT_EVENTS + 1 }, (_, index) => note(index))
    const [first = note(0), ...rest] = many
    await assert.rejects(writer.append([first, ...rest]), withCode('RECORD_TOO_LARGE'))
    await writer.append([note(1)])
    await writer.close()
  })

  it('lets 10,000 appends wait and refuses the next', async () => {
    const gate = new Gate()
    const { writer, eventLog } = startChain(() => gate.pass().then(() => 'none'))
    gate.close()
    const first = writer.append([note(0)])
    while (gate.arrivals === 0) await nextTurn()
    const waiting = Array.from({ length: MAX_WAITING_APPENDS }, (_, index) => writer.append([note(index)]))
    await assert.rejects(writer.append([note(1)]), withCode('LOG_UNAVAILABLE', /10000 appends wait/))
    gate.open()
    await Promise.all([first, ...waiting])
    assert.equal(eventLog.storage.records('events').length, MAX_WAITING_APPENDS + 2)
    await writer.close()
  })
})

describe('the heartbeat', () => {
  it('comes ten seconds after the last event, and every minute once nothing happens', async (context) => {
    context.mock.timers.enable({ apis: ['setInterval'] })
    const { writer, eventLog, clock } = startChain()
    await writer.append([note(7)])
    const beats: number[] = []
    for (let second = 1; second <= 200; second++) {
      const before = eventLog.attempts.length
      clock.advance(1_000)
      context.mock.timers.tick(1_000)
      for (let turn = 0; turn < 5; turn++) await nextTurn()
      if (eventLog.attempts.length > before) beats.push(second)
    }
    assert.deepEqual(beats, [10, 20, 30, 40, 50, 110, 170])
    await writer.close()
  })

  it('is not made up for, when the log did not take it', async (context) => {
    context.mock.timers.enable({ apis: ['setInterval'] })
    const { eventLog, clock } = startChain(() => 'unavailable')
    for (let second = 1; second <= 12; second++) {
      clock.advance(1_000)
      context.mock.timers.tick(1_000)
      for (let turn = 0; turn < 5; turn++) await nextTurn()
    }
    assert.equal(eventLog.attempts.length, 1)
  })
})

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
