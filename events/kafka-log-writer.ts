// Appends to Kafka: acks=-1, never retried by the client, and a fresh producer after every failed send, because a producer
// that lost an answer was seen to acknowledge an event it had not written (docs/architecture.md, "The event log").

import { ToolwardenError } from './errors.ts'
import { describeFailedProduce, describeUnavailable, inDoubt } from './kafka-log-errors.ts'
import type { KafkaSettings } from './kafka-log-settings.ts'
import { type LogRecord, MAX_APPEND_BYTES, type Position, recordBytes, type Topic } from './log.ts'

/** A connected producer. */
export interface ProducerLink {
  /** Sends the records as one batch; whatever it throws, nothing is sent again. */
  send(topic: Topic, records: readonly LogRecord[], timeoutMs: number): Promise<readonly Position[]>
  /** Whether a connection that stood has gone away since the link was opened. */
  readonly lost: boolean
  close(): Promise<void>
}

interface Generation {
  readonly link: ProducerLink
  /** Appends that wait for an answer on this link; it is closed when a retired one has none left. */
  waiting: number
  retired: boolean
}

const EXPIRED = Symbol('the deadline passed')

/** Sends appends over one producer at a time. */
export class KafkaWriter {
  readonly #settings: KafkaSettings
  readonly #open: () => Promise<ProducerLink>
  readonly #closing = new Set<Promise<void>>()
  #current: Promise<Generation> | undefined

  constructor(settings: KafkaSettings, open: () => Promise<ProducerLink>) {
    this.#settings = settings
    this.#open = open
  }

  /** As EventLog.append. */
  async append(topic: Topic, records: readonly LogRecord[], deadlineMs: number): Promise<readonly Position[]> {
    checkRecords(topic, records)
    if (records.length === 0) return []
    const deadline = startDeadline(deadlineMs)
    try {
      const generation = await this.#connected(deadline.passed)
      return await this.#send(generation, { topic, records, deadlineMs, passed: deadline.passed })
    } finally {
      deadline.cancel()
    }
  }

  /** Ends the producer once its appends are answered; nothing may be appended any more. */
  async close(): Promise<void> {
    const current = this.#current
    this.#current = undefined
    const generation = await current?.catch(() => undefined)
    if (generation !== undefined) this.#retire(generation)
    await Promise.all(this.#closing)
  }

  // Up to here nothing is sent: a failure is LOG_UNAVAILABLE, and the attempt to connect serves the next append.
  async #connected(passed: Promise<typeof EXPIRED>): Promise<Generation> {
    try {
      const generation = await Promise.race([this.#acquire(), passed])
      if (generation !== EXPIRED) return generation
    } catch (cause) {
      throw describeUnavailable(this.#settings, 'append', cause)
    }
    throw describeUnavailable(this.#settings, 'append', new Error('no connection within the deadline'))
  }

  async #acquire(): Promise<Generation> {
    const present = this.#current
    if (present !== undefined) {
      const generation = await present
      if (!generation.retired && !generation.link.lost) return generation
      this.#retire(generation)
    }
    // Another append may have opened the next one while this one waited.
    if (this.#current === undefined || this.#current === present) this.#current = this.#openGeneration()
    return this.#current
  }

  #openGeneration(): Promise<Generation> {
    const opening = this.#open().then((link): Generation => ({ link, waiting: 0, retired: false }))
    opening.catch(() => {
      if (this.#current === opening) this.#current = undefined
    })
    return opening
  }

  async #send(generation: Generation, append: AppendInFlight): Promise<readonly Position[]> {
    const { topic, records, deadlineMs, passed } = append
    const where = `${this.#settings.topicPrefix}.${topic} on ${this.#settings.brokers.join(', ')}`
    generation.waiting += 1
    try {
      const positions = await Promise.race([generation.link.send(topic, records, deadlineMs), passed])
      if (positions !== EXPIRED) return positions
      throw inDoubt(where, `no acknowledgement within ${deadlineMs} ms`)
    } catch (cause) {
      const connectionLost = generation.link.lost
      generation.retired = true
      if (cause instanceof ToolwardenError) throw cause
      throw describeFailedProduce({ settings: this.#settings, where, connectionLost, cause })
    } finally {
      generation.waiting -= 1
      if (generation.retired) this.#retire(generation)
    }
  }

  #retire(generation: Generation): void {
    generation.retired = true
    if (generation.waiting > 0) return
    const closing = generation.link.close().finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
  }
}

interface AppendInFlight {
  readonly topic: Topic
  readonly records: readonly LogRecord[]
  readonly deadlineMs: number
  readonly passed: Promise<typeof EXPIRED>
}

function startDeadline(deadlineMs: number): { passed: Promise<typeof EXPIRED>; cancel: () => void } {
  let timer: NodeJS.Timeout | undefined
  const passed = new Promise<typeof EXPIRED>((resolve) => {
    timer = setTimeout(() => resolve(EXPIRED), deadlineMs)
  })
  return { passed, cancel: () => clearTimeout(timer) }
}

function checkRecords(topic: Topic, records: readonly LogRecord[]): void {
  const bytes = records.reduce((sum, record) => sum + recordBytes(record), 0)
  if (bytes > MAX_APPEND_BYTES) {
    throw new ToolwardenError('RECORD_TOO_LARGE', `an append of ${bytes} bytes is over ${MAX_APPEND_BYTES}`, {
      where: topic,
      fix: 'append fewer records at once, or record less (record.maxBytes)',
    })
  }
  const key = records[0]?.key
  if (records.some((record) => record.key !== key)) {
    throw new ToolwardenError('INTERNAL', 'the records of one append must share one key: they go to one partition', {
      where: topic,
    })
  }
}
