// Repairs: every `ledger/repaired` event has what it put into quarantine, and nothing of that was changed or taken away since.
import type { IntactEvent } from './chain-walk.ts'
import { EVIDENCE_DIGEST, IS_EVIDENCE } from './repair/evidence.ts'
import type { LedgerStore } from './store.ts'
import type { Findings } from './verify-report.ts'

/** Checks the `ledger/repaired` statements among events. Throws STORE_*. */
export async function verifyRepairs(
  store: LedgerStore,
  events: readonly IntactEvent[],
  findings: Findings,
): Promise<void> {
  for (const { event, row, chain } of events) {
    if (event.type !== 'ledger/repaired') continue
    findings.counts.repairs++
    const [kept] = await store.select<{ digest: string }>(
      `SELECT ${EVIDENCE_DIGEST} AS digest FROM quarantine WHERE ${IS_EVIDENCE}`,
      { repair: event.repair },
      'verify',
    )
    if (kept?.digest === event.digest) continue
    const text = `what the repair ${event.repair} put into quarantine is not there as it said`
    const { sequence, hash } = row
    findings.violation({ code: 'quarantine-missing', chain, sequence, hash, text })
  }
}
