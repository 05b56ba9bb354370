// One connected kafkajs producer, used by kafka-log-writer.ts until a send fails.

import type { KafkaProducer } from './kafka-log.ts'
import { toMessage, toOffset } from './kafka-log-record.ts'
import type { KafkaSettings } from './kafka-log-settings.ts'
import { disconnect, type TrackedSockets } from './kafka-log-sockets.ts'
import { topicName } from './kafka-log-topics.ts'
import type { ProducerLink } from './kafka-log-writer.ts'
import type { LogRecord, Position, Topic } from './log.ts'

const ALL_IN_SYNC_REPLICAS = -1

/** Sends over kafkajs. */
export class KafkaProducerLink implements ProducerLink {
  readonly #producer: KafkaProducer
  readonly #sockets: TrackedSockets
  readonly #settings: KafkaSettings

  constructor(producer: KafkaProducer, sockets: TrackedSockets, settings: KafkaSettings) {
    this.#producer = producer
    this.#sockets = sockets
    this.#settings = settings
  }

  get lost(): boolean {
    return this.#sockets.lost
  }

  async send(topic: Topic, records: readonly LogRecord[], timeoutMs: number): Promise<readonly Position[]> {
    const [answer] = await this.#producer.send({
      topic: topicName(this.#settings, topic),
      messages: records.map(toMessage),
      acks: ALL_IN_SYNC_REPLICAS,
      timeout: timeoutMs,
    })
    if (answer?.baseOffset === undefined) throw new Error('the broker acknowledged without an offset')
    const first = toOffset(answer.baseOffset)
    const partition = String(answer.partition)
    return records.map((_, index) => ({ topic, partition, offset: first + index }))
  }

  async close(): Promise<void> {
    await disconnect(this.#producer, this.#sockets)
  }
}
