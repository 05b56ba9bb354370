// What the event log makes of a real broker: topics and their settings, groups, retention, transactions.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ToolwardenError } from '../../events/errors.ts'
import type { KafkaLog } from '../../events/kafka-log.ts'
import { planTopic } from '../../events/kafka-log-topics.ts'
import type { StoredRecord } from '../../events/log.ts'
import { append, appendMany, newChain, numbers, text } from '../support/event-log-bench.ts'
import { kafkaSkipReason } from '../support/kafka.ts'
import { describeTopic, inTransaction, removeBefore, withAdmin } from '../support/kafka-admin.ts'
import { KafkaBench, reasonOf, WatchedReader } from '../support/kafka-bench.ts'

const bench = new KafkaBench()

describe('topics on Kafka', { skip: kafkaSkipReason() }, () => {
  it('makes them with their clean-up policies, partitions and the log’s own time', async () => {
    const settings = bench.settings({ partitions: 4, retentionMs: 3_600_000 })
    await bench.open(settings).prepare()
    const common = { 'message.timestamp.type': 'LogAppendTime', 'max.message.bytes': '1048588' }
    assert.deepEqual(await describeTopic(settings, 'events'), {
      partitions: 4,
      ...common,
      'cleanup.policy': 'delete',
      'retention.ms': '3600000',
    })
    const control = await describeTopic(settings, 'control')
    assert.deepEqual([control.partitions, control['cleanup.policy']], [1, 'compact'])
    const checkpoints = await describeTopic(settings, 'checkpoints')
    assert.deepEqual([checkpoints.partitions, checkpoints['retention.ms']], [1, '-1'])
  })

  it('makes them once, when several processes start together', async () => {
    const settings = bench.settings()
    await Promise.all([1, 2, 3, 4].map(() => bench.open(settings).prepare()))
    assert.equal((await describeTopic(settings, 'events')).partitions, 3)
  })

  it('refuses a topic that would lose records, and says how to mend it', async () => {
    const settings = bench.settings()
    const plan = planTopic(settings, 'control')
    const configEntries = [{ name: 'cleanup.policy', value: 'delete' }]
    await withAdmin(settings, (admin) => admin.createTopics({ topics: [{ ...plan, configEntries }] }))
    const error = await reasonOf(bench.open(settings).prepare())
    assert.equal(error.code, 'CONFIG_INVALID')
    assert.match(error.message, /control is not fit .* cleanup\.policy is delete, it must be compact/)
    assert.match(error.fix ?? '', /kafka-configs\.sh .*--entity-name \S+\.control --add-config cleanup\.policy=compact/)
  })

  it('gives records the time of their append', async () => {
    const log = bench.open()
    const beforeMs = Date.now()
    await append(log, newChain(), ['one'])
    const reader = await WatchedReader.on(log, 'events')
    await reader.until(() => reader.records.length === 1)
    const timeMs = reader.records[0]?.timeMs ?? 0
    assert.ok(timeMs >= beforeMs && timeMs <= Date.now())
  })
})

