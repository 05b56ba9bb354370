// Reads of approvals for the API: what was asked, what was answered, and what became of the answer. Each row is checked
// before it is shown, and only the run that asked can say that an approval was withdrawn or used.
import type { EventOf } from '../events/event.ts'
import { HISTORY_COLUMNS, type HistoryEvent, type HistoryRow, selectNewest, toHistoryEvent } from './history-event.ts'
import { listCondition, type PageRequest, STANDING, type TimeRange } from './history-filter.ts'
import type { LedgerStore } from './store.ts'

/** How an approval stands: `expired` also where an answer was never used. */
export const APPROVAL_STATES = ['pending', 'approved', 'denied', 'used', 'expired', 'withdrawn'] as const
/** One of APPROVAL_STATES. */
export type ApprovalState = (typeof APPROVAL_STATES)[number]

/** Filters of approvals; `now` is what expiry is compared with, in the form of event times. */
export interface ApprovalFilter extends TimeRange {
  readonly now: string
  readonly state?: ApprovalState | undefined
  readonly server?: string | undefined
  readonly tool?: string | undefined
  readonly principal?: string | undefined
  readonly session?: string | undefined
}

/** An answer to an approval, whoever gave it. */
type ApprovalAnswerEvent = EventOf<'approval/verdict'> | EventOf<'approval/elicited'>

/** An approval and what became of it. */
export interface HistoryApproval {
  readonly requested: HistoryEvent
  /** An approver's answer, else that of the client's own user. */
  readonly verdict: HistoryEvent | undefined
  readonly withdrawn: HistoryEvent | undefined
  /** The decide that let a call through. */
  readonly used: HistoryEvent | undefined
}

/** The ledger's approvals. All methods fail with STORE_UNAVAILABLE or STORE_INVALID. */
export class ApprovalHistory {
  readonly #store: LedgerStore

  constructor(store: LedgerStore) {
    this.#store = store
  }

  /** Approvals by the time they were asked for. */
  async findApprovals(filter: ApprovalFilter, page: PageRequest): Promise<readonly HistoryApproval[]> {
    const { from, to, state, now, ...equal } = filter
    const { sql, parameters } = listCondition({ from, to }, page, equal)
    const condition = `type = 'approval/requested' AND ${STANDING} AND ${sql} ${stateCondition(state)}`
    const time = state === undefined ? {} : { now }
    return this.#withSequel(await selectNewest(this.#store, condition, { ...parameters, ...time, limit: page.limit }))
  }

  /** One approval by its id. */
  async findApproval(approval: string): Promise<HistoryApproval | undefined> {
    const condition = `type = 'approval/requested' AND ${STANDING} AND approval = {approval:String}`
    return (await this.#withSequel(await selectNewest(this.#store, condition, { approval, limit: 1 })))[0]
  }

  async #withSequel(requested: readonly HistoryEvent[]): Promise<readonly HistoryApproval[]> {
    if (requested.length === 0) return []
    const rows = await this.#store.select<HistoryRow>(
      `SELECT ${HISTORY_COLUMNS} FROM events
       WHERE approval IN {approvals:Array(String)} AND ${STANDING}
         AND (type IN ('approval/verdict', 'approval/elicited', 'approval/withdrawn') OR (type = 'authorization/decide' AND decision = 'allow'))
       ORDER BY time, hash LIMIT 1 BY hash`,
      { approvals: requested.map(({ event }) => approvalOf(event)) },
    )
    const sequel = rows.map(toHistoryEvent)
    return requested.map((each) => {
      const own = sequel.filter(({ event }) => approvalOf(event) === approvalOf(each.event))
      const ofRun = own.filter(({ event }) => event.instance === each.event.instance)
      return {
        requested: each,
        verdict:
          own.find(({ event }) => event.type === 'approval/verdict') ??
          ofRun.find(({ event }) => event.type === 'approval/elicited'),
        withdrawn: ofRun.find(({ event }) => event.type === 'approval/withdrawn'),
        used: ofRun.find(({ event }) => event.type === 'authorization/decide'),
      }
    })
  }
}

/** An approver's answer, or the one that the client's own user gave the gateway. */
export function answerIn(answer: HistoryEvent | undefined): ApprovalAnswerEvent | undefined {
  const event = answer?.event
  return event?.type === 'approval/verdict' || event?.type === 'approval/elicited' ? event : undefined
}

/** How an approval stands at a time. */
export function approvalStateOf({ requested, verdict, withdrawn, used }: HistoryApproval, now: string): ApprovalState {
  if (used !== undefined) return 'used'
  if (withdrawn !== undefined) return 'withdrawn'
  const answer = answerIn(verdict)?.verdict
  if (answer === 'deny') return 'denied'
  if (requested.event.type !== 'approval/requested' || requested.event.expiresAt <= now) return 'expired'
  return answer === undefined ? 'pending' : 'approved'
}

/** The same as `approvalStateOf`, for the store. */
function stateCondition(state: ApprovalState | undefined): string {
  const ofRun = (type: string): string =>
    `(approval, instance) IN (SELECT approval, instance FROM events WHERE approval != '' AND ${type} AND ${STANDING})`
  const answered = (verdict: string): string =>
    `(approval IN (SELECT approval FROM events WHERE type = 'approval/verdict' AND ${STANDING} AND state = '${verdict}')
      OR ${ofRun(`type = 'approval/elicited' AND state = '${verdict}'`)})`
  const used = ofRun(`type = 'authorization/decide' AND decision = 'allow'`)
  const withdrawn = ofRun(`type = 'approval/withdrawn'`)
  const open = `NOT ${used} AND NOT ${withdrawn} AND NOT ${answered('deny')}`
  const expired = `JSONExtractString(body, 'expiresAt') <= {now:String}`
  switch (state) {
    case undefined:
      return ''
    case 'used':
      return `AND ${used} AND {now:String} != ''`
    case 'withdrawn':
      return `AND NOT ${used} AND ${withdrawn} AND {now:String} != ''`
    case 'denied':
      return `AND NOT ${used} AND NOT ${withdrawn} AND ${answered('deny')} AND {now:String} != ''`
    case 'expired':
      return `AND ${open} AND ${expired}`
    case 'approved':
      return `AND ${open} AND NOT ${expired} AND ${answered('approve')}`
    case 'pending':
      return `AND ${open} AND NOT ${expired} AND NOT ${answered('approve')}`
  }
}

function approvalOf(event: HistoryEvent['event']): string {
  return 'approval' in event ? (event.approval ?? '') : ''
}
