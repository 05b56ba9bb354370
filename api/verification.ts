// Runs the ledger's verification for the API: one at a time, with its progress, and the last result kept.
import { ToolwardenError } from '../events/errors.ts'
import { type Clock, formatTime } from '../events/time.ts'
import type { VerifyReport } from '../ledger/verify-report.ts'

/** How long a stop waits for a statement of the store. */
const STOP_WAIT_MS = 5_000

/** How far a run is: of the rows to walk, how many were. */
export interface VerifyProgress {
  readonly rows: number
  readonly total: number
}

/** The ledger's verification. Rejects with STORE_* only: a violation is a result. */
export type Verify = (onProgress: (progress: VerifyProgress) => void, choice: VerifyChoice) => Promise<VerifyReport>

/** How a run goes about it. */
export interface VerifyChoice {
  /** Nobody waits for it: it leaves room for everything else. */
  readonly isBackground: boolean
  /** Ends it early, with the reason as error. */
  readonly signal: AbortSignal
}

/** A run that has ended; with an error where it could not be done to the end. */
export interface FinishedRun {
  readonly startedAt: string
  readonly finishedAt: string
  readonly outcome: { readonly report: VerifyReport } | { readonly error: ToolwardenError }
}

/** A run under way. */
export interface CurrentRun {
  readonly startedAt: string
  readonly progress: VerifyProgress
}

/** The verification of one API process. */
export class Verification {
  readonly #verify: Verify
  readonly #clock: Clock
  /** Both written by `#start` alone. */
  #current: CurrentRun | undefined
  #last: FinishedRun | undefined
  #running: Promise<void> = Promise.resolve()
  readonly #stopping = new AbortController()

  constructor(verify: Verify, clock: Clock) {
    this.#verify = verify
    this.#clock = clock
  }

  /** The run under way. */
  get current(): CurrentRun | undefined {
    return this.#current
  }

  /** The last run that ended. */
  get last(): FinishedRun | undefined {
    return this.#last
  }

  /** Starts a run, or joins the one under way; resolves when it has ended. Never rejects: a failure is kept as its outcome. */
  run({ isBackground = false }: Partial<VerifyChoice> = {}): Promise<void> {
    if (this.#current === undefined) this.#running = this.#start(isBackground)
    return this.#running
  }

  /** Ends the run under way; resolves when it has ended, or five seconds later. */
  async stop(): Promise<void> {
    this.#stopping.abort(new ToolwardenError('STORE_UNAVAILABLE', 'the API stops', { retriable: true }))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, STOP_WAIT_MS)
    })
    await Promise.race([this.#running, late])
    clearTimeout(timer)
  }

  async #start(isBackground: boolean): Promise<void> {
    const startedAt = formatTime(this.#clock.nowMicros())
    this.#current = { startedAt, progress: { rows: 0, total: 0 } }
    const choice = { isBackground, signal: this.#stopping.signal }
    const outcome = await this.#verify((progress) => {
      this.#current = { startedAt, progress }
    }, choice).then(
      (report) => ({ report }),
      (cause: unknown) => ({ error: asError(cause) }),
    )
    this.#last = { startedAt, finishedAt: formatTime(this.#clock.nowMicros()), outcome }
    this.#current = undefined
  }
}

function asError(cause: unknown): ToolwardenError {
  if (cause instanceof ToolwardenError) return cause
  return new ToolwardenError('INTERNAL', 'the verification failed inside the API', { cause })
}
