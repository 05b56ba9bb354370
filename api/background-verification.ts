// Verifies the whole ledger by itself: a while after the start, then every so often, without haste; and what grew, in between.
// What it finds is loud: an error of the process, metrics, /v1/status, /readyz, and an `admin/verified` event that the integrity
// detector alerts on.
import { Gauge, type Registry } from 'prom-client'
import { parseTime } from '../events/time.ts'
import { type VerifyReport, VIOLATION_CLASSES, verdictOf } from '../ledger/verify-report.ts'
import { type OperatorMeans, recordEvent } from './operator.ts'
import type { ApiLogger } from './problem.ts'
import { showViolation } from './report-view.ts'
import type { ApiSettings } from './settings.ts'
import type { Verification } from './verification.ts'

const MAX_FIRST_LENGTH = 2_000

/** What it works with. */
export interface BackgroundOptions {
  readonly verification: Verification
  readonly settings: ApiSettings['verification']
  readonly operator: OperatorMeans
  readonly logger: ApiLogger
}

/** Runs the verification on a schedule of its own; stopped by its owner. */
export class BackgroundVerification {
  readonly #options: BackgroundOptions
  #timer: NodeJS.Timeout | undefined
  #isStopped = false
  /** Until everything is verified again. */
  #leftSeconds = 0

  constructor(options: BackgroundOptions) {
    this.#options = options
  }

  /** Plans the first run. */
  start(): void {
    this.#plan(this.#options.settings.firstSeconds, false)
  }

  /** Resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#options.verification.stop()
  }

  #plan(seconds: number, isIncremental: boolean): void {
    if (this.#isStopped || this.#options.settings.everySeconds === 0) return
    this.#timer = setTimeout(() => void this.#run(isIncremental), seconds * 1000).unref()
  }

  async #run(isIncremental: boolean): Promise<void> {
    const { verification, logger } = this.#options
    const before = verification.last
    await verification.run({ isBackground: true, isIncremental })
    const { last } = verification
    if (!this.#isStopped && last !== undefined && last !== before) {
      const { outcome } = last
      if ('error' in outcome) logger.error({ err: outcome.error }, 'the ledger could not be verified')
      else await this.#report(outcome.report).catch((error: unknown) => logger.error({ err: error }, 'not recorded'))
    }
    this.#planNext(isIncremental)
  }

  /** What grew is looked at in between, so often as fits before everything is again. */
  #planNext(wasIncremental: boolean): void {
    const { everySeconds, growthSeconds } = this.#options.settings
    this.#leftSeconds = (wasIncremental ? this.#leftSeconds : everySeconds) - (wasIncremental ? growthSeconds : 0)
    // Where something is wrong, a part has nothing to stand on.
    const isIncremental = growthSeconds > 0 && growthSeconds < this.#leftSeconds && this.#wasValid()
    this.#plan(isIncremental ? growthSeconds : Math.max(1, this.#leftSeconds), isIncremental)
  }

  #wasValid(): boolean {
    const outcome = this.#options.verification.last?.outcome
    return outcome !== undefined && 'report' in outcome && outcome.report.violationCount === 0
  }

  async #report(report: VerifyReport): Promise<void> {
    const { logger, operator } = this.#options
    const verdict = verdictOf(report)
    if (verdict === 'valid') return
    const { violationCount, violations, counts } = report
    const first = violations.find(({ code }) => VIOLATION_CLASSES[code] === 'tampered') ?? violations[0]
    if (first === undefined) return
    const { code, text, where } = showViolation(first)
    logger.error({ verdict, violations: violationCount, code, where }, `the ledger is ${verdict}: ${text}`)
    const said = Buffer.from(`${code}: ${text} (${where})`.slice(0, MAX_FIRST_LENGTH)).toString('utf8')
    await recordEvent(operator, {
      type: 'admin/verified',
      verdict,
      events: counts.events,
      violations: violationCount,
      first: said,
    })
  }
}

/** What the last verification found, in one sentence; undefined where nothing is wrong, or none ran. */
export function findVerificationProblem({ last }: Pick<Verification, 'last'>): string | undefined {
  if (last === undefined) return undefined
  if ('error' in last.outcome) return `the verification failed: ${last.outcome.error.message}`
  const { report } = last.outcome
  const [first] = report.violations
  if (first === undefined) return undefined
  const { code, where } = showViolation(first)
  return `${verdictOf(report)}: ${report.violationCount} violations, the first ${code} at ${where}`
}

/** Registers what the last verification found. */
export function registerVerificationMetrics(registry: Registry, verification: Verification): void {
  const registers = [registry]
  new Gauge({
    name: 'toolwarden_verify_violations',
    help: 'Violations that the last verification of the ledger found; -1 before the first, -2 where it failed.',
    registers,
    collect() {
      const outcome = verification.last?.outcome
      this.set(outcome === undefined ? -1 : 'error' in outcome ? -2 : outcome.report.violationCount)
    },
  })
  new Gauge({
    name: 'toolwarden_verify_finished_seconds',
    help: 'When the last verification of the ledger ended, in seconds since 1970; 0 before the first.',
    registers,
    collect() {
      const finishedAt = verification.last?.finishedAt
      this.set(finishedAt === undefined ? 0 : Math.floor(parseTime(finishedAt) / 1_000_000))
    },
  })
}
