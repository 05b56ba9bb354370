// The event log when its broker freezes, dies, comes back or was never there.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { append, appendMany, appendUntilTaken, newChain, numbers } from '../support/event-log-bench.ts'
import { type KafkaBroker, kafkaSkipReason } from '../support/kafka.ts'
import { KafkaBench, reasonOf, WatchedReader } from '../support/kafka-bench.ts'

const SHORT_DEADLINE_MS = 800
const ROUNDS = 6
const PROCESSES = 5

const bench = new KafkaBench()

describe('a Kafka broker in trouble', { skip: kafkaSkipReason() }, () => {
  it('leaves an append in doubt at its deadline, when it freezes, and takes the same bytes again', async (context) => {
    const broker = breakable(context)
    if (broker === undefined) return
    const log = bench.open()
    const chain = newChain()
    await append(log, chain, ['before'])
    await broker.freeze()
    const startedMs = performance.now()
    const error = await reasonOf(append(log, chain, ['doubtful'], SHORT_DEADLINE_MS))
    const tookMs = performance.now() - startedMs
    const second = await reasonOf(append(log, chain, ['doubtful'], SHORT_DEADLINE_MS))
    broker.thaw()
    assert.equal(error.code, 'LOG_IN_DOUBT')
    assert.ok(tookMs >= SHORT_DEADLINE_MS - 5 && tookMs < SHORT_DEADLINE_MS + 300, `${tookMs} ms`)
    assert.equal(second.code, 'LOG_UNAVAILABLE')
    await appendUntilTaken(log, chain, 'doubtful')
    const reader = await WatchedReader.on(log, 'events')
    await reader.until(() => reader.values(chain).includes('doubtful'))
    assert.deepEqual([...new Set(reader.values(chain))], ['before', 'doubtful'])
  })

  it('says that nothing was written, when it is away, and goes on when it is back', async (context) => {
    const broker = breakable(context)
    if (broker === undefined) return
    const log = bench.open()
    const chain = newChain()
    await append(log, chain, ['before'])
    await broker.kill()
    const startedMs = performance.now()
    const error = await reasonOf(append(log, chain, ['lost'], 5_000))
    assert.ok(performance.now() - startedMs < 2_000)
    await broker.restart()
    assert.equal(error.code, 'LOG_UNAVAILABLE')
    assert.ok(error.retriable)
    assert.match(error.message, /Kafka at 127\.0\.0\.1:\d+ is not reachable: the connection was refused/)
    await appendUntilTaken(log, chain, 'after')
    const reader = await WatchedReader.on(log, 'events')
    await reader.until(() => reader.values(chain).includes('after'))
    assert.deepEqual(reader.values(chain), ['before', 'after'])
  })

  it('goes on being read after it was killed and restarted, alone and in a group', async (context) => {
    const broker = breakable(context)
    if (broker === undefined) return
    const log = bench.open(bench.settings({ sessionTimeoutMs: 6_000 }))
    const chain = newChain()
    const readers = [await WatchedReader.on(log, 'events'), await WatchedReader.on(log, 'events', { group: 'ledger' })]
    await appendMany(log, chain, 5)
    for (const reader of readers) await reader.until(() => reader.records.length === 5)
    await broker.kill()
    await broker.restart()
    await appendUntilTaken(log, chain, '5')
    for (const reader of readers) {
      await reader.until(() => reader.values(chain).includes('5'))
      assert.deepEqual(reader.values(chain), numbers(0, 6))
      assert.equal(reader.stopped, undefined)
    }
  })

  it('gives topics that many processes make at once to all of them, before their leaders know', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const settings = bench.settings()
      const logs = Array.from({ length: PROCESSES }, () => bench.open(settings))
      await Promise.all(logs.map((log) => WatchedReader.on(log, 'events')))
      await append(logs[0] ?? bench.open(settings), newChain(), ['first'])
    }
  })

  it('goes on reading after it was frozen longer than a request may take', async (context) => {
    const broker = breakable(context)
    if (broker === undefined) return
    const log = bench.open(bench.settings({ requestTimeoutMs: 1_000 }))
    const chain = newChain()
    const reader = await WatchedReader.on(log, 'events')
    await append(log, chain, ['0'])
    await reader.until(() => reader.records.length === 1)
    await broker.freeze()
    await reasonOf(append(log, chain, ['last'], 3_000))
    broker.thaw()
    await appendUntilTaken(log, chain, 'last')
    await reader.until(() => reader.values(chain).includes('last'))
    assert.equal(reader.stopped, undefined)
  })
})

describe('a Kafka broker that is not there', () => {
  it('is named within five seconds', async () => {
    const log = bench.open(bench.settings({ brokers: ['127.0.0.1:1', 'broker.invalid:9092'] }))
    const startedMs = performance.now()
    for (const attempt of [log.prepare(), append(log, newChain(), ['x']), WatchedReader.on(log, 'events')]) {
      const error = await reasonOf(attempt)
      assert.equal(error.code, 'LOG_UNAVAILABLE')
      assert.match(error.message, /Kafka at 127\.0\.0\.1:1, broker\.invalid:9092 is not reachable: /)
      assert.match(error.fix ?? '', /KAFKA_BROKERS/)
    }
    assert.ok(performance.now() - startedMs < 5_000)
  })
})

function breakable(context: TestContext): KafkaBroker | undefined {
  if (bench.broker === undefined) context.skip('the broker of KAFKA_BROKERS is not ours to break')
  return bench.broker
}
