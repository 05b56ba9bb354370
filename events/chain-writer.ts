// One run = one chain. Appends in flight share one commit and one signature; the chain's head moves only when the log
// has acknowledged. An append whose outcome is unknown is in doubt: its bytes are repeated until they are acknowledged.
import { type AppendSignature, type ChainHead, EMPTY_CHAIN, type RunKey, type SealedEvent } from './chain.ts'
import type { ChainWriterOptions } from './chain-writer-options.ts'
import { type Append, type Commit, type Entry, sealCommit } from './commit.ts'
import { ToolwardenError } from './errors.ts'
import { chainOf, type EventDraft } from './event.ts'
import { Heartbeat } from './heartbeat.ts'
import { certifyRun, generateKey } from './keys.ts'
import { APPEND_DEADLINE_MS, asLogFailure } from './log.ts'
import { LogOrSpool } from './log-or-spool.ts'
import { uuidv7 } from './time.ts'

/** The most appends that wait for one chain; more are refused. */
export const MAX_WAITING_APPENDS = 10_000
const RETRY_MS = 100
const CLOSE_DEADLINE_MS = 2_000

/** How an append behaves. */
export interface AppendChoice {
  /** Waits for the log however long that takes, and may use the disk's reserve: receipts, alerts, closing events. */
  readonly patient?: boolean
  /** No event follows it in its commit: what goes to `control`. */
  readonly last?: boolean
  /** Told when an append that was reported as failed turns out to be in the log. */
  readonly onLateCommit?: (events: readonly SealedEvent[]) => void
}

/** What an append came to: its events, and the signature over all hashes of the commit that it shared. */
export interface Appended {
  readonly events: readonly SealedEvent[]
  readonly hashes: readonly string[]
  readonly signature: AppendSignature
}

/** The choice of `writer/open`, which is made anew for every commit that starts a run. */
const OPENING: AppendChoice = { patient: true }

interface Waiting extends Append {
  readonly choice: AppendChoice
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: ToolwardenError) => void
}

/** Writes the chain of one run; `writer/open` rides ahead of whatever is appended first. */
export class ChainWriter {
  readonly instance: string
  /** `role/name/instance`. */
  readonly chain: string
  readonly #options: ChainWriterOptions
  readonly #runKey: RunKey
  readonly #outlet: LogOrSpool
  /** The last acknowledged event; written by `#acknowledge` alone. */
  #head: ChainHead = EMPTY_CHAIN
  #queue: Waiting[] = []
  #running = false
  /** The commit that the log has in hand, and who of it was told that it failed. */
  #inFlight: { readonly commit: Commit<Waiting>; readonly told: Set<Waiting> } | undefined
  /** Set while an append is in doubt: impatient appends are refused with it at once. */
  #doubt: ToolwardenError | undefined
  /** `closing`: what is patient still comes in; `ending`: `writer/close` is sealed, and nothing does. */
  #state: 'open' | 'closing' | 'ending' | 'closed' = 'open'
  /** `writer/close` while it waits for all else; written by `close`, taken by `#next`. */
  #closing: Waiting | undefined
  readonly #heartbeat: Heartbeat
  /** Set by `close`. */
  #isWhole = false

