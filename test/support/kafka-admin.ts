// What tests do to Kafka besides the event log: look at topics, remove records, write transactions.
import { Kafka, logLevel } from 'kafkajs'
import type { KafkaSettings } from '../../events/kafka-log-settings.ts'

type Admin = ReturnType<Kafka['admin']>

function connectTo(settings: KafkaSettings): Kafka {
  return new Kafka({ brokers: [...settings.brokers], logLevel: logLevel.NOTHING })
}

/** Runs `work` with a connected administration client. */
export async function withAdmin<T>(settings: KafkaSettings, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = connectTo(settings).admin()
  await admin.connect()
  return await work(admin).finally(() => admin.disconnect())
}

/** Removes the records of partition 0 of `events` before an offset, as retention does. */
export async function removeBefore(settings: KafkaSettings, offset: number): Promise<void> {
  const topic = `${settings.topicPrefix}.events`
  const partitions = [{ partition: 0, offset: String(offset) }]
  await withAdmin(settings, async (admin) => {
    // kafkajs finds the leaders only of topics that it was asked for before.
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions })
  })
}

/** The partitions and the settings that matter of a topic. */
export async function describeTopic(settings: KafkaSettings, name: string): Promise<Record<string, string | number>> {
  const topic = `${settings.topicPrefix}.${name}`
  return await withAdmin(settings, async (admin) => {
    const { resources } = await admin.describeConfigs({ resources: [{ type: 2, name: topic }], includeSynonyms: false })
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    const wanted = ['cleanup.policy', 'retention.ms', 'message.timestamp.type', 'max.message.bytes']
    const entries = (resources[0]?.configEntries ?? []).filter((entry) => wanted.includes(entry.configName))
    const config = Object.fromEntries(entries.map((entry) => [entry.configName, entry.configValue]))
    return { partitions: topics[0]?.partitions.length ?? 0, ...config }
  })
}

/** Writes records in one transaction, whose marker takes an offset of its own. */
export async function inTransaction(
  settings: KafkaSettings,
  name: string,
  values: readonly string[],
  end: 'commit' | 'abort',
): Promise<void> {
  const producer = connectTo(settings).producer({
    transactionalId: settings.topicPrefix,
    idempotent: true,
    maxInFlightRequests: 1,
  })
  await producer.connect()
  const transaction = await producer.transaction()
  await transaction.send({
    topic: `${settings.topicPrefix}.${name}`,
    messages: values.map((value) => ({ key: 'log', value })),
  })
  await transaction[end]()
  await producer.disconnect()
}
