// The ledger's consumer: every message of topic `events` becomes one row, in the order of its partition, exactly once.
// Judge → insert rows and own events together → publish the own events. Where a run resumes comes from the store alone,
// so that a crash at any point leaves nothing lost and nothing twice. While one round is inserted the next one is judged.
import type { ToolwardenError } from '../events/errors.ts'
import type { KeyPair } from '../events/keys.ts'
import type { EventLog, LogRecord, Subscription } from '../events/log.ts'
import { type Clock, uuidv7 } from '../events/time.ts'
import type { Trust } from '../events/trust.ts'
import { type Handed, prepareRound, type Round, recordsOf } from './ingest-round.ts'
import { KnownChains } from './known-chains.ts'
import { OwnChain } from './own-chain.ts'
import { MAX_WAITING_APPENDS, Publisher } from './publisher.ts'
import { findResumePoint, type ResumeProblem } from './resume.ts'
import { findRevocations } from './revocations.ts'
import { SilenceWatch } from './silence.ts'
import type { LedgerStore } from './store.ts'
import { type IngestFault, StoreWriter } from './store-writer.ts'
import { findUnpublished } from './unpublished.ts'

/** About how many messages one batch of a partition holds. */
const BATCH_RECORDS = 500
/** How many batches wait at most, beside the round that is judged and the one that is inserted; they share one insert. */
const MAX_WAITING_BATCHES = 4
/** How long a stop waits for the log to take the last own events; what is left the next run publishes. */
const STOP_PUBLISH_MS = 2_000

/** What ingest works with. */
export interface IngestOptions {
  readonly eventLog: EventLog
  readonly store: LedgerStore
  readonly clock: Clock
  readonly trust: Trust
  /** Name of the ledger; what is meant for another one is quarantined. */
  readonly log: string
  /** The part after `ledger/`; `main` unless told. */
  readonly name?: string
  /** The long-lived key of `ledger/<name>`. */
  readonly key: KeyPair
  readonly opening: { readonly software: string; readonly configuration: string }
  /** Told when it stops by itself: the store or the log refused for good. */
  readonly onStopped?: (error: unknown) => void
  /** Told of what does not match the ledger's own statements where a partition is taken up; `verify` reports it too. */
  readonly onProblem?: (problem: ResumeProblem) => void
  readonly batchRecords?: number
  /** Makes steps fail, for tests. */
  readonly fault?: IngestFault
}

/** How ingest is doing. */
export interface IngestStatus {
  /** Messages stored by this run, the ledger's own statements left out. */
  readonly messages: number
  readonly quarantined: number
  /** Inserts made. */
  readonly inserts: number
  /** Appends of own events that the log has not acknowledged. */
  readonly unpublished: number
  /** Why the store or the log did not take the last attempt; undefined when all is well. */
  readonly waitingFor: ToolwardenError | undefined
  /** True once all that stood in the log at the start is stored. */
  readonly isCaughtUp: boolean
  /** What did not match where partitions were taken up. */
  readonly problems: readonly ResumeProblem[]
}

interface Room {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** A running ledger. */
export class Ingest {
  readonly #options: IngestOptions
  readonly #writer: string
  readonly #own: OwnChain
  readonly #publisher: Publisher
  readonly #storeWriter: StoreWriter
  /** Of its own: what is revoked in this log is revoked for what comes after it here, and nowhere else. */
  readonly #trust: Trust
  /** Handed over by the log, oldest first; taken by `#work` alone. */
  #waiting: Handed[] = []
  /** Partitions of the log that may go on once what waits was taken. */
  #rooms: Room[] = []
  #working: Promise<void> | undefined
  /** Why `#work` ended; nothing is taken any more. */
  #failure: { readonly error: unknown } | undefined
  #subscription: Subscription | undefined
  #caughtUp: Promise<void> = Promise.resolve()
  #counts = { messages: 0, quarantined: 0, inserts: 0 }
  readonly #problems: ResumeProblem[] = []
  readonly #silence = new SilenceWatch()
  /** Set once the log was read to its end: until then chains are read one after the other, and some only look silent. */
  #isCaughtUp = false
  #state: 'running' | 'stopping' | 'failed' = 'running'

  private constructor(options: IngestOptions) {
    const { log, key, opening, clock, store, eventLog, fault } = options
    this.#options = options
    this.#trust = options.trust.copy()
    this.#writer = `ledger/${options.name ?? 'main'}`
    this.#own = new OwnChain({ log, writer: this.#writer, key, opening, nowMicros: () => clock.nowMicros() })
    this.#publisher = new Publisher(eventLog, { onFailed: (error) => this.#fail(error) })
    this.#storeWriter = new StoreWriter(store, clock, fault)
  }

  /** Subscribes to the log and begins. Throws STORE_* and LOG_*. */
  static async start(options: IngestOptions): Promise<Ingest> {
    const ingest = new Ingest(options)
    await ingest.#begin()
    return ingest
  }

  /** Resolves when all that stood in the log at the start is stored, and what earlier runs left unpublished is published. */
  get caughtUp(): Promise<void> {
    return this.#caughtUp
  }

  /** How it is doing now. */
  get status(): IngestStatus {
    return {
      ...this.#counts,
      unpublished: this.#publisher.waiting,
      waitingFor: this.#storeWriter.lastError ?? this.#publisher.lastError,
      problems: this.#problems,
      isCaughtUp: this.#isCaughtUp,
    }
  }

  /** `ledger/<name>/<instance>`: the ledger's own chain in this run. */
  get chain(): string {
    return this.#own.chain
  }

