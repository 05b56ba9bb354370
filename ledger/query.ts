// Reads of the ledger for the API: pages of events, calls and alerts, newest first, each row checked before it is shown.

import { type CallHistory, readCallHistory } from './call-history.ts'
import { findDefinitions, type SeenDefinition } from './definition-history.ts'
import { HISTORY_COLUMNS, type HistoryEvent, type HistoryRow, selectNewest, toHistoryEvent } from './history-event.ts'
import { listCondition, type PageRequest, SHOWN, STANDING, type TimeRange } from './history-filter.ts'
import type { LedgerStore } from './store.ts'

/** Filters of events; each is an equality. */
export interface EventFilter extends TimeRange {
  readonly type?: string | undefined
  readonly server?: string | undefined
  readonly tool?: string | undefined
  readonly principal?: string | undefined
  readonly session?: string | undefined
  readonly call?: string | undefined
  readonly writer?: string | undefined
}

/** Filters of calls. `pending`: no decision yet; no receipt yet, and not denied. */
export interface CallFilter extends TimeRange {
  readonly server?: string | undefined
  readonly tool?: string | undefined
  readonly principal?: string | undefined
  readonly session?: string | undefined
  readonly decision?: string | undefined
  readonly status?: string | undefined
}

/** Filters of alerts; `state` is open, acknowledged or closed. */
export interface AlertFilter extends TimeRange {
  readonly state?: string | undefined
  readonly severity?: string | undefined
  readonly detector?: string | undefined
  readonly principal?: string | undefined
  readonly session?: string | undefined
}

/** One governed call: what was proposed, what was decided last, and what came back. */
export interface HistoryCall {
  readonly call: string
  readonly propose: HistoryEvent | undefined
  readonly decide: HistoryEvent | undefined
  readonly receipt: HistoryEvent | undefined
}

/** What travelled beside an event: salt and recorded bytes, if they are not erased. */
export interface HistoryPayload {
  readonly hash: string
  readonly recorded?: Buffer
  /** Hash of the `admin/erased` event. */
  readonly erasedBy?: string
}

/** An alert and what became of it. */
export interface HistoryAlert {
  readonly raised: HistoryEvent
  readonly updates: readonly HistoryEvent[]
}

/** The ledger's history. All methods fail with STORE_UNAVAILABLE or STORE_INVALID. */
export class LedgerHistory {
  readonly #store: LedgerStore

  constructor(store: LedgerStore) {
    this.#store = store
  }

  /** Events of all types, forks included. */
  async findEvents({ from, to, ...equal }: EventFilter, page: PageRequest): Promise<readonly HistoryEvent[]> {
    const { sql, parameters } = listCondition({ from, to }, page, equal)
    return await selectNewest(this.#store, `${SHOWN} AND ${sql}`, { ...parameters, limit: page.limit })
  }

  /** Calls by the time of their propose. */
  async findCalls(filter: CallFilter, page: PageRequest): Promise<readonly HistoryCall[]> {
    const { from, to, decision, status, ...equal } = filter
    const { sql, parameters } = listCondition({ from, to }, page, equal)
    const proposes = await selectNewest(
      this.#store,
      `type = 'authorization/propose' AND ${STANDING} AND ${sql} ${decisionCondition(decision)} ${statusCondition(status)}`,
      {
        ...parameters,
        ...(decision === undefined ? {} : { wantedDecision: decision }),
        ...(status === undefined ? {} : { wantedStatus: status }),
        limit: page.limit,
      },
    )
    const calls = proposes.map((propose) => ({ propose, call: callOf(propose) }))
    const others = await this.#eventsOfCalls(calls.map(({ call }) => call))
    return calls.map(({ propose, call }) => {
      const ofCall = others.filter((each) => callOf(each) === call)
      return {
        call,
        propose,
        decide: ofCall.findLast(({ event }) => event.type === 'authorization/decide'),
        receipt: ofCall.findLast(({ event }) => event.type === 'authorization/receipt'),
      }
    })
  }

  /** All events of one call, oldest first, forks included. */
  async findCall(call: string): Promise<readonly HistoryEvent[]> {
    const rows = await this.#store.select<HistoryRow>(
      `SELECT ${HISTORY_COLUMNS} FROM events WHERE call = {call:String} AND ${SHOWN}
       ORDER BY time, sequence, hash LIMIT 1 BY hash`,
      { call },
    )
    return rows.map(toHistoryEvent)
  }

