// Runs the ledger's verification for the API: one at a time, with its progress, and the last result kept.
import { ToolwardenError } from '../events/errors.ts'
import { type Clock, formatTime } from '../events/time.ts'

/** One thing that does not hold. */
export interface VerificationViolation {
  readonly kind: string
  readonly where: string
  readonly message: string
}

/** What one run found. */
export interface VerificationReport {
  readonly ok: boolean
  readonly counts: Readonly<Record<string, number>>
  readonly violations: readonly VerificationViolation[]
}

/** The ledger's verification. Rejects with STORE_UNAVAILABLE or STORE_INVALID; a violation is a result. */
export type Verify = (onProgress: (progress: VerificationProgress) => void) => Promise<VerificationReport>

/** How far a run is. */
export interface VerificationProgress {
  readonly done: number
  readonly total: number
}

/** A run that has ended. */
export interface FinishedRun {
  readonly startedAt: string
  readonly finishedAt: string
  readonly report?: VerificationReport
  /** Why it could not be done to the end. */
  readonly error?: ToolwardenError
}

/** A run under way. */
export interface CurrentRun {
  readonly startedAt: string
  readonly progress: VerificationProgress
}

/** The verification of one API process. */
export class Verification {
  readonly #verify: Verify
  readonly #clock: Clock
  #current: CurrentRun | undefined
  #last: FinishedRun | undefined
  #running: Promise<void> = Promise.resolve()

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

  /** Starts a run, unless one is under way; resolves when it has ended. Never rejects: a failure is kept as the result. */
  run(): Promise<void> {
    if (this.#current === undefined) this.#running = this.#start()
    return this.#running
  }

  async #start(): Promise<void> {
    const startedAt = formatTime(this.#clock.nowMicros())
    this.#current = { startedAt, progress: { done: 0, total: 0 } }
    const outcome = await this.#verify((progress) => {
      this.#current = { startedAt, progress }
    }).then(
      (report) => ({ report }),
      (cause: unknown) => ({ error: asError(cause) }),
    )
    this.#last = { startedAt, finishedAt: formatTime(this.#clock.nowMicros()), ...outcome }
    this.#current = undefined
  }
}

function asError(cause: unknown): ToolwardenError {
  if (cause instanceof ToolwardenError) return cause
  return new ToolwardenError('INTERNAL', 'the verification failed inside the API', { cause })
}
