// The event log on Kafka under the contract of all event logs, on a real broker.
// Its own ways to fail are in the kafka-log-*.test.ts files.
import { randomUUID } from 'node:crypto'
import { KafkaLog } from '../../events/kafka-log.ts'
import { kafkaSettings } from '../../events/kafka-log-settings.ts'
import { describeEventLog } from '../contract/event-log.ts'
import type { EventLogStorage } from '../support/event-log-bench.ts'
import { type KafkaForTests, kafkaForTests, kafkaSkipReason } from '../support/kafka.ts'

let kafka: KafkaForTests | undefined
const skip = kafkaSkipReason()

describeEventLog({
  name: 'Kafka',
  ...(skip === false ? {} : { skip }),
  patienceMs: 20_000,
  before: async () => {
    kafka = await kafkaForTests()
  },
  after: async () => kafka?.release(),
  createStorage,
})

async function createStorage(): Promise<EventLogStorage> {
  const broker = kafka?.broker
  const settings = kafkaSettings.parse({ brokers: kafka?.brokers, topicPrefix: `test-${randomUUID()}`, partitions: 3 })
  return {
    open: async () => new KafkaLog({ settings }),
    ...(broker === undefined ? {} : { freeze: () => broker.freeze(), thaw: async () => broker.thaw() }),
    remove: async () => undefined,
  }
}
