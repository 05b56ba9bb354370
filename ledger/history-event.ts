// A row as readers see it. Nobody waits for a verification to be safe: each row that is shown is compared with itself
// first, and one that was edited is shown as such, never hidden.
import { type Event, parseEvent } from '../events/event.ts'
import { NUMBER_COLUMNS, TEXT_COLUMNS } from './event-columns.ts'
import type { EventRow, LedgerStore } from './store.ts'
import { checkRow, ROW_COLUMNS } from './stored-event.ts'

/** An event of the ledger. */
export interface HistoryEvent {
  readonly event: Event
  readonly hash: string
  readonly outcome: string
  /** When the ledger stored it, in the form of event times. */
  readonly ingestedAt: string
  /** Set where the stored row contradicts itself: someone edited it. */
  readonly problem?: string
}

/** A row with the time of its insert. */
export type HistoryRow = EventRow & { readonly ingested_text: string }

/** The columns of a HistoryRow, for SELECT. */
export const HISTORY_COLUMNS = `${ROW_COLUMNS}, formatDateTime(ingested_at, '%Y-%m-%dT%H:%i:%S.%fZ') AS ingested_text`

/** Events under a condition, newest first, `limit` of the parameters at most. Throws STORE_UNAVAILABLE, STORE_INVALID. */
export async function selectNewest(
  store: LedgerStore,
  condition: string,
  parameters: Readonly<Record<string, string | number | readonly string[]>>,
): Promise<readonly HistoryEvent[]> {
  const rows = await store.select<HistoryRow>(
    `SELECT ${HISTORY_COLUMNS} FROM events WHERE ${condition}
     ORDER BY time DESC, hash DESC LIMIT 1 BY hash LIMIT {limit:UInt32}`,
    parameters,
  )
  return rows.map(toHistoryEvent)
}

/** The event of a row, with what is wrong with it. */
export function toHistoryEvent(row: HistoryRow): HistoryEvent {
  const { hash, outcome, ingested_text: ingestedAt } = row
  const checked = checkRow(row)
  if (checked.isIntact) return { event: checked.event, hash, outcome, ingestedAt }
  return { event: readAltered(row), hash, outcome, ingestedAt, problem: `${checked.code}: ${checked.text}` }
}

/** What can still be read of an altered row: its body if that is an event, else what the columns say. */
function readAltered(row: HistoryRow): Event {
  try {
    return parseEvent(Buffer.from(row.body, 'utf8'))
  } catch {
    const columns = [...TEXT_COLUMNS, ...NUMBER_COLUMNS].filter((name) => row[name] !== '' && row[name] !== 0)
    // No event, and marked so by `problem`: its reader shows what is left of the evidence.
    return { v: 1, log: '', ...Object.fromEntries(columns.map((name) => [name, row[name]])) } as unknown as Event
  }
}
