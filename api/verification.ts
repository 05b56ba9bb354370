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
  /** Only what grew since the last that found nothing wrong, as far as there was one. */
  readonly isIncremental: boolean
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
  readonly isIncremental: boolean
}

/** The verification of one API process. */
export class Verification {
  readonly #verify: Verify
  readonly #clock: Clock
  /** Both written by `#start` alone. */
  #current: CurrentRun | undefined
  #last: FinishedRun | undefined
  #running: Promise<void> = Promise.resolve()
  /** Set while a run of everything waits for an incremental one to end. */
  #isWaiting = false
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

  /**
   * Starts a run, or joins the one under way; resolves when it has ended. Whoever asks for all waits for an incremental one first.
   * Never rejects: a failure is kept as its outcome.
   */
  run({ isBackground = false, isIncremental = false }: Partial<VerifyChoice> = {}): Promise<void> {
    const choice = { isBackground, isIncremental }
    if (this.#current === undefined && !this.#isWaiting) this.#running = this.#start(choice)
    else if (this.#current?.isIncremental === true && !isIncremental && !this.#isWaiting) {
      this.#isWaiting = true
      this.#running = this.#running.then(() => {
        this.#isWaiting = false
        return this.#start(choice)
      })
    }
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

  async #start(choice: Omit<VerifyChoice, 'signal'>): Promise<void> {
    const { isIncremental } = choice
    const startedAt = formatTime(this.#clock.nowMicros())
    this.#current = { startedAt, progress: { rows: 0, total: 0 }, isIncremental }
    const means = { ...choice, signal: this.#stopping.signal }
    const outcome = await this.#verify((progress) => {
      this.#current = { startedAt, progress, isIncremental }
    }, means).then(
      (report) => ({ report }),
      (cause: unknown) => ({ error: asError(cause) }),
    )
    // Nothing wrong in a part says nothing new of the whole.
    const isNews = !isIncremental || 'error' in outcome || outcome.report.violationCount > 0
    if (isNews) this.#last = { startedAt, finishedAt: formatTime(this.#clock.nowMicros()), outcome }
    this.#current = undefined
  }
}

function asError(cause: unknown): ToolwardenError {
  if (cause instanceof ToolwardenError) return cause
  return new ToolwardenError('INTERNAL', 'the verification failed inside the API', { cause })
}