  /** What travelled beside events; the caller checks it against their commitments. */
  async findPayloads(hashes: readonly string[]): Promise<readonly HistoryPayload[]> {
    if (hashes.length === 0) return []
    const rows = await this.#store.select<{ hash: string; recorded: string; erased_by: string }>(
      `SELECT hash, max(recorded) AS recorded, maxIf(erased_by, erased_by IN (
         SELECT toString(hash) FROM events WHERE type = 'admin/erased' AND ${STANDING}
       )) AS erased_by
       FROM payloads WHERE hash IN {hashes:Array(String)} GROUP BY hash`,
      { hashes },
    )
    return rows.map(({ hash, recorded, erased_by }) => {
      if (erased_by !== '') return { hash, erasedBy: erased_by }
      return recorded === '' ? { hash } : { hash, recorded: Buffer.from(recorded, 'base64') }
    })
  }

  /** Alerts by the time they were raised. */
  async findAlerts(filter: AlertFilter, page: PageRequest): Promise<readonly HistoryAlert[]> {
    const { from, to, state, ...equal } = filter
    const { sql, parameters } = listCondition({ from, to }, page, equal)
    const raised = await selectNewest(
      this.#store,
      `type = 'alert/raised' AND ${STANDING} AND ${sql} ${stateCondition(state)}`,
      {
        ...parameters,
        limit: page.limit,
      },
    )
    return await this.#withUpdates(raised)
  }

  /** One alert by its id. */
  async findAlert(alert: string): Promise<HistoryAlert | undefined> {
    const raised = await selectNewest(this.#store, `type = 'alert/raised' AND ${STANDING} AND alert = {alert:String}`, {
      alert,
      limit: 1,
    })
    return (await this.#withUpdates(raised))[0]
  }

  /** The definitions of tools as they were seen last, of one server or of all. */
  findDefinitions(server: string | undefined): Promise<readonly SeenDefinition[]> {
    return findDefinitions(this.#store, server)
  }

  /** All calls of a time range with their arguments, oldest first. */
  readCalls(range: TimeRange): Promise<CallHistory> {
    return readCallHistory(this.#store, range)
  }

  /** Answers at once if the store does. */
  async ping(): Promise<void> {
    await this.#store.select('SELECT 1')
  }

  async #eventsOfCalls(calls: readonly string[]): Promise<readonly HistoryEvent[]> {
    if (calls.length === 0) return []
    const rows = await this.#store.select<HistoryRow>(
      `SELECT ${HISTORY_COLUMNS} FROM events
       WHERE call IN {calls:Array(String)} AND type IN ('authorization/decide', 'authorization/receipt') AND ${STANDING}
       ORDER BY time, sequence, hash LIMIT 1 BY hash`,
      { calls },
    )
    return rows.map(toHistoryEvent)
  }

  async #withUpdates(raised: readonly HistoryEvent[]): Promise<readonly HistoryAlert[]> {
    if (raised.length === 0) return []
    const rows = await this.#store.select<HistoryRow>(
      `SELECT ${HISTORY_COLUMNS} FROM events
       WHERE alert IN {alerts:Array(String)} AND type = 'alert/updated' AND ${STANDING}
       ORDER BY time, hash LIMIT 1 BY hash`,
      { alerts: raised.map(alertOf) },
    )
    const updates = rows.map(toHistoryEvent)
    return raised.map((each) => ({
      raised: each,
      updates: updates.filter((update) => alertOf(update) === alertOf(each)),
    }))
  }
}

const DECIDES = `FROM events WHERE type = 'authorization/decide' AND ${STANDING}`
const RECEIPTS = `FROM events WHERE type = 'authorization/receipt' AND ${STANDING}`
const LAST_DECISION = 'argMax(decision, (time, sequence))'

function decisionCondition(decision: string | undefined): string {
  if (decision === undefined) return ''
  if (decision === 'pending') return `AND {wantedDecision:String} != '' AND call NOT IN (SELECT call ${DECIDES})`
  return `AND call IN (SELECT call ${DECIDES} GROUP BY call HAVING ${LAST_DECISION} = {wantedDecision:String})`
}

function statusCondition(status: string | undefined): string {
  if (status === undefined) return ''
  if (status !== 'pending') return `AND call IN (SELECT call ${RECEIPTS} AND status = {wantedStatus:String})`
  return `AND {wantedStatus:String} != '' AND call NOT IN (SELECT call ${RECEIPTS})
    AND call NOT IN (SELECT call ${DECIDES} GROUP BY call HAVING ${LAST_DECISION} = 'deny')`
}

function stateCondition(state: string | undefined): string {
  const updated = `SELECT alert FROM events WHERE type = 'alert/updated' AND ${STANDING}`
  const closed = `${updated} AND state = 'closed'`
  switch (state) {
    case undefined:
      return ''
    case 'open':
      return `AND alert NOT IN (${updated})`
    case 'closed':
      return `AND alert IN (${closed})`
    case 'acknowledged':
      return `AND alert IN (${updated}) AND alert NOT IN (${closed})`
    default:
      return 'AND 0'
  }
}

function callOf({ event }: HistoryEvent): string {
  return 'call' in event ? (event.call ?? '') : ''
}

function alertOf({ event }: HistoryEvent): string {
  return event.type === 'alert/raised' || event.type === 'alert/updated' ? event.alert : ''
}