describe('reading on Kafka', { skip: kafkaSkipReason() }, () => {
  it('divides the partitions among the members of a group, and each record comes to one of them', async () => {
    const settings = bench.settings({ partitions: 4 })
    const log = bench.open(settings)
    await log.prepare()
    const all = new WatchedReader()
    const members = [await joinGroup(bench.open(settings), all), await joinGroup(bench.open(settings), all)]
    const chains = Array.from({ length: 24 }, newChain)
    // The group is divided once each member was handed something.
    for (let round = 0; members.some((member) => member.length === 0); round += 1) {
      assert.ok(round < 200, 'one member gets everything')
      for (const chain of chains) await append(log, chain, [`warm ${round}`])
    }
    for (const chain of chains) await append(log, chain, ['counted'])
    const counted = (records: readonly StoredRecord[]) => records.filter((record) => text(record) === 'counted')
    await all.until(() => counted(all.records).length === chains.length)
    assert.deepEqual(
      counted(all.records)
        .map((record) => record.key)
        .toSorted(),
      chains.toSorted(),
    )
    const [left, right] = members.map((own) => new Set(counted(own).map((record) => record.position.partition)))
    assert.ok(left !== undefined && right !== undefined && [...left].every((partition) => !right.has(partition)))
  })

  it('asks where to go on, and not the group', async () => {
    const log = bench.open(bench.settings({ partitions: 1 }))
    await appendMany(log, newChain(), 6)
    const first = await WatchedReader.on(log, 'events', { group: 'ledger' })
    await first.until(() => first.records.length === 6)
    await first.subscription.stop()
    const second = await WatchedReader.on(log, 'events', { group: 'ledger', from: async () => 2 })
    await second.until(() => second.records.length === 4)
    assert.deepEqual(second.records.map(text), numbers(2, 6))
  })

  it('reports what retention removed, and goes on after it', async () => {
    const settings = bench.settings({ partitions: 1 })
    const log = bench.open(settings)
    await appendMany(log, newChain(), 10)
    await removeBefore(settings, 4)
    const reader = await WatchedReader.on(log, 'events', { from: async () => 1 })
    await reader.until(() => reader.records.length === 6)
    assert.deepEqual(reader.records.map(text), numbers(4, 10))
    assert.deepEqual(reader.expired, [{ topic: 'events', partition: '0', from: 1, to: 3 }])
  })

  it('stops at what retention removed, when nobody wants to be told', async () => {
    const settings = bench.settings({ partitions: 1 })
    const log = bench.open(settings)
    await appendMany(log, newChain(), 3)
    await removeBefore(settings, 2)
    const stopped = await new Promise((resolve, reject) => {
      log.subscribe('events', { from: async () => 0, onStopped: resolve }, () => undefined).catch(reject)
    })
    assert.ok(stopped instanceof ToolwardenError && stopped.code === 'LOG_EXPIRED', String(stopped))
  })

  it('reports what retention removed under a reader that was held up', async () => {
    const settings = bench.settings({ partitions: 1 })
    const log = bench.open(settings)
    const chain = newChain()
    await append(log, chain, ['0'])
    const reader = new WatchedReader()
    const held = holdFirst()
    const onExpired = (range: WatchedReader['expired'][number]) => void reader.expired.push(range)
    reader.subscription = await log.subscribe('events', { from: 'beginning', onExpired }, async (batch) => {
      reader.add(batch)
      await held.pass()
    })
    await reader.until(() => reader.records.length === 1)
    for (const value of numbers(1, 6)) await append(log, chain, [value])
    await removeBefore(settings, 4)
    held.release()
    await reader.until(() => reader.records.length === 3)
    assert.deepEqual(reader.records.map(text), ['0', '4', '5'])
    assert.deepEqual(reader.expired, [{ topic: 'events', partition: '0', from: 1, to: 3 }])
  })

  it('stops, when the log ends before what was read', async () => {
    const log = bench.open(bench.settings({ partitions: 1 }))
    await append(log, newChain(), ['only'])
    const reader = await WatchedReader.on(log, 'events', { from: async () => 5 })
    await reader.until(() => reader.stopped !== undefined)
    assert.ok(reader.stopped instanceof ToolwardenError && reader.stopped.code === 'LOG_CORRUPT')
  })

  it('catches up behind the markers of transactions, committed and aborted', async () => {
    const settings = bench.settings()
    const log = bench.open(settings)
    await log.prepare()
    await inTransaction(settings, 'checkpoints', ['kept'], 'commit')
    await inTransaction(settings, 'checkpoints', ['dropped'], 'abort')
    const reader = await WatchedReader.on(log, 'checkpoints')
    await reader.subscription.caughtUp
    assert.deepEqual(reader.records.map(text), ['kept'])
    await inTransaction(settings, 'checkpoints', ['next'], 'commit')
    await reader.until(() => reader.records.length === 2)
    assert.deepEqual(reader.expired, [])
  })

  it('leaves no group behind, when a reader without one stops', async () => {
    const settings = bench.settings()
    const reader = await WatchedReader.on(bench.open(settings), 'events')
    await reader.subscription.caughtUp
    await reader.subscription.stop()
    const { groups } = await withAdmin(settings, (admin) => admin.listGroups())
    assert.deepEqual(
      groups.filter(({ groupId }) => groupId.startsWith(settings.topicPrefix)),
      [],
    )
  })
})

/** Joins the group; resolves with what this member is handed, which `all` is handed too. */
async function joinGroup(log: KafkaLog, all: WatchedReader): Promise<StoredRecord[]> {
  const own: StoredRecord[] = []
  const { caughtUp } = await log.subscribe('events', { from: 'beginning', group: 'members' }, (batch) => {
    own.push(...batch)
    all.add(batch)
  })
  await caughtUp
  return own
}

function holdFirst(): { pass(): Promise<void>; release(): void } {
  let release: () => void = () => undefined
  const open = new Promise<void>((resolve) => {
    release = resolve
  })
  return { pass: () => open, release: () => release() }
}
