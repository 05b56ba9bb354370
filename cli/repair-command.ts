// `toolwarden repair`: puts right what is damaged in the store, from the event log, while no ledger runs; exit code as `verify`
// gives it afterwards. A dry run that finds damage ends with 1.
import { showReport } from '../api/report-view.ts'
import { ToolwardenError } from '../events/errors.ts'
import { systemClock } from '../events/time.ts'
import { readLogVerifierKey } from '../ledger/log-key.ts'
import type { RepairResult } from '../ledger/repair/repair.ts'
import { sequencerDirectories } from '../ledger/sequencer.ts'
import { verdictOf } from '../ledger/verify-report.ts'
import { openBackbone } from './backbone.ts'
import { type Config, loadConfig } from './config.ts'
import { EXIT_FOUND, EXIT_INCOMPLETE, EXIT_TAMPERED } from './exit-code.ts'
import { type Installation, openInstallation } from './installation.ts'
import { showProgress } from './progress.ts'
import { lockRole } from './role-lock.ts'
import { storeSettings } from './store-place.ts'
import { softwareName } from './version.ts'

/** How many violations are shown one by one. */
const SHOWN = 20
/** Whose name stands in the record where nobody logs in. */
const LOCAL = 'user:command-line'

/** Options as commander gives them. */
export interface RepairFlags {
  readonly config?: string
  readonly json?: boolean
  readonly reason?: string
  readonly dryRun?: boolean
}

/** Repairs, and returns the exit code. Throws USAGE, DATA_LOCKED while `up` runs, TREE_INVALID, LOG_*, STORE_*. */
export async function runRepair(flags: RepairFlags): Promise<number> {
  const isDryRun = flags.dryRun === true
  const reason = flags.reason?.trim() ?? ''
  if (reason === '' && !isDryRun)
    throw new ToolwardenError('USAGE', 'no reason', { where: '--reason', fix: 'say why: it is recorded' })
  const config = await loadConfig(process.env, flags.config)
  const installation = await openInstallation(config.data)
  const lock = lockRole(config, 'ledger')
  try {
    const result = await repair(config, installation, { isDryRun, reason })
    process.stdout.write(
      flags.json === true ? `${JSON.stringify(view(result, isDryRun))}\n` : describe(result, isDryRun),
    )
    const found = result.replaced + result.restored + result.removed
    if (isDryRun && found > 0) return EXIT_FOUND
    const verdict = verdictOf(result.report)
    return verdict === 'valid' ? 0 : verdict === 'tampered' ? EXIT_TAMPERED : EXIT_INCOMPLETE
  } finally {
    lock.release()
  }
}

async function repair(
  config: Config,
  installation: Installation,
  wish: { readonly isDryRun: boolean; readonly reason: string },
): Promise<RepairResult> {
  const { openLedgerStore } = await import('../ledger/clickhouse-store.ts')
  const { repairLedger } = await import('../ledger/repair/repair.ts')
  const logKey = await readLogVerifierKey(installation.directory)
  if (logKey === undefined)
    throw new ToolwardenError('TREE_INVALID', 'there is no Merkle log on this data directory to repair by', {
      where: installation.directory,
      fix: 'run it where the ledger runs that keeps the log',
    })
  const warn = (text: string): void => void process.stderr.write(`${text}\n`)
  const { eventLog, log, trust } = await openBackbone(config, installation, warn)
  const progress = showProgress('repairing')
  try {
    const store = await openLedgerStore(storeSettings(config), log)
    try {
      const tree = { ...sequencerDirectories(config.data), logKey }
      const opening = { software: softwareName(), configuration: config.digest }
      const signing = { key: installation.keys.ledger, opening, by: LOCAL }
      const onProgress = (records: number): void => progress.update(records, records)
      return await repairLedger({
        store,
        eventLog,
        clock: systemClock(),
        log,
        trust,
        tree,
        onProgress,
        ...signing,
        ...wish,
      })
    } finally {
      await store.close()
    }
  } finally {
    progress.end()
    await eventLog.close()
  }
}

function view({ report, read, missing, ...result }: RepairResult, isDryRun: boolean) {
  const places = [...partitionsOf(report)].map((partition) => ({ partition, ...read.get(partition) }))
  const lost = missing.map(({ partition, from, to, damage }) => ({
    partition,
    from,
    to,
    reason: damage?.message ?? 'expired',
  }))
  return { ...result, dryRun: isDryRun, ...showReport(report), log: { partitions: places, missing: lost } }
}

function describe(result: RepairResult, isDryRun: boolean): string {
  const { replaced, restored, removed, leaves, event, report, read } = result
  const { verdict, violationCount, violations } = showReport(report)
  const found = replaced + restored + removed
  const done = `${replaced} replaced, ${restored} restored, ${removed} removed`
  const lines = [
    found === 0 ? 'nothing to repair' : `${isDryRun ? 'would be repaired' : 'repaired'}: ${done}`,
    ...(leaves ? ['  the index of leaves among them'] : []),
    ...(event === undefined ? [] : [`  what stood there is in quarantine; event ${event}`]),
    `${verdict}: ${violationCount} violations ${isDryRun ? 'now' : 'are left'}`,
    ...violations.slice(0, SHOWN).map(({ code, where, text }) => `  ${code}: ${text}\n    at: ${where}`),
    ...(isDryRun ? [] : [...partitionsOf(report)].slice(0, SHOWN).map((partition) => lostText(partition, read))),
  ]
  return `${lines.join('\n')}\n`
}

/** What is left damaged is what the log does not have any more. */
function lostText(partition: string, read: RepairResult['read']): string {
  const has = read.get(partition)
  const what = has === undefined ? 'nothing' : `offsets ${has.first} to ${has.last} alone`
  return `  of ${JSON.stringify(partition)} the event log has ${what}: what it has not, or not as it was stored, stays as it is`
}

/** The partitions of the log in which violations lie. */
function partitionsOf({ violations }: RepairResult['report']): ReadonlySet<string> {
  const partitions = violations.map(({ position = '', chain }) => /^events\/(.+)\/[^/]+$/.exec(position)?.[1] ?? chain)
  return new Set(partitions.filter((partition) => partition !== ''))
}