  /** Ends it cleanly: what was handed over is stored unless the store is out; says `writer/close`. */
  async stop(): Promise<void> {
    const wasRunning = this.#state === 'running'
    if (wasRunning) this.#state = 'stopping'
    this.#storeWriter.stop()
    await this.#subscription?.stop()
    await this.#working
    if (wasRunning && this.#own.length > 0 && this.#storeWriter.lastError === undefined) await this.#close()
    await this.#publisher.stop()
  }

  async #begin(): Promise<void> {
    const { eventLog, store, log, batchRecords } = this.#options
    await this.#storeWriter.begin()
    for (const key of (await findRevocations(store, log, this.#trust)).keys()) this.#trust.revoke(key)
    this.#subscription = await eventLog.subscribe(
      'events',
      {
        from: (partition) => this.#resume(partition),
        group: `toolwarden-ledger-${log}`,
        maxBatchRecords: batchRecords ?? BATCH_RECORDS,
        onExpired: (range) => this.#enqueue(range),
        onStopped: (error) => this.#fail(error),
      },
      (records) => this.#enqueue(records),
    )
    this.#caughtUp = this.#subscription.caughtUp.then(async () => {
      await this.#drain()
      this.#isCaughtUp = true
      await this.#republish()
    })
    // Whoever does not wait for it is told through onStopped.
    this.#caughtUp.catch((error: unknown) => this.#fail(error))
  }

  async #resume(partition: string): Promise<number | 'beginning'> {
    const { from, problem } = await findResumePoint(this.#options.store, partition)
    if (problem !== undefined) {
      this.#problems.push(problem)
      this.#options.onProblem?.(problem)
    }
    return from
  }

  /** What an earlier run stored and could not publish: the same bytes. */
  async #republish(): Promise<void> {
    const { store, clock } = this.#options
    // The embedded log lets no run continue another's partition: the records, which keep their key, go into a new one.
    const chain = `${this.#writer}/${uuidv7(clock.nowMicros())}`
    for await (const records of findUnpublished(store, this.#writer, this.#own.chain)) {
      this.#publish(chain, [records])
      await this.#publisher.settled(MAX_WAITING_APPENDS)
    }
    await this.#publisher.settled()
  }

  /** Resolves when more may come. Not when it is stored: where a run resumes comes from the store alone. */
  #enqueue(handed: Handed): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error)
    this.#waiting.push(handed)
    this.#working ??= this.#work()
    if (this.#waiting.length < MAX_WAITING_BATCHES) return Promise.resolve()
    return new Promise((resolve, reject) => this.#rooms.push({ resolve, reject }))
  }

  /** Resolves when all that was handed over is stored. Throws why not. */
  async #drain(): Promise<void> {
    await this.#working
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** One round is inserted at a time, in the order in which they were judged; never throws. */
  async #work(): Promise<void> {
    let inserting: Promise<void> = Promise.resolve()
    let before: KnownChains | undefined
    try {
      for (;;) {
        if (this.#waiting.length === 0) await inserting
        if (this.#waiting.length === 0) break
        const judged = await this.#judge(this.#takeWaiting(), before)
        before = judged.known
        await inserting
        inserting = this.#insert(judged.round)
        // It is waited for above; until then nobody may be listening.
        inserting.catch(() => undefined)
      }
    } catch (error) {
      this.#failure = { error }
      for (const { reject } of this.#rooms.splice(0)) reject(error)
      this.#fail(error)
    }
    this.#working = undefined
  }

  #takeWaiting(): readonly Handed[] {
    for (const { resolve } of this.#rooms.splice(0)) resolve()
    return this.#waiting.splice(0)
  }

  /** `before` is what the round before has learned, whose rows may not be stored yet. */
  async #judge(
    handed: readonly Handed[],
    before: KnownChains | undefined,
  ): Promise<{ readonly round: Round; readonly known: KnownChains }> {
    const { store, log, clock } = this.#options
    const records = recordsOf(handed)
    const known = await this.#storeWriter.untilDone(() => KnownChains.fetch(store, records, before))
    const nowMs = Math.floor(clock.nowMicros() / 1000)
    const silence = { watch: this.#silence, isJudging: this.#isCaughtUp }
    const context = { log, trust: this.#trust, known, own: this.#own, nowMs, silence }
    return { round: prepareRound(handed, context), known }
  }

  async #insert({ rows, own, messages, quarantined }: Round): Promise<void> {
    await this.#storeWriter.write(rows)
    const counts = this.#counts
    this.#counts = {
      messages: counts.messages + messages,
      quarantined: counts.quarantined + quarantined,
      inserts: counts.inserts + 1,
    }
    await this.#options.fault?.('before-publish')
    this.#publish(this.#own.chain, own.appends)
    await this.#publisher.settled(MAX_WAITING_APPENDS)
  }

  #publish(chain: string, appends: readonly (readonly LogRecord[])[]): void {
    this.#publisher.publish(appends.map((records) => ({ chain, records })))
  }

  async #close(): Promise<void> {
    const nowMs = Math.floor(this.#options.clock.nowMicros() / 1000)
    const own = this.#own.seal([{ type: 'writer/close', events: this.#own.length + 1 }], nowMs)
    await this.#storeWriter.write({ events: own.rows, payloads: [], quarantined: [] })
    this.#publish(this.#own.chain, own.appends)
    await this.#publisher.settled(0, STOP_PUBLISH_MS)
  }

  #fail(error: unknown): void {
    if (this.#state !== 'running') return
    this.#state = 'failed'
    this.#storeWriter.stop()
    this.#options.onStopped?.(error)
  }
}
