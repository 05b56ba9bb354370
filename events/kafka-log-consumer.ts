// One connected kafkajs consumer, used by kafka-log-reader.ts until it fails. Its own restarts are switched off: the reader
// opens a new one, so that there is one place that decides where to go on.

import type { KafkaClient, KafkaConsumer, KafkaFetch } from './kafka-log.ts'
import { toAppends, toOffset } from './kafka-log-record.ts'
import type { FetchedBatch, ReaderSession, SessionHandlers } from './kafka-log-session.ts'
import type { KafkaSettings } from './kafka-log-settings.ts'
import { disconnect } from './kafka-log-sockets.ts'
import { topicName } from './kafka-log-topics.ts'
import type { Topic } from './log.ts'

// A record after silence is answered at once (minBytes 1); this only bounds how long an idle fetch, and so a stop, takes.
const IDLE_FETCH_MS = 100
// How soon a partition that an operator added is read.
const METADATA_AGE_MS = 30_000
const REBALANCE_TIMEOUT_MS = 30_000
const HEARTBEATS_A_SESSION = 4
// Short troubles are mended without leaving the group; longer ones by the reader.
const RETRY = { retries: 3, initialRetryTime: 100, maxRetryTime: 500, restartOnFailure: async () => false }

/** What to consume, and whom to tell. */
export interface ConsumerPlan {
  readonly settings: KafkaSettings
  readonly topic: Topic
  readonly group: string
  readonly handlers: SessionHandlers
}

/** Consumes over kafkajs. */
export class KafkaConsumerSession implements ReaderSession {
  readonly #plan: ConsumerPlan
  readonly #name: string
  /** The client and its consumer, once there; undefined if there never was one. */
  readonly #connected: Promise<ConnectedConsumer | undefined>
  #consumer: KafkaConsumer | undefined

  constructor(plan: ConsumerPlan, createClient: () => Promise<KafkaClient>) {
    this.#plan = plan
    this.#name = topicName(plan.settings, plan.topic)
    this.#connected = this.#create(createClient)
    this.#connected.then((connected) => this.#run(connected)).catch((error: unknown) => plan.handlers.onEnded(error))
  }

  start(positions: ReadonlyMap<number, number>): void {
    const topic = this.#name
    for (const [partition, offset] of positions) this.#consumer?.seek({ topic, partition, offset: String(offset) })
    this.#consumer?.resume([{ topic, partitions: [...positions.keys()] }])
  }

  async close(): Promise<void> {
    const connected = await this.#connected
    if (connected !== undefined) await disconnect(connected.consumer, connected.client.sockets)
  }

  async #create(createClient: () => Promise<KafkaClient>): Promise<ConnectedConsumer | undefined> {
    const { settings, group, handlers } = this.#plan
    try {
      const client = await createClient()
      const consumer = client.kafka.consumer({
        groupId: group,
        sessionTimeout: settings.sessionTimeoutMs,
        rebalanceTimeout: Math.max(REBALANCE_TIMEOUT_MS, settings.sessionTimeoutMs),
        heartbeatInterval: Math.floor(settings.sessionTimeoutMs / HEARTBEATS_A_SESSION),
        minBytes: 1,
        maxWaitTimeInMs: IDLE_FETCH_MS,
        metadataMaxAge: METADATA_AGE_MS,
        allowAutoTopicCreation: false,
        retry: RETRY,
      })
      return { client, consumer }
    } catch (error) {
      handlers.onEnded(error)
      return undefined
    }
  }

  async #run(connected: ConnectedConsumer | undefined): Promise<void> {
    if (connected === undefined) return
    const { consumer } = connected
    this.#consumer = consumer
    this.#listen(consumer)
    await consumer.connect()
    // The earliest offset is only where kafkajs goes when the wanted one has expired: the reader notices and reports it.
    await consumer.subscribe({ topics: [this.#name], fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: (fetch) => this.#plan.handlers.onBatch(this.#toBatch(consumer, fetch)),
    })
  }

  #listen(consumer: KafkaConsumer): void {
    const { handlers } = this.#plan
    const topic = this.#name
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      const partitions = payload.memberAssignment[topic] ?? []
      // Paused in the same turn of the event loop, before anything is fetched from where kafkajs would begin.
      consumer.pause([{ topic, partitions }])
      handlers.onAssigned(partitions)
    })
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
      if (payload.batchSize === 0) handlers.onSkipped(payload.partition, toOffset(payload.lastOffset))
    })
    consumer.on(consumer.events.CRASH, ({ payload }) => handlers.onEnded(payload.error))
  }

  #toBatch(consumer: KafkaConsumer, { batch, resolveOffset, heartbeat, isRunning, isStale }: KafkaFetch): FetchedBatch {
    const { partition } = batch
    return {
      partition,
      appends: toAppends(this.#plan.topic, batch),
      lastOffset: toOffset(batch.lastOffset()),
      resolve: (offset) => resolveOffset(String(offset)),
      heartbeat,
      commit: (next) => consumer.commitOffsets([{ topic: this.#name, partition, offset: String(next) }]),
      isCurrent: () => isRunning() && !isStale(),
    }
  }
}

interface ConnectedConsumer {
  readonly client: KafkaClient
  readonly consumer: KafkaConsumer
}
