// The event log on Apache Kafka, the distributed backbone: topics by kafka-log-topics.ts, appends by kafka-log-writer.ts,
// subscriptions by kafka-log-reader.ts. The only file that imports kafkajs, and only when a log is used.

import { randomUUID } from 'node:crypto'
import type { Admin, Consumer, EachBatchPayload, Kafka, KafkaConfig, Message, Producer, SASLOptions } from 'kafkajs'
import { ToolwardenError } from './errors.ts'
import { type ConsumerPlan, KafkaConsumerSession } from './kafka-log-consumer.ts'
import { describeUnavailable, isSettling, isUnknownTopic } from './kafka-log-errors.ts'
import { collectLatest } from './kafka-log-latest.ts'
import { KafkaProducerLink } from './kafka-log-producer.ts'
import { KafkaReader, type KafkaReaderOptions } from './kafka-log-reader.ts'
import { toOffset } from './kafka-log-record.ts'
import type { ReaderSession, ReaderSource, Watermarks } from './kafka-log-session.ts'
import { type KafkaSettings, readSaslMaterial, readTlsMaterial } from './kafka-log-settings.ts'
import { disconnect, type SocketRequest, TrackedSockets } from './kafka-log-sockets.ts'
import { checkTopic, planTopic, TOPICS, type TopicConfig, topicName } from './kafka-log-topics.ts'
import { KafkaWriter, type ProducerLink } from './kafka-log-writer.ts'
import type {
  AppendOptions,
  EventLog,
  LatestOptions,
  LogRecord,
  OnBatch,
  Position,
  StoredRecord,
  SubscribeOptions,
  Subscription,
  Topic,
} from './log.ts'

const TOPIC_RESOURCE = 2
const TOPIC_POLL_MS = 50
// What ends the wait for an acknowledgement is the deadline of its append.
const PRODUCE_TIMEOUT_MS = 10 * 60 * 1000

/** The parts of kafkajs that the other files of this adapter work with; types only. */
export type KafkaClient = { readonly kafka: Kafka; readonly sockets: TrackedSockets }
export type KafkaConsumer = Consumer
export type KafkaFetch = EachBatchPayload
export type KafkaProducer = Producer
export type KafkaMessage = Message

/** Where kafkajs's own warnings go; none of them is needed for correctness. */
export type KafkaWarn = (message: string, details: Readonly<Record<string, unknown>>) => void

/** Settings, and where warnings go (nowhere unless told; never to stdout). */
export interface KafkaLogOptions {
  readonly settings: KafkaSettings
  readonly warn?: KafkaWarn
}

/** The event log on Kafka; it connects when it is first used and again whenever it has to. */
export class KafkaLog implements EventLog {
  readonly #settings: KafkaSettings
  readonly #warn: KafkaWarn
  readonly #writer: KafkaWriter
  readonly #readers = new Set<KafkaReader>()
  #prepared: Promise<void> | undefined
  #closed = false

  constructor({ settings, warn = () => undefined }: KafkaLogOptions) {
    this.#settings = settings
    this.#warn = warn
    this.#writer = new KafkaWriter(settings, () => this.#openProducer())
  }

