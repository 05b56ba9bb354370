// Rules of the past, from the ledger: each with what became of it.
import type { EventOf } from '../events/event.ts'
import type { PageRequest } from '../ledger/history-filter.ts'
import type { EventFilter, LedgerHistory } from '../ledger/query.ts'
import type { Recorded } from './rule-view.ts'

/** Lifts asked for at once. */
const LIFTS_A_QUERY = 500

type Added = Recorded<EventOf<'rule/added'>>
type Lifted = Recorded<EventOf<'rule/lifted'>>

/** A rule that was added, and its lift if there was one. */
export interface PastRule {
  readonly added: Added
  readonly lifted: Lifted | undefined
}

/** Rules by the time they were added, newest first. Throws STORE_*. */
export async function findRules(
  history: LedgerHistory,
  filter: Pick<EventFilter, 'from' | 'to' | 'session' | 'principal'>,
  page: PageRequest,
): Promise<readonly PastRule[]> {
  const found = await history.findEvents({ ...filter, type: 'rule/added' }, page)
  const rules = found.filter((each): each is typeof each & Added => each.event.type === 'rule/added')
  const lifts = await findLifts(history, rules)
  return rules.map((added) => ({ added, lifted: lifts.get(added.event.rule.id) }))
}

/** A rule is lifted between its beginning and its expiry, so that is where its lift is looked for. */
async function findLifts(history: LedgerHistory, rules: readonly Added[]): Promise<ReadonlyMap<string, Lifted>> {
  const from = rules.map(({ event }) => event.rule.createdAt).sort()[0]
  const to = rules
    .map(({ event }) => event.rule.expiresAt)
    .sort()
    .at(-1)
  const lifts = new Map<string, Lifted>()
  let after: PageRequest['after']
  let isMore = from !== undefined
  while (isMore) {
    const found = await history.findEvents({ type: 'rule/lifted', from, to }, { after, limit: LIFTS_A_QUERY })
    for (const lifted of found) if (isLift(lifted)) lifts.set(lifted.event.rule, lifted)
    const last = found.at(-1)
    after = last && { time: last.event.time, hash: last.hash }
    isMore = found.length === LIFTS_A_QUERY
  }
  return lifts
}

function isLift(found: Recorded<{ readonly type: string }>): found is Lifted {
  return found.event.type === 'rule/lifted'
}
