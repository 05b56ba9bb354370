// What the tests of the Kafka log share: one broker a file, a topic prefix a test, and readers that collect.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, afterEach, before } from 'node:test'
import { ToolwardenError } from '../../events/errors.ts'
import { KafkaLog } from '../../events/kafka-log.ts'
import { type KafkaSettings, kafkaSettings } from '../../events/kafka-log-settings.ts'
import type { ExpiredRange, SubscribeOptions, Topic } from '../../events/log.ts'
import { Reader } from './event-log-bench.ts'
import { type BrokerSecurity, type KafkaBroker, type KafkaForTests, kafkaForTests } from './kafka.ts'

// How long a step may take that waits for the broker or for a group.
const PATIENCE_MS = 30_000

/** The broker of a test file, and what a test opened on it. */
export class KafkaBench {
  #kafka: KafkaForTests | undefined
  readonly #logs: KafkaLog[] = []

  /** Starts the broker before the tests of the suite and clears up after them. */
  constructor(security: BrokerSecurity = {}) {
    before(async () => {
      this.#kafka = await kafkaForTests(security)
    })
    afterEach(async () => {
      for (const log of this.#logs.splice(0)) await log.close()
    })
    after(async () => this.#kafka?.release())
  }

  get brokers(): readonly string[] {
    return this.#kafka?.brokers ?? []
  }

  /** The broker that may be harmed; undefined where KAFKA_BROKERS names one of somebody else. */
  get broker(): KafkaBroker | undefined {
    return this.#kafka?.broker
  }

  /** Settings with a topic prefix of their own. */
  settings(changes: Record<string, unknown> = {}): KafkaSettings {
    return kafkaSettings.parse({
      brokers: this.brokers,
      topicPrefix: `test-${randomUUID()}`,
      partitions: 3,
      ...changes,
    })
  }

  /** A log that is closed after the test. */
  open(settings: KafkaSettings = this.settings()): KafkaLog {
    const log = new KafkaLog({ settings })
    this.#logs.push(log)
    return log
  }
}

/** A reader that also keeps what it was told of missing records and of its end. */
export class WatchedReader extends Reader {
  readonly expired: ExpiredRange[] = []
  /** What onStopped was told. */
  stopped: unknown

  constructor() {
    super(PATIENCE_MS)
  }

  /** Subscribes from the beginning unless told. */
  static async on(log: KafkaLog, topic: Topic, options: Partial<SubscribeOptions> = {}): Promise<WatchedReader> {
    const reader = new WatchedReader()
    const onExpired = (range: ExpiredRange) => void reader.expired.push(range)
    const onStopped = (error: unknown) => reader.noteStopped(error)
    const subscribe = { from: 'beginning' as const, onExpired, onStopped, ...options }
    reader.subscription = await log.subscribe(topic, subscribe, (batch) => reader.add(batch))
    return reader
  }

  noteStopped(error: unknown): void {
    this.stopped = error
    this.add([])
  }
}

/** The error that a promise is rejected with; fails if it is not one of ours. */
export async function reasonOf(promise: Promise<unknown>): Promise<ToolwardenError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof ToolwardenError, `expected a ToolwardenError, got ${String(error)}`)
  return error
}
