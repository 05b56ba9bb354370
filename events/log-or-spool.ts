// The way of a chain's commits out of the process: to the log, and while that is out, to the spool of the run. What is in the
// spool goes to the log in order, the same bytes, before anything else of the chain does; so a chain never forks.
// docs/design/009-spool.md has the table of states.
import type { ToolwardenError } from './errors.ts'
import { asLogFailure, type EventLog, type LogRecord, type Position } from './log.ts'
import type { Spool } from './spool.ts'

/** What commits go to. */
export interface LogOrSpoolOptions {
  readonly eventLog: EventLog
  /** Without one, what the log does not take waits. */
  readonly spool: Spool | undefined
  readonly chain: string
  readonly deadlineMs: number
  readonly retryMs: number
}

/** How one commit goes out. */
export interface Outgoing {
  /** Whether all of it may use the disk's reserve and the spool. */
  readonly isPatient: boolean
  /** Whether an earlier attempt left these very bytes in doubt: their place in the chain is taken. */
  readonly isInDoubt: () => boolean
  /** Told at once when the log does not take it, before the spool is asked: nothing that was proposed may go on. */
  readonly onOutage: (failure: ToolwardenError) => void
}

/** Takes the commits of one chain, one at a time, in order. */
export class LogOrSpool {
  readonly #options: LogOrSpoolOptions
  /** What is in the spool and not in the log, oldest first; as many bytes as the spool may hold. */
  readonly #backlog: (readonly LogRecord[])[] = []
  /** Set while commits go to the spool: from the first that did until all are in the log. */
  #out: ToolwardenError | undefined
  /** Set while the spool is asked for a commit that the log did not take. */
  #asked: ToolwardenError | undefined
  #isDraining = false
  #isStopped = false
  #drained: Promise<void> = Promise.resolve()
  #stop: () => void = () => undefined
  #isStartNoted = false

  constructor(options: LogOrSpoolOptions) {
    this.#options = options
  }

  /** Why the log is out; undefined while it takes what it is given. */
  get outage(): ToolwardenError | undefined {
    return this.#out ?? this.#asked
  }

  /** Resolves when all that was spooled is in the log, or `stop` was called. */
  get drained(): Promise<void> {
    return this.#drained
  }

  /**
   * Resolves once the records are durable in the log or, where it is out, in the spool. Throws as EventLog.append does: after
   * LOG_IN_DOUBT they may be in either, and the same bytes must be repeated. What is not patient goes to the spool only where
   * the log is in doubt about it, since its place in the chain is taken then; and where the log is out already.
   */
  async append(records: readonly LogRecord[], { isPatient, isInDoubt, onOutage }: Outgoing): Promise<void> {
    const { spool } = this.#options
    const failure = this.#out ?? (await this.#toLog(records, isPatient))
    if (failure === undefined) return spool?.clear()
    onOutage(failure)
    const isDue = failure.code === 'LOG_IN_DOUBT' || isInDoubt() || (isPatient && failure.retriable)
    if (spool === undefined || !isDue) throw failure
    this.#asked = failure
    const spoolFailure = await spool.append(records).then(() => undefined, asLogFailure)
    this.#asked = undefined
    if (spoolFailure === undefined) {
      this.#out ??= failure
      this.#backlog.push(records)
    }
    this.#startDraining()
    if (spoolFailure !== undefined) throw spoolFailure.code === 'LOG_IN_DOUBT' ? spoolFailure : failure
  }

  /** Leaves what is in the spool to the next run. */
  stop(): void {
    this.#isStopped = true
    this.#stop()
  }

  #startDraining(): void {
    if (this.#out === undefined || this.#isDraining || this.#isStopped) return
    this.#isDraining = true
    const stopped = new Promise<void>((resolve) => {
      this.#stop = resolve
    })
    this.#drained = Promise.race([this.#drain(), stopped])
  }

  async #drain(): Promise<void> {
    for (let next = this.#backlog[0]; next !== undefined && !this.#isStopped; next = this.#backlog[0]) {
      const failure = await this.#toLog(next, true)
      if (failure === undefined) this.#backlog.shift()
      else {
        this.#out = failure
        await new Promise((resolve) => setTimeout(resolve, this.#options.retryMs))
      }
    }
    this.#isDraining = false
    // What is being spooled at this moment is drained by whoever spools it.
    if (this.#isStopped || this.#asked !== undefined) return
    this.#out = undefined
    this.#options.spool?.clear()
  }

  async #toLog(records: readonly LogRecord[], isPatient: boolean): Promise<ToolwardenError | undefined> {
    const { eventLog, chain, deadlineMs } = this.#options
    try {
      const positions = await eventLog.append('events', records, { deadlineMs, chain, mayUseReserve: isPatient })
      this.#noteStart(positions[0])
      return undefined
    } catch (error) {
      return asLogFailure(error)
    }
  }

  #noteStart(position: Position | undefined): void {
    const { spool } = this.#options
    if (this.#isStartNoted || spool === undefined || position === undefined) return
    this.#isStartNoted = true
    // Without it the next run reads the log from its beginning.
    spool.note(position).catch(() => undefined)
  }
}
