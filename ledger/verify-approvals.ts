// Whether the verdict that a gateway says it had is there: signed by the API, or its own record of what the client's user
// answered, for that approval, and an approval.
import type { IntactEvent } from './chain-walk.ts'
import type { LedgerStore } from './store.ts'
import { positionText } from './stored-event.ts'
import type { Findings } from './verify-report.ts'

const VERDICTS_A_QUERY = 500
const VERDICT = 'approval/verdict'

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
    const found = await store.select<{ hash: string; approval: string; state: string; type: string; chain: string }>(
      `SELECT DISTINCT hash, approval, state, type, concat(writer, '/', instance) AS chain FROM events
       WHERE hash IN {hashes:Array(String)} AND type IN ('approval/verdict', 'approval/elicited') AND outcome IN ('accepted', 'late')`,
      { hashes: some.map(({ verdict }) => verdict) },
      'verify',
    )
    for (const { source, approval, verdict } of some) {
      const { row, chain } = source
      // What a client's user answered counts for the run that asked it, and for no other.
      const answer = found.find(
        ({ hash, ...each }) => hash === verdict && (each.type === VERDICT || each.chain === chain),
      )
      if (answer?.approval === approval && answer.state === 'approve') continue
      const place = { chain, sequence: row.sequence, hash: row.hash, position: positionText(row) }
      if (answer === undefined)
        findings.violation({ ...place, code: 'verdict-missing', text: `the verdict on ${approval} is not stored` })
      else findings.violation({ ...place, code: 'verdict-mismatch', text: `the verdict is no approval of ${approval}` })
    }
  }
}