  /**
   * Reaches the brokers, makes the topics that are missing and checks those that are there; the first use does so too.
   * Throws LOG_UNAVAILABLE within connectTimeoutMs, CONFIG_INVALID for a topic that would lose records.
   */
  prepare(): Promise<void> {
    this.#prepared ??= this.#prepareTopics().catch((error: unknown) => {
      this.#prepared = undefined
      throw error
    })
    return this.#prepared
  }

  async append(topic: Topic, records: readonly LogRecord[], options: AppendOptions): Promise<readonly Position[]> {
    this.#checkOpen()
    return await this.#writer.append(topic, records, options.deadlineMs)
  }

  async subscribe(topic: Topic, subscribe: SubscribeOptions, onBatch: OnBatch): Promise<Subscription> {
    const atStart = await this.#lookAtTopic(topic)
    return this.#read({ topic, subscribe, onBatch, atStart })
  }

  async latest(
    topic: Topic,
    onRecord: (record: StoredRecord) => Promise<void> | void,
    options: LatestOptions = {},
  ): Promise<Subscription> {
    const atStart = await this.#lookAtTopic(topic)
    const ends = new Map([...atStart].map(([partition, { high }]) => [String(partition), high]))
    const { onBatch, flush } = collectLatest(ends, onRecord)
    const subscribe: SubscribeOptions = { from: 'beginning', ...options }
    return this.#read({ topic, subscribe, onBatch, atStart, beforeCaughtUp: flush })
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#readers].map((reader) => reader.stop()))
    await this.#writer.close()
  }

  #checkOpen(): void {
    if (!this.#closed) return
    throw new ToolwardenError('LOG_UNAVAILABLE', 'the event log was closed', {
      where: this.#settings.brokers.join(', '),
    })
  }

  async #lookAtTopic(topic: Topic): Promise<ReadonlyMap<number, Watermarks>> {
    this.#checkOpen()
    await this.prepare()
    return await this.#watermarks(topic)
  }

  #read(options: Omit<KafkaReaderOptions, 'source' | 'onReconnect'>): Subscription {
    this.#checkOpen()
    const { topic, subscribe } = options
    const { group } = subscribe
    // A reader without a group needs one of its own all the same, and a new one at each connection: in the old one its
    // former self is a member until its session is over.
    let ownGroup = ''
    const source: ReaderSource = {
      open: (handlers) => {
        ownGroup = `${this.#settings.topicPrefix}.reader.${randomUUID()}`
        return this.#openConsumer({ topic, group: group ?? ownGroup, handlers })
      },
      watermarks: () => this.#watermarks(topic),
      committed: async () => (group === undefined ? new Map() : await this.#committed(topic, group)),
    }
    const onReconnect = (error: unknown) => this.#warn('the subscription reconnects', { topic, error: String(error) })
    const reader = new KafkaReader({ ...options, source, onReconnect })
    this.#readers.add(reader)
    reader.start()
    const stop = async () => {
      await reader.stop()
      if (this.#readers.delete(reader) && group === undefined) await this.#forget(ownGroup)
    }
    return { caughtUp: reader.caughtUp, stop }
  }

  #openConsumer(plan: Omit<ConsumerPlan, 'settings'>): ReaderSession {
    return new KafkaConsumerSession({ ...plan, settings: this.#settings }, () => this.#client())
  }

  async #openProducer(): Promise<ProducerLink> {
    await this.prepare()
    const { kafka, sockets } = await this.#client(PRODUCE_TIMEOUT_MS)
    const { Partitioners } = await import('kafkajs')
    const producer = kafka.producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      allowAutoTopicCreation: false,
      idempotent: false,
      retry: { retries: 0 },
    })
    await this.#withinTime(producer.connect(), sockets)
    return new KafkaProducerLink(producer, sockets, this.#settings)
  }

  async #watermarks(topic: Topic): Promise<ReadonlyMap<number, Watermarks>> {
    const offsets = await this.#whenSettled(() =>
      this.#administer('read offsets', (admin) => admin.fetchTopicOffsets(topicName(this.#settings, topic))),
    )
    return new Map(offsets.map(({ partition, low, high }) => [partition, { low: toOffset(low), high: toOffset(high) }]))
  }

  async #committed(topic: Topic, groupId: string): Promise<ReadonlyMap<number, number>> {
    const name = topicName(this.#settings, topic)
    const answer = await this.#administer('read the group', (admin) => admin.fetchOffsets({ groupId, topics: [name] }))
    const partitions = answer.flatMap((entry) => entry.partitions)
    return new Map(
      partitions
        .filter(({ offset }) => Number(offset) >= 0)
        .map(({ partition, offset }) => [partition, toOffset(offset)]),
    )
  }

  // A reader's own group holds no offsets, so the brokers forget it by themselves if this does not reach them.
  async #forget(group: string): Promise<void> {
    try {
      await this.#administer('remove the group of a reader', (admin) => admin.deleteGroups([group]))
    } catch (error) {
      this.#warn('the group of a reader stays until the broker forgets it', { group, error: String(error) })
    }
  }

  async #prepareTopics(): Promise<void> {
    const made = await this.#administer('prepare the topics', async (admin) => {
      const present = new Set(await admin.listTopics())
      const missing = TOPICS.filter((topic) => !present.has(topicName(this.#settings, topic)))
      if (missing.length > 0) await createTopics(admin, this.#settings, missing)
      const names = TOPICS.map((topic) => topicName(this.#settings, topic))
      const resources = await describeTopics(admin, names)
      for (const topic of TOPICS) checkTopic(this.#settings, topic, resources.get(topicName(this.#settings, topic)))
      return missing
    })
    // A leader that does not know yet that it leads refuses appends.
    for (const topic of made) await this.#watermarks(topic)
  }

  async #administer<T>(doing: string, work: (admin: Admin) => Promise<T>): Promise<T> {
    try {
      const { kafka, sockets } = await this.#client()
      const admin = kafka.admin()
      const run = async () => {
        await admin.connect()
        return await work(admin)
      }
      try {
        return await this.#withinTime(run(), sockets)
      } finally {
        await disconnect(admin, sockets)
      }
    } catch (cause) {
      throw describeUnavailable(this.#settings, doing, cause)
    }
  }

  /** What was just made, by whomever, has no leader yet; each try has a client of its own, which learns of a new one. */
  async #whenSettled<T>(work: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.#settings.connectTimeoutMs
    for (;;) {
      try {
        return await work()
      } catch (error) {
        if (!isSettling(error) || performance.now() > deadline) throw error
        await new Promise((resolve) => setTimeout(resolve, TOPIC_POLL_MS))
      }
    }
  }

  async #withinTime<T>(work: Promise<T>, sockets: TrackedSockets): Promise<T> {
    const { connectTimeoutMs } = this.#settings
    const timer = setTimeout(() => sockets.destroy(`no answer within ${connectTimeoutMs} ms`), connectTimeoutMs)
    try {
      return await work
    } finally {
      clearTimeout(timer)
    }
  }

  async #client(requestTimeout = this.#settings.requestTimeoutMs): Promise<KafkaClient> {
    const [ssl, sasl] = await Promise.all([readTlsMaterial(this.#settings), readSaslMaterial(this.#settings)])
    const { Kafka, logLevel } = await import('kafkajs')
    const { brokers, clientId, connectTimeoutMs } = this.#settings
    const sockets = new TrackedSockets()
    const config: KafkaConfig = {
      brokers: [...brokers],
      clientId,
      connectionTimeout: Math.min(connectTimeoutMs, 1_000),
      authenticationTimeout: connectTimeoutMs,
      requestTimeout,
      // For connecting only (each try takes the next broker): the producer has its own, which is none.
      retry: { retries: brokers.length, initialRetryTime: 50, maxRetryTime: 200 },
      socketFactory: (request: SocketRequest) => sockets.connect(request),
      logLevel: logLevel.WARN,
      logCreator: () => (entry) => this.#warn(entry.log.message, { namespace: entry.namespace }),
    }
    if (ssl !== undefined) config.ssl = ssl
    // kafkajs has one type for each mechanism, all alike.
    if (sasl !== undefined) config.sasl = sasl as SASLOptions
    return { kafka: new Kafka(config), sockets }
  }
}

async function createTopics(admin: Admin, settings: KafkaSettings, missing: readonly Topic[]): Promise<void> {
  try {
    await admin.createTopics({ topics: missing.map((topic) => planTopic(settings, topic)), waitForLeaders: true })
  } catch (error) {
    const errors = error instanceof Error && 'errors' in error && Array.isArray(error.errors) ? error.errors : [error]
    // Another process of the installation makes them at the same moment.
    const mine = errors.find((each) => each?.type !== 'TOPIC_ALREADY_EXISTS')
    if (mine !== undefined) throw mine
  }
}

async function describeTopics(admin: Admin, names: readonly string[]): Promise<ReadonlyMap<string, TopicConfig>> {
  const resources = names.map((name) => ({ type: TOPIC_RESOURCE, name }))
  for (;;) {
    try {
      const described = await admin.describeConfigs({ resources, includeSynonyms: false })
      return new Map(
        described.resources.map(({ resourceName, configEntries }) => [
          resourceName,
          new Map(configEntries.map(({ configName, configValue }) => [configName, configValue])),
        ]),
      )
    } catch (error) {
      // A topic just made is not known to every broker yet; the time limit of the whole ends the waiting.
      if (!isUnknownTopic(error)) throw error
      await new Promise((resolve) => setTimeout(resolve, TOPIC_POLL_MS))
    }
  }
}
