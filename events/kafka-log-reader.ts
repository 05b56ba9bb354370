// A subscription on Kafka: keeps its own positions, survives the loss of brokers by opening a new consumer, and reports what
// retention removed. The group's offsets are a convenience, never what `from` is overruled by.

import { ToolwardenError } from './errors.ts'
import { isHopeless } from './kafka-log-errors.ts'
import type { FetchedBatch, ReaderSession, ReaderSource, Watermarks } from './kafka-log-session.ts'
import { chooseStart, createTruncated, reportExpired } from './kafka-log-start.ts'
import type { OnBatch, SubscribeOptions, Subscription, Topic } from './log.ts'

/** The most records in one batch unless the subscriber says otherwise. */
const MAX_BATCH_RECORDS = 1_000
const HEARTBEAT_CHECK_MS = 1_000
const RECONNECT_DELAY_MS = 500

/** What a reader is made of. */
export interface KafkaReaderOptions {
  readonly topic: Topic
  readonly subscribe: SubscribeOptions
  readonly onBatch: OnBatch
  /** Runs once, after the last record that stood at the start and before `caughtUp` resolves. */
  readonly beforeCaughtUp?: () => Promise<void>
  readonly source: ReaderSource
  /** The partitions as they stood at the start. */
  readonly atStart: ReadonlyMap<number, Watermarks>
  /** Told each time the connection was lost and a new one is tried. */
  readonly onReconnect: (error: unknown) => void
}

/** Reads a topic until it is stopped. */
export class KafkaReader implements Subscription {
  readonly caughtUp: Promise<void>
  readonly #options: KafkaReaderOptions
  /** The next offset wanted of each partition that was ever assigned. */
  readonly #positions = new Map<number, number>()
  #assigned: readonly number[] | undefined
  /** Counts the assignments. */
  #generation = 0
  /** Resolves when the handlers that were begun have ended. */
  #handling: Promise<void> = Promise.resolve()
  #settleCaughtUp: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined
  #stopping = false
  #endSession: (error: unknown) => void = () => undefined
  #wake: () => void = () => undefined
  #running: Promise<void> = Promise.resolve()

  constructor(options: KafkaReaderOptions) {
    this.#options = options
    this.caughtUp = new Promise((resolve, reject) => {
      this.#settleCaughtUp = { resolve, reject }
    })
    // Whoever does not ask for it must not be ended by its rejection.
    this.caughtUp.catch(() => undefined)
  }

  /** Begins to read; it goes on by itself. */
  start(): void {
    this.#running = this.#run()
  }

