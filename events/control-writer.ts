// Writes to `control` for the roles that may: the chained event first, then its record, so that nothing takes effect
// unrecorded; and every two seconds a signed `control/state` of what this writer holds to be live.
import type { Attachments } from './chain.ts'
import type { Appended, ChainWriter } from './chain-writer.ts'
import type { Entry } from './commit.ts'
import type { ControlReader, HeldControl } from './control-reader.ts'
import {
  type ControlState,
  isControlEvent,
  type JudgedPosition,
  liveDigest,
  toControlRecord,
  toStateRecord,
} from './control-record.ts'
import { subjectsOf } from './control-view.ts'
import { ToolwardenError } from './errors.ts'
import type { EventDraft } from './event.ts'
import { APPEND_DEADLINE_MS, type EventLog, type LogRecord } from './log.ts'
import { type Clock, formatTime } from './time.ts'

/** How often a writer says what is live. */
export const CONTROL_STATE_MS = 2_000
const RETRY_MS = 100
const STOP_DEADLINE_MS = 2_000

/** What a control writer works with; the reader must have been started. */
export interface ControlWriterOptions {
  readonly eventLog: EventLog
  readonly clock: Clock
  readonly log: string
  readonly writer: string
  readonly chainWriter: ChainWriter
  readonly reader: ControlReader
}

/** A draft of an event for `control`, made with the revision that it gets. */
export type ControlDraft = (revision: number) => EventDraft

/** Publishes rules, verdicts and switches of one writer. */
export class ControlWriter {
  readonly #options: ControlWriterOptions
  readonly #timer: NodeJS.Timeout
  /** The highest revision given by this run; a new one is above it and above all that the reader has seen. */
  #revision = 0
  /** Control records go out one after the other, so that their order is the order of their revisions. */
  #tail: Promise<unknown> = Promise.resolve()
  #stopped = false
  #stateWaits = false
  #judged: readonly JudgedPosition[] | undefined
  /** Subjects whose records wait to be said again. */
  readonly #restoring = new Set<string>()

  constructor(options: ControlWriterOptions) {
    this.#options = options
    options.reader.onDisplaced((held) => this.#restore(held))
    this.#timer = setInterval(() => this.#enqueueState(), CONTROL_STATE_MS).unref()
    this.#enqueueState()
  }

  /**
   * Appends the events before it and the control event as one commit, then its record to `control`.
   * Resolves when both are durable; patient: it waits for the log. Throws CHAIN_CLOSED, EVENT_INVALID.
   */
  publish(draft: ControlDraft, before: readonly Entry[] = [], attachments: Attachments = {}): Promise<Appended> {
    return this.#inTurn(async () => {
      if (this.#stopped)
        throw new ToolwardenError('CHAIN_CLOSED', 'nothing is published any more: this run is stopping')
      this.#revision = Math.max(this.#revision, this.#options.reader.view.revision) + 1
      const entry: Entry = { draft: draft(this.#revision), ...attachments }
      const [first = entry, ...rest] = [...before, entry]
      const appended = await this.#options.chainWriter.append([first, ...rest], { patient: true, last: true })
      const last = appended.events.at(-1)
      if (last === undefined || !isControlEvent(last.event))
        throw new ToolwardenError('INTERNAL', 'not an event for control')
      await this.#send(toControlRecord(appended))
      return appended
    })
  }

  /** Says at once, with the state, how far receipts were judged; what was published before it stands before it. */
  announce(judged: readonly JudgedPosition[]): void {
    this.#judged = judged
    this.#enqueueState()
  }

  /** Ends the run: nothing is published any more. Waits two seconds for what is under way; closing the chain ends the rest. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#timer)
    const deadline = new AbortController()
    const timeout = setTimeout(() => deadline.abort(), STOP_DEADLINE_MS)
    const given = new Promise<void>((resolve) => deadline.signal.addEventListener('abort', () => resolve()))
    await Promise.race([this.#tail, given])
    clearTimeout(timeout)
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#tail.then(work)
    this.#tail = turn.catch((error: unknown) => {
      // The caller of the turn is told; the next turn goes on.
      if (!(error instanceof ToolwardenError)) throw error
    })
    return turn
  }

  async #send(record: LogRecord): Promise<void> {
    const { eventLog, chainWriter } = this.#options
    do {
      try {
        await eventLog.append('control', [record], {
          deadlineMs: APPEND_DEADLINE_MS,
          chain: chainWriter.chain,
          mayUseReserve: true,
        })
        return
      } catch (error) {
        if (!(error instanceof ToolwardenError) || !error.retriable) throw error
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    } while (!this.#stopped)
    throw new ToolwardenError('CHAIN_CLOSED', `${record.key} was recorded but not published: this run is stopping`)
  }

  /** Says again, byte for byte, what this writer said and another record took the place of. */
  #restore({ event, record }: HeldControl): void {
    if (this.#stopped || event.writer !== this.#options.writer || this.#restoring.has(record.key)) return
    this.#restoring.add(record.key)
    this.#inTurn(async () => {
      this.#restoring.delete(record.key)
      const current = this.#options.reader.view.subjects.get(record.key)
      // A newer one was published meanwhile, and stands above the displaced one by itself.
      if (current?.event === event) await this.#send(record)
    }).catch((error: unknown) => {
      // This run is stopping: the next one's reader sees what stands on `control` then.
      if (!(error instanceof ToolwardenError)) throw error
    })
  }

  #enqueueState(): void {
    if (this.#stopped || this.#stateWaits) return
    this.#stateWaits = true
    void this.#inTurn(async () => {
      this.#stateWaits = false
      // Nothing is live before the run is open.
      await this.#sendState(toStateRecord(this.#state(), this.#options.chainWriter.runKey))
    }).catch((error: unknown) => {
      if (!(error instanceof ToolwardenError)) throw error
    })
  }

  /** A state that the log does not take is overtaken by the next one; one that is in doubt is repeated, or nothing could follow. */
  async #sendState(record: LogRecord): Promise<void> {
    const { eventLog, chainWriter } = this.#options
    do {
      try {
        await eventLog.append('control', [record], { deadlineMs: CONTROL_STATE_MS, chain: chainWriter.chain })
        return
      } catch (error) {
        if (!(error instanceof ToolwardenError) || error.code !== 'LOG_IN_DOUBT') throw error
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    } while (!this.#stopped)
  }

  #state(): ControlState {
    const { clock, log, writer, chainWriter, reader } = this.#options
    const micros = clock.nowMicros()
    const live = subjectsOf(reader.view, writer, micros)
    const revision = Math.max(this.#revision, reader.view.revision)
    const envelope = {
      v: 1,
      type: 'control/state',
      log,
      writer,
      instance: chainWriter.instance,
      time: formatTime(micros),
    } as const
    const judged = this.#judged === undefined ? {} : { judged: [...this.#judged] }
    return { ...envelope, revision, count: live.length, digest: liveDigest(live), ...judged }
  }
}
