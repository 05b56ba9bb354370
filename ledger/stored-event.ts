// A row read back from the store, and whether it still says what was written: body against hash, columns against body.
import { hashBody } from '../events/chain.ts'
import { ToolwardenError } from '../events/errors.ts'
import { type Event, parseEvent } from '../events/event.ts'
import { findEditedColumn } from './event-columns.ts'
import { EVENT_ROW_COLUMNS } from './schema.ts'
import type { EventRow } from './store.ts'
import type { ViolationCode } from './verify-report.ts'

/** The columns of a whole row, for SELECT. */
export const ROW_COLUMNS = EVENT_ROW_COLUMNS.join(', ')

/** What a stored body turned out to be. */
export type CheckedRow =
  | { readonly isIntact: true; readonly event: Event }
  | {
      readonly isIntact: false
      readonly code: ViolationCode
      readonly text: string
      /** What the body says, where it is the one that was stored and only a column was edited. */
      readonly event?: Event
    }

/** Compares a row with itself: its body must hash to its hash, be an event, and say what the columns say. */
export function checkRow(row: EventRow): CheckedRow {
  const body = Buffer.from(row.body, 'utf8')
  if (hashBody(body) !== row.hash)
    return { isIntact: false, code: 'hash-mismatch', text: 'the stored body does not have the stored hash' }
  let event: Event
  try {
    event = parseEvent(body)
  } catch (error) {
    if (!(error instanceof ToolwardenError)) throw error
    return { isIntact: false, code: 'body-invalid', text: `the stored body is no event: ${error.message}` }
  }
  const edited = findEditedColumn(row, event)
  if (edited !== undefined)
    return {
      isIntact: false,
      code: 'column-mismatch',
      text: `the column ${edited} does not say what the body says`,
      event,
    }
  return { isIntact: true, event }
}

/** `topic/partition/offset`, for messages. */
export function positionText({ topic, partition, offset }: Pick<EventRow, 'topic' | 'partition' | 'offset'>): string {
  return `${topic}/${partition}/${offset}`
}
