// Whether the verdict that a gateway says it had is there: signed by the API, for that approval, and an approval.
import type { IntactEvent } from './chain-walk.ts'
import type { LedgerStore } from './store.ts'
import { positionText } from './stored-event.ts'
import type { Findings } from './verify-report.ts'

const VERDICTS_A_QUERY = 500

/** Looks up the verdicts behind allowed calls. Throws STORE_*. */
export async function verifyVerdicts(
  store: LedgerStore,
  events: readonly IntactEvent[],
  findings: Findings,
): Promise<void> {
  const claims = events.flatMap((source) => {
    const { event } = source
    const isClaim = event.type === 'authorization/decide' && event.decision === 'allow' && event.verdict !== undefined
    return isClaim ? [{ source, approval: event.approval ?? '', verdict: event.verdict ?? '' }] : []
  })
  for (let from = 0; from < claims.length; from += VERDICTS_A_QUERY) {
    const some = claims.slice(from, from + VERDICTS_A_QUERY)
    const found = await store.select<{ hash: string; approval: string; state: string }>(
      `SELECT DISTINCT hash, approval, state FROM events
       WHERE hash IN {hashes:Array(String)} AND type = 'approval/verdict' AND outcome IN ('accepted', 'late')`,
      { hashes: some.map(({ verdict }) => verdict) },
      'verify',
    )
    for (const { source, approval, verdict } of some) {
      const answer = found.find(({ hash }) => hash === verdict)
      if (answer?.approval === approval && answer.state === 'approve') continue
      const { row, chain } = source
      const place = { chain, sequence: row.sequence, hash: row.hash, position: positionText(row) }
      if (answer === undefined)
        findings.violation({ ...place, code: 'verdict-missing', text: `the verdict on ${approval} is not stored` })
      else findings.violation({ ...place, code: 'verdict-mismatch', text: `the verdict is no approval of ${approval}` })
    }
  }
}