  /** Ends it; resolves when no callback is running any more. */
  async stop(): Promise<void> {
    this.#end(
      new ToolwardenError('LOG_UNAVAILABLE', 'the subscription was stopped before it had caught up', {
        retriable: true,
      }),
    )
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const error = await this.#runSession()
      if (this.#stopping) return
      if (isHopeless(error)) return this.#fail(error)
      this.#options.onReconnect(error)
      await this.#pause()
    }
  }

  // Resolves with why the consumer ended; by then it is closed and no callback runs.
  async #runSession(): Promise<unknown> {
    const ended = new Promise<unknown>((resolve) => {
      this.#endSession = resolve
    })
    const session = this.#options.source.open({
      onAssigned: (partitions) => this.#noteAssigned(session, partitions),
      onBatch: (batch) => this.#enqueue(() => this.#handle(batch)),
      onSkipped: (partition, lastOffset) => this.#skip(partition, lastOffset),
      onEnded: (error) => this.#endSession(error),
    })
    const error = await ended
    await this.#handling
    await session.close()
    return error
  }

  async #pause(): Promise<void> {
    if (this.#stopping) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, RECONNECT_DELAY_MS)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #end(error: unknown): void {
    this.#stopping = true
    this.#settleCaughtUp?.reject(error)
    this.#endSession(error)
    this.#wake()
  }

  #fail(error: unknown): void {
    if (this.#stopping) return
    this.#end(error)
    this.#options.subscribe.onStopped?.(error)
  }

  #noteAssigned(session: ReaderSession, partitions: readonly number[]): void {
    this.#generation += 1
    const generation = this.#generation
    this.#assign(partitions)
      .then((positions) => {
        // A newer assignment has paused its partitions again, and starts them itself.
        if (positions !== undefined && generation === this.#generation) session.start(positions)
      })
      .catch((error: unknown) => this.#endSession(error))
  }

  // Rejects when the brokers can't be asked; what the subscriber's own functions throw stops the subscription.
  async #assign(partitions: readonly number[]): Promise<ReadonlyMap<number, number> | undefined> {
    await this.#handling
    const { topic, subscribe, source, atStart } = this.#options
    const [watermarks, committed] = await Promise.all([source.watermarks(), source.committed()])
    const positions = new Map<number, number>()
    try {
      for (const partition of partitions) {
        const now = watermarks.get(partition) ?? { low: 0, high: 0 }
        const known = { now, atStart: atStart.get(partition), committed: committed.get(partition) }
        const held = this.#positions.get(partition)
        positions.set(partition, await chooseStart({ topic, subscribe, partition, held, ...known }))
      }
      for (const [partition, position] of positions) this.#positions.set(partition, position)
      this.#assigned = partitions
      await this.#noteCaughtUp()
    } catch (error) {
      this.#fail(error)
    }
    return this.#stopping ? undefined : positions
  }

  /** One after the other; the promise of the last one never rejects. */
  #enqueue(work: () => Promise<void>): Promise<void> {
    const handling = this.#handling.then(() => (this.#stopping ? undefined : work()))
    this.#handling = handling.catch(() => undefined)
    return handling
  }

  // Rejects only with what the brokers said (a heartbeat, a commit, a look at the log): the consumer then joins or fetches
  // again. What the subscriber's own functions throw stops the subscription.
  async #handle(batch: FetchedBatch): Promise<void> {
    const marks = await this.#lookAtHole(batch)
    let refusal: unknown
    try {
      await this.#checkHole(batch, marks)
      refusal = await this.#handOver(batch)
      await this.#noteCaughtUp()
    } catch (error) {
      return this.#fail(error)
    }
    if (refusal !== undefined) throw refusal
    const next = this.#positions.get(batch.partition)
    if (this.#options.subscribe.group !== undefined && next !== undefined && batch.isCurrent()) await batch.commit(next)
  }

  /** Hands the batch over; returns what the group said meanwhile against this member, if anything. */
  async #handOver(batch: FetchedBatch): Promise<unknown> {
    const { partition, lastOffset } = batch
    const wanted = this.#positions.get(partition)
    if (wanted === undefined) return undefined
    let refusal: unknown
    const appends = batch.appends.filter((append) => (append.at(-1)?.position.offset ?? -1) >= wanted)
    for (const records of packAppends(appends, this.#options.subscribe.maxBatchRecords ?? MAX_BATCH_RECORDS)) {
      if (this.#stopping || !batch.isCurrent()) return refusal
      const position = this.#positions.get(partition)
      refusal = (await whileBeating(batch, async () => await this.#options.onBatch(records))) ?? refusal
      // Repositioned by a new assignment meanwhile.
      if (this.#positions.get(partition) !== position) return refusal
      this.#advance(batch, records.at(-1)?.position.offset ?? wanted)
    }
    if (!this.#stopping && batch.isCurrent()) this.#advance(batch, lastOffset)
    return refusal
  }

  #advance(batch: FetchedBatch, offset: number): void {
    const position = this.#positions.get(batch.partition) ?? 0
    this.#positions.set(batch.partition, Math.max(position, offset + 1))
    batch.resolve(offset)
  }

  // kafkajs goes to the earliest offset by itself when the wanted one is out of range: noticed here, never jumped over.
  async #lookAtHole({ partition, appends }: FetchedBatch): Promise<Watermarks | undefined> {
    const wanted = this.#positions.get(partition)
    const first = appends[0]?.[0]?.position.offset
    if (wanted === undefined || first === undefined || first === wanted) return undefined
    // Compaction leaves holes everywhere and retention none.
    if (first > wanted && this.#options.topic === 'control') return undefined
    return (await this.#options.source.watermarks()).get(partition)
  }

  async #checkHole({ partition, appends }: FetchedBatch, marks: Watermarks | undefined): Promise<void> {
    const wanted = this.#positions.get(partition)
    const first = appends[0]?.[0]?.position.offset
    if (marks === undefined || wanted === undefined || first === undefined) return
    const { topic, subscribe } = this.#options
    if (marks.high < wanted) throw createTruncated(topic, partition, { wanted, end: marks.high })
    if (first > wanted && marks.low > wanted) {
      await reportExpired(topic, subscribe, { partition, from: wanted, to: Math.min(marks.low, first) - 1 })
    }
  }

  #skip(partition: number, lastOffset: number): void {
    const wanted = this.#positions.get(partition)
    if (this.#stopping || wanted === undefined || lastOffset < wanted) return
    this.#positions.set(partition, lastOffset + 1)
    this.#enqueue(() => this.#noteCaughtUp()).catch((error: unknown) => this.#fail(error))
  }

  async #noteCaughtUp(): Promise<void> {
    const settle = this.#settleCaughtUp
    if (settle === undefined || this.#assigned === undefined || this.#stopping) return
    for (const partition of this.#assigned) {
      const end = this.#options.atStart.get(partition)?.high ?? 0
      if ((this.#positions.get(partition) ?? 0) < end) return
    }
    this.#settleCaughtUp = undefined
    try {
      await this.#options.beforeCaughtUp?.()
      settle.resolve()
    } catch (error) {
      settle.reject(error)
      throw error
    }
  }
}

function packAppends<T>(appends: readonly (readonly T[])[], max: number): T[][] {
  const packs: T[][] = []
  for (const append of appends) {
    const last = packs.at(-1)
    if (last !== undefined && last.length + append.length <= max) last.push(...append)
    else packs.push([...append])
  }
  return packs
}

/** Keeps the membership alive during a long callback; returns what the group said against it, if anything. */
async function whileBeating(batch: FetchedBatch, work: () => Promise<void>): Promise<unknown> {
  let refusal: unknown
  const timer = setInterval(() => {
    batch.heartbeat().catch((error: unknown) => {
      refusal ??= error
    })
  }, HEARTBEAT_CHECK_MS)
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  return refusal
}
