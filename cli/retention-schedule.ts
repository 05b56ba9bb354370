// Retention as it is configured: at the start and every hour, what is older than the months to keep is pruned. A legal hold
// keeps the month that it is in, and all later ones; that is said once a month.
import type { Logger } from 'pino'
import { firstKeptMonth, type Prune } from '../api/prune.ts'
import { ToolwardenError } from '../events/errors.ts'
import type { Clock } from '../events/time.ts'
import type { Prunings } from '../ledger/pruning.ts'
import type { Config } from './config.ts'

const EVERY_MS = 60 * 60 * 1000
/** In whose name it is recorded. */
const BY = 'system:retention'

/** What it works with. */
export interface RetentionScheduleOptions {
  readonly prune: Prune
  readonly prunings: Prunings
  /** Resolves when the ledger has stored what stood in the log at its start. */
  readonly caughtUp: Promise<void>
  readonly config: Config
  readonly clock: Clock
  readonly logger: Logger
}

/** Prunes by itself; stopped by its owner. */
export class RetentionSchedule {
  readonly #options: RetentionScheduleOptions
  readonly #timer: NodeJS.Timeout
  readonly #stopping = new AbortController()
  readonly #stopped: Promise<void>
  #running: Promise<void>
  /** The month whose hold was told. */
  #toldOf = ''

  constructor(options: RetentionScheduleOptions) {
    this.#options = options
    this.#stopped = new Promise((resolve) => {
      this.#stopping.signal.addEventListener('abort', () => resolve())
    })
    this.#running = this.#begin()
    this.#timer = setInterval(() => {
      this.#running = this.#running.then(() => this.#run())
    }, EVERY_MS).unref()
  }

  /** Resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    clearInterval(this.#timer)
    await this.#running
  }

  /** What a crash left between the event of a prune and the rows is done first. */
  async #begin(): Promise<void> {
    const { caughtUp, prunings } = this.#options
    await this.#told(async () => {
      // Where the ledger is stopped before, it may never be told.
      await Promise.race([caughtUp, this.#stopped])
      if (!this.#stopping.signal.aborted) await prunings.carryOut()
    })
    await this.#run()
  }

  async #run(): Promise<void> {
    const { prune, config, clock, logger } = this.#options
    const { months } = config.retention
    if (months === undefined || this.#stopping.signal.aborted) return
    const before = firstKeptMonth(clock.nowMicros(), months)
    const reason = `retention: ${months} months`
    await this.#told(async () => {
      const { event, events } = await prune({ before, by: BY, reason, dryRun: false })
      if (event !== undefined) logger.info({ before, events }, 'pruned')
    }, before)
  }

  /** Nobody waits for it: what goes wrong is told, and tried again in an hour. */
  async #told(work: () => Promise<void>, before = ''): Promise<void> {
    try {
      await work()
    } catch (error) {
      const isHeld = error instanceof ToolwardenError && error.code === 'CONFLICT'
      if (this.#stopping.signal.aborted || (isHeld && this.#toldOf === before)) return
      if (isHeld) this.#toldOf = before
      this.#options.logger.warn({ err: error, before }, 'the ledger is not pruned')
    }
  }
}
