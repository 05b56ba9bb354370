// Retention as it is configured: at the start and every hour, what is older than the months to keep is pruned. A legal hold
// keeps the month that it is in, and all later ones; that is said once a month.
import type { Logger } from 'pino'
import { firstKeptMonth, type Prune } from '../api/prune.ts'
import { ToolwardenError } from '../events/errors.ts'
import type { Clock } from '../events/time.ts'
import type { Prunings } from '../ledger/pruning.ts'
import type { Config } from './config.ts'
import { HourlyWork } from './hourly-work.ts'

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
  readonly #work: HourlyWork
  /** The month whose hold was told. */
  #toldOf = ''

  constructor(options: RetentionScheduleOptions) {
    this.#options = options
    const { caughtUp, prunings } = options
    this.#work = new HourlyWork({
      caughtUp,
      // What a crash left between the event of a prune and the rows.
      begin: () => this.#told(() => prunings.carryOut()),
      run: () => this.#run(),
    })
  }

  /** Resolves when nothing runs any more. */
  async stop(): Promise<void> {
    await this.#work.stop()
  }

  async #run(): Promise<void> {
    const { prune, config, clock, logger } = this.#options
    const { months } = config.retention
    if (months === undefined) return
    const before = firstKeptMonth(clock.nowMicros(), months)
    const reason = `retention: ${months} months`
    await this.#told(async () => {
      const { event, events } = await prune({ before, by: BY, reason, dryRun: false })
      if (event !== undefined) logger.info({ before, events }, 'pruned')
    }, before)
  }

  /** What goes wrong is told, and tried again in an hour. */
  async #told(work: () => Promise<void>, before = ''): Promise<void> {
    try {
      await work()
    } catch (error) {
      const isHeld = error instanceof ToolwardenError && error.code === 'CONFLICT'
      if (this.#work.isStopping || (isHeld && this.#toldOf === before)) return
      if (isHeld) this.#toldOf = before
      this.#options.logger.warn({ err: error, before }, 'the ledger is not pruned')
    }
  }
}
