// Gaps in chains that the ledger reported and that stay open. Judged on the times of later events of the same ledger
// chain (its heartbeats come at least every minute), so that the order in which chains are read changes nothing.
import type { EventOf } from '../events/event.ts'
import type { Finding, Observation, ObservedEvent } from './detector.ts'

/** Open gaps that are remembered; beyond it the oldest is reported at once. */
const MAX_OPEN_GAPS = 1_000

interface OpenGap {
  readonly chain: string
  readonly from: number
  readonly to: number
  readonly reason: string
  /** Hash of the `ledger/gap`, and the chain that it stands in. */
  readonly hash: string
  readonly reporter: string
  readonly sinceMs: number
}

/** Gaps that were reported and neither filled nor alerted on. */
export type GapState = readonly OpenGap[]

interface Moment {
  readonly nowMs: number
  readonly settings: { readonly gapSeconds: number }
}

/** Notes gaps and what fills them; finds those that were open for too long. */
export function observeGaps(state: GapState, observed: ObservedEvent, moment: Moment): Observation<GapState> {
  const { event, chain } = observed
  const open =
    event.type === 'ledger/gap'
      ? [...state, openGap(event, observed, moment.nowMs)]
      : event.type === 'ledger/gap-filled'
        ? state.flatMap((gap) => withoutRange(gap, event))
        : state
  if (open.length === 0) return { state: open, findings: [] }
  const openMs = moment.settings.gapSeconds * 1000
  const overdue = open.filter((gap, index) => {
    return (gap.reporter === chain && moment.nowMs - gap.sinceMs >= openMs) || index < open.length - MAX_OPEN_GAPS
  })
  return { state: open.filter((gap) => !overdue.includes(gap)), findings: overdue.map((gap) => findGap(gap, moment)) }
}

function openGap(event: EventOf<'ledger/gap'>, { hash, chain: reporter }: ObservedEvent, nowMs: number): OpenGap {
  const { chain, from, to, reason } = event
  return { chain, from, to, reason, hash, reporter, sinceMs: nowMs }
}

function withoutRange(gap: OpenGap, filled: EventOf<'ledger/gap-filled'>): readonly OpenGap[] {
  if (gap.chain !== filled.chain || filled.to < gap.from || filled.from > gap.to) return [gap]
  return [
    { ...gap, to: filled.from - 1 },
    { ...gap, from: filled.to + 1 },
  ].filter(({ from, to }) => from <= to)
}

function findGap({ chain, from, to, reason, hash }: OpenGap, { settings }: Moment): Finding {
  return {
    severity: 'high',
    score: 800,
    subject: `gap in chain ${chain}`,
    scope: {},
    explanation:
      `Events ${from} to ${to} of the chain ${chain} are missing for more than ${settings.gapSeconds} s: ${reason}.`.slice(
        0,
        2_000,
      ),
    causes: [hash],
  }
}
