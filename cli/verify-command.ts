// `toolwarden verify`: walks the stored chains; exit code 0 valid, 1 tampered, 2 incomplete. While `up` holds the store,
// it asks that process through its API.
import { readCliToken } from '../api/cli-token.ts'
import { type ReportView, showReport } from '../api/report-view.ts'
import { ToolwardenError } from '../events/errors.ts'
import { verifyTrust } from '../ledger/verify-trust.ts'
import type { ApiAccess } from './api-access.ts'
import { callApi, findApi } from './api-client.ts'
import { type Config, loadConfig } from './config.ts'
import { EXIT_INCOMPLETE, EXIT_TAMPERED } from './exit-code.ts'
import { type Installation, openInstallation } from './installation.ts'
import { findMerkleLog } from './merkle-log.ts'
import { openTrust } from './open-trust.ts'
import { showProgress } from './progress.ts'
import { storeSettings } from './store-place.ts'
import { describeTrust, findTrustCheck, type TrustFlags, type TrustView, withTrust } from './verify-trust.ts'

const SHOWN = 20

/** Options as commander gives them. */
export interface VerifyFlags extends TrustFlags {
  readonly config?: string
  readonly json?: boolean
  readonly quick?: boolean
}

/** A report, and where it was asked for, what stands behind the log. */
type Outcome = ReportView & { readonly trust?: TrustView }

/** Verifies and returns the exit code. */
export async function runVerify(flags: VerifyFlags): Promise<number> {
  const config = await loadConfig(process.env, flags.config)
  const installation = await openInstallation(config.data)
  // Before the long work, so that a mistake in the policy is told at once.
  const check = await findTrustCheck(flags, config, installation)
  const isQuick = flags.quick === true
  const report = await verifyDirectly(config, installation, isQuick).catch(async (error: unknown) => {
    if (!(error instanceof ToolwardenError) || error.code !== 'STORE_LOCKED') throw error
    const { url, token } = await findHolder(config, installation, error)
    return isQuick
      ? callApi<ReportView>(url, '/v1/verify/quick', { method: 'POST', token })
      : verifyThroughApi({ url, token })
  })
  const outcome: Outcome = check === undefined ? report : withTrust(report, await verifyTrust(check))
  process.stdout.write(flags.json === true ? `${JSON.stringify(outcome)}\n` : describe(outcome, isQuick))
  return outcome.verdict === 'valid' ? 0 : outcome.verdict === 'tampered' ? EXIT_TAMPERED : EXIT_INCOMPLETE
}

async function verifyDirectly(config: Config, installation: Installation, isQuick: boolean): Promise<ReportView> {
  const { openLedgerStore } = await import('../ledger/clickhouse-store.ts')
  const { verifyLedger } = await import('../ledger/verify.ts')
  const { verifyQuickly } = await import('../ledger/verify-quick.ts')
  const log = config.log ?? installation.log
  const store = await openLedgerStore(storeSettings(config), log)
  const progress = showProgress('verifying')
  try {
    if (isQuick) return showReport(await verifyQuickly(store))
    const trust = openTrust(config, installation)
    const onProgress = ({ rows, total }: { rows: number; total: number }): void => progress.update(rows, total)
    const tree = await findMerkleLog(config, installation)
    return showReport(await verifyLedger({ store, log, trust, onProgress, ...tree }))
  } finally {
    progress.end()
    await store.close()
  }
}

/** How to speak to the process that holds the store. Throws what the store said where no API runs. */
async function findHolder(config: Config, { cliTokenFile }: Installation, locked: ToolwardenError): Promise<ApiAccess> {
  const url = await findApi(config.data)
  if (url === undefined) throw locked
  return { url, token: await readCliToken(cliTokenFile) }
}

async function verifyThroughApi({ url, token }: ApiAccess): Promise<ReportView> {
  const answer = await callApi<{
    readonly last?: { readonly report?: ReportView; readonly error?: { readonly message: string } }
  }>(url, '/v1/verify?wait=true', { method: 'POST', token })
  const report = answer.last?.report
  if (report === undefined)
    throw new ToolwardenError('STORE_UNAVAILABLE', answer.last?.error?.message ?? 'the API gave no report', {
      where: url,
    })
  return report
}

function describe(outcome: Outcome, isQuick: boolean): string {
  const { verdict, counts, violationCount, violations, openCalls, trust } = outcome
  if (counts.rows === 0 && verdict === 'valid' && trust === undefined) return 'nothing is recorded yet\n'
  const { events = 0, chains = 0, appends = 0, payloads = 0, calls = 0, quarantined = 0, leaves = 0 } = counts
  const checked = isQuick
    ? 'bodies, hashes and links alone'
    : `${appends} signed appends, ${payloads} payloads, ${calls} calls, ${quarantined} quarantined, ${leaves} leaves of the Merkle log`
  const lines = [
    `${verdict}: ${events} events in ${chains} chains, ${checked}`,
    ...(trust === undefined ? [] : describeTrust(trust)),
    ...violations.slice(0, SHOWN).map(({ code, where, text }) => `  ${code}: ${text}\n    at: ${where}`),
    ...(violationCount > SHOWN ? [`  … ${violationCount - SHOWN} more violations (--json lists up to 1,000)`] : []),
    ...openCalls
      .slice(0, SHOWN)
      .map(({ call, where, state }) => `  open call ${call} (${state}): whether it ran is not known\n    at: ${where}`),
  ]
  return `${lines.join('\n')}\n`
}
