// Legal holds, read from the chains: what an `admin/held` event names is not erased until an `admin/released` event ends it.
import { HISTORY_COLUMNS, type HistoryRow, toHistoryEvent } from './history-event.ts'
import { STANDING } from './history-filter.ts'
import type { LedgerStore } from './store.ts'

/** The most holds that are in force at once: each is a condition of every erasure. */
export const MAX_HOLDS = 200

/** One hold in force; what it names it names together. */
export interface LegalHold {
  readonly hold: string
  readonly call?: string | undefined
  readonly session?: string | undefined
  readonly principal?: string | undefined
  readonly reason: string
  readonly by: string
  readonly at: string
  /** Hash of its event. */
  readonly event: string
}

/** The holds in force, oldest first. A release that was edited in the store counts for nothing. Throws STORE_*. */
export async function findLegalHolds(store: LedgerStore): Promise<readonly LegalHold[]> {
  const rows = await store.select<HistoryRow>(
    `SELECT ${HISTORY_COLUMNS} FROM events WHERE type IN ('admin/held', 'admin/released') AND ${STANDING}
     ORDER BY time, sequence, hash LIMIT 1 BY hash`,
  )
  const events = rows.map(toHistoryEvent)
  const released = new Set(
    events.flatMap(({ event, problem }) =>
      event.type === 'admin/released' && problem === undefined ? [event.hold] : [],
    ),
  )
  return events.flatMap(({ event, hash }) => {
    if (event.type !== 'admin/held' || released.has(event.hold)) return []
    const { hold, call, session, principal, reason, by, time } = event
    return [{ hold, call, session, principal, reason, by, at: time, event: hash }]
  })
}