  constructor(options: ChainWriterOptions) {
    const { clock, log, writer } = options
    this.#options = options
    this.instance = uuidv7(clock.nowMicros())
    this.chain = chainOf({ writer, instance: this.instance })
    const own = generateKey()
    const identity = { log, writer, instance: this.instance }
    this.#runKey = {
      identity,
      privateKey: own.privateKey,
      certificate: certifyRun(options.key, identity, own.publicKey),
    }
    const { eventLog, spool, deadlineMs = APPEND_DEADLINE_MS, retryMs = RETRY_MS } = options
    this.#outlet = new LogOrSpool({ eventLog, spool, chain: this.chain, deadlineMs, retryMs })
    this.#heartbeat = new Heartbeat(clock, (monotonicMicros) => this.#beat(monotonicMicros))
  }

  /** What this run signs with; for `control/state`, which is signed outside the chain. */
  get runKey(): RunKey {
    return this.#runKey
  }

  /** The last acknowledged event. */
  get head(): ChainHead {
    return this.#head
  }

  /** True while an append is in doubt, or in the spool alone: the log does not answer. */
  get isInDoubt(): boolean {
    return (this.#doubt ?? this.#outlet.outage) !== undefined
  }

  /** True once the run has ended with nothing left behind: all that it was given is in the log. */
  get isWhole(): boolean {
    return this.#isWhole
  }

  /**
   * Resolves once the events are durable, as neighbours in the chain, in order.
   * Throws LOG_UNAVAILABLE, LOG_FULL or LOG_IN_DOUBT (never for a patient append), CHAIN_CLOSED, EVENT_INVALID, EVENT_TOO_LARGE.
   */
  append(entries: readonly [Entry, ...Entry[]], choice: AppendChoice = {}): Promise<Appended> {
    // A commit that turns out to be in the log while the run ends still has its calls closed.
    const isOpen = this.#state === 'open' || (this.#state === 'closing' && choice.patient === true)
    if (!isOpen) return Promise.reject(new ToolwardenError('CHAIN_CLOSED', `the chain ${this.chain} is closed`))
    const outage = this.#doubt ?? this.#outlet.outage
    if (outage !== undefined && choice.patient !== true) return Promise.reject(outage)
    if (this.#queue.length >= MAX_WAITING_APPENDS)
      return Promise.reject(
        new ToolwardenError('LOG_UNAVAILABLE', `${MAX_WAITING_APPENDS} appends wait for the log`, { retriable: true }),
      )
    this.#heartbeat.worked()
    return this.#enqueue(entries, choice)
  }

  /** Opens the run now, so that it is seen before it has anything to say. */
  async open(): Promise<void> {
    const monotonicMicros = this.#options.clock.monotonicMicros()
    await this.append([{ draft: { type: 'writer/heartbeat', monotonicMicros } }], { patient: true })
  }

  /** Ends the run with `writer/close`; leaves what the log does not take within two seconds. */
  async close(): Promise<void> {
    if (this.#state !== 'open') return
    this.#heartbeat.stop()
    this.#state = 'closing'
    const closing = new Promise<Appended>((resolve, reject) => {
      const entries: readonly Entry[] = [{ draft: (_, head) => ({ type: 'writer/close', events: head.sequence }) }]
      this.#closing = { entries, choice: { patient: true }, resolve, reject }
      this.#start()
    })
    const timer = setTimeout(() => this.#abandon(), this.#options.closeDeadlineMs ?? CLOSE_DEADLINE_MS)
    const isEnded = await closing.then(
      () => true,
      (error: unknown) => {
        // Given up after the deadline: the run then ends without its closing event, which verification reports as such.
        if (!(error instanceof ToolwardenError)) throw error
        return false
      },
    )
    // The closing event may be in the spool; what the log takes in time need not wait for the next run.
    await this.#outlet.drained
    clearTimeout(timer)
    this.#isWhole = isEnded && this.#outlet.outage === undefined
    this.#abandon()
  }

  #enqueue(entries: readonly Entry[], choice: AppendChoice): Promise<Appended> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ entries, ...(choice.last === true ? { last: true } : {}), choice, resolve, reject })
      this.#start()
    })
  }

  #start(): void {
    if (this.#running) return
    this.#running = true
    // One turn of the event loop lets calls that arrived together share a commit.
    setImmediate(() => void this.#run())
  }

  async #run(): Promise<void> {
    for (let next = this.#next(); next.length > 0; next = this.#next()) {
      const { clock } = this.#options
      const opening = this.#head.sequence === 0 ? [this.#opening()] : []
      const sealed = sealCommit(this.#head, [...opening, ...next], {
        runKey: this.#runKey,
        nowMicros: () => clock.nowMicros(),
        newId: () => uuidv7(clock.nowMicros()),
      })
      this.#queue = [...sealed.rest]
      for (const { waiting, error } of sealed.refused) waiting.reject(error)
      const unopened = sealed.refused.find(({ waiting }) => waiting.choice === OPENING)
      if (unopened !== undefined) {
        // No chain without its `writer/open`: everything that waits is refused with the reason.
        for (const { waiting } of sealed.commit?.parts ?? []) waiting.reject(unopened.error)
        continue
      }
      if (sealed.commit !== undefined) await this.#commit(sealed.commit)
    }
    this.#running = false
  }

  /** What the next commit is made from. `writer/close` stands alone, so that nothing late can come in behind it. */
  #next(): readonly Waiting[] {
    const closing = this.#closing
    if (this.#state === 'closed' || this.#queue.length > 0 || closing === undefined) return this.#queue
    this.#closing = undefined
    this.#state = 'ending'
    return [closing]
  }

  /** Hands one commit to the log until it is acknowledged, or surely not written. */
  async #commit(commit: Commit<Waiting>): Promise<void> {
    const told = new Set<Waiting>()
    const isPatient = commit.parts.every(({ waiting }) => waiting.choice.patient === true)
    const outgoing = {
      isPatient,
      isInDoubt: () => this.#doubt !== undefined,
      onOutage: (failure: ToolwardenError) => {
        if (failure.code === 'LOG_IN_DOUBT') this.#doubt = failure
        this.#refuseImpatient(commit, told, failure)
      },
    }
    this.#inFlight = { commit, told }
    while (this.#state !== 'closed') {
      const failure = await this.#outlet.append(commit.records, outgoing).then(() => undefined, asLogFailure)
      if (failure === undefined) return this.#acknowledge(commit, told)
      if (failure.code !== 'LOG_IN_DOUBT' && this.#doubt === undefined)
        return await this.#putBack(commit, told, failure)
      this.#doubt = failure
      await pause(this.#options.retryMs ?? RETRY_MS)
    }
  }

  #acknowledge(commit: Commit<Waiting>, told: ReadonlySet<Waiting>): void {
    this.#head = commit.head
    this.#inFlight = undefined
    this.#doubt = undefined
    this.#heartbeat.wrote()
    const { hashes, signature } = commit
    for (const { waiting, events } of commit.parts) {
      if (told.has(waiting)) waiting.choice.onLateCommit?.(events)
      else waiting.resolve({ events, hashes, signature })
    }
  }

  /** Nothing was written, so the sequence numbers are free: what is patient is sealed anew. */
  async #putBack(commit: Commit<Waiting>, told: ReadonlySet<Waiting>, failure: ToolwardenError): Promise<void> {
    this.#inFlight = undefined
    const waiting = commit.parts
      .map((part) => part.waiting)
      .filter((each) => !told.has(each) && each.choice !== OPENING)
    if (failure.retriable) this.#queue.unshift(...waiting)
    else for (const each of waiting) each.reject(failure)
    if (this.#queue.length > 0) await pause(this.#options.retryMs ?? RETRY_MS)
  }

  #refuseImpatient(commit: Commit<Waiting>, told: Set<Waiting>, failure: ToolwardenError): void {
    for (const { waiting } of commit.parts) {
      if (waiting.choice.patient === true || told.has(waiting)) continue
      told.add(waiting)
      waiting.reject(failure)
    }
    const [patient, impatient] = [true, false].map((wanted) =>
      this.#queue.filter(({ choice }) => (choice.patient === true) === wanted),
    )
    for (const waiting of impatient ?? []) waiting.reject(failure)
    this.#queue = patient ?? []
  }

  #opening(): Waiting {
    const { publicKey, signature } = this.#runKey.certificate
    const draft: EventDraft = {
      type: 'writer/open',
      publicKey: publicKey.toString('base64url'),
      certificate: signature.toString('base64url'),
      ...this.#options.opening,
    }
    return { entries: [{ draft }], choice: OPENING, resolve: () => undefined, reject: () => undefined }
  }

  #beat(monotonicMicros: number): void {
    if (this.#running) return
    this.#enqueue([{ draft: { type: 'writer/heartbeat', monotonicMicros } }], {}).catch((error: unknown) => {
      // A heartbeat that the log did not take is not made up for: its absence is the signal.
      if (!(error instanceof ToolwardenError)) throw error
    })
  }

  #abandon(): void {
    this.#state = 'closed'
    this.#outlet.stop()
    const error = new ToolwardenError('CHAIN_CLOSED', `the chain ${this.chain} is closed`)
    for (const waiting of this.#queue.splice(0)) waiting.reject(error)
    this.#closing?.reject(error)
    this.#closing = undefined
    // What the log still has in hand is given up too; should it be taken after all, `onLateCommit` says so.
    const { commit, told } = this.#inFlight ?? { told: new Set<Waiting>() }
    for (const { waiting } of commit?.parts ?? []) {
      if (told.has(waiting)) continue
      told.add(waiting)
      waiting.reject(error)
    }
  }
}

function pause(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis))
}
