// What one chain alone can't tell: whether a gap was there when the events came, and whether a call that is open in its
// chain was closed by the next run of its gateway.
import type { PendingChecks } from './chain-walk.ts'
import type { LedgerStore } from './store.ts'
import { positionText } from './stored-event.ts'
import type { Findings, OpenCall } from './verify-report.ts'

const CALLS_A_QUERY = 500

/** Tells events that never came from events that are gone. Throws STORE_*. */
export async function verifyGaps(store: LedgerStore, gaps: PendingChecks['gaps'], findings: Findings): Promise<void> {
  for (const { chain, from, to } of gaps) {
    const said = await store.select<{ type: string; range_from: number; range_to: number }>(
      `SELECT DISTINCT type, range_from, range_to FROM events
       WHERE subject = {chain:String} AND type IN ('ledger/gap', 'ledger/gap-filled')
         AND outcome IN ('accepted', 'late') AND range_from <= {to:UInt64} AND range_to >= {from:UInt64}`,
      { chain, from, to },
      'verify',
    )
    const wasOpen = said.some(
      ({ type, range_from, range_to }) => type === 'ledger/gap' && range_from <= from && range_to >= to,
    )
    const wasFilled = said.some(({ type }) => type === 'ledger/gap-filled')
    const which = from === to ? `event ${from} is` : `events ${from} to ${to} are`
    if (wasOpen && !wasFilled)
      findings.violation({ code: 'gap-open', chain, sequence: from, text: `${which} missing, and never came` })
    else findings.violation({ code: 'event-missing', chain, sequence: from, text: `${which} not stored any more` })
  }
}

/** Repetitions of events that are gone. */
export function verifyOrphans(orphans: PendingChecks['orphans'], findings: Findings): void {
  for (const row of orphans) {
    const { writer, instance, sequence, hash } = row
    const place = { chain: `${writer}/${instance}`, sequence, hash, position: positionText(row) }
    const text = 'this repeats an event that is not stored any more'
    findings.violation({ ...place, code: 'original-missing', text })
  }
}

/** Receipts that a later run of the gateway wrote for a call of an earlier one. Throws STORE_*. */
export async function verifyForeignReceipts(
  store: LedgerStore,
  receipts: PendingChecks['receipts'],
  findings: Findings,
): Promise<void> {
  for (let from = 0; from < receipts.length; from += CALLS_A_QUERY) {
    const some = receipts.slice(from, from + CALLS_A_QUERY)
    const decides = await store.select<{ call: string; hash: string; decision: string; writer: string }>(
      `SELECT DISTINCT call, hash, decision, writer FROM events
       WHERE call IN {calls:Array(String)} AND type = 'authorization/decide' AND outcome IN ('accepted', 'late')`,
      { calls: some.map(({ call }) => call) },
      'verify',
    )
    for (const { source, call, parent, status, isExcused } of some) {
      const { row, chain } = source
      const ofCall = decides.filter((decide) => decide.call === call && decide.writer === row.writer)
      const decision = ofCall.find(({ hash }) => hash === parent)?.decision
      // What the call came to is known to the run that forwarded it alone; another one knows that it is over.
      const isOwn = status === 'ambiguous' || isExcused
      if ((decision === 'allow' && isOwn) || (isExcused && decision === undefined)) continue
      const place = { chain, sequence: row.sequence, hash: row.hash, position: positionText(row) }
      if (ofCall.length === 0)
        findings.violation({ ...place, code: 'receipt-without-decide', text: `the call ${call} was never decided` })
      else if (decision === undefined)
        findings.violation({
          ...place,
          code: 'receipt-of-another-decision',
          text: `parent is no decision about the call ${call}`,
        })
      else if (decision === 'allow')
        findings.violation({
          ...place,
          code: 'receipt-of-another-decision',
          text: `the call ${call} was forwarded by another run: this one can only call it ambiguous, not ${status}`,
        })
      else
        findings.violation({ ...place, code: 'receipt-after-deny', text: `parent decided ${decision} about ${call}` })
    }
  }
}

/** Lists the calls that no run closed. Throws STORE_*. */
export async function verifyOpenCalls(
  store: LedgerStore,
  openCalls: PendingChecks['openCalls'],
  findings: Findings,
): Promise<void> {
  for (let from = 0; from < openCalls.length; from += CALLS_A_QUERY) {
    const some = openCalls.slice(from, from + CALLS_A_QUERY)
    const receipts = await store.select<{ parent: string }>(
      `SELECT DISTINCT parent FROM events
       WHERE call IN {calls:Array(String)} AND type = 'authorization/receipt' AND outcome IN ('accepted', 'late')`,
      { calls: some.map(({ pending }) => pending.call) },
      'verify',
    )
    const answered = new Set(receipts.map(({ parent }) => parent))
    for (const { chain, pending } of some) {
      const { call, sequence, decides } = pending
      const allows = [...decides].filter(([, decision]) => decision === 'allow')
      if (allows.some(([hash]) => answered.has(hash))) continue
      const state: OpenCall['state'] = allows.length > 0 ? 'allowed' : decides.size > 0 ? 'waiting' : 'proposed'
      findings.openCall({ call, chain, sequence, state })
    }
  }
}
