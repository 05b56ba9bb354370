// Query columns: copies of what a body says, so that SQL can filter by it. Pure.
// Verification and every reader compare them with the body: else editing a column would fool readers while the chain verifies.
import type { Event } from '../events/event.ts'

/** The text columns, in the order of the table. */
export const TEXT_COLUMNS = [
  'writer',
  'instance',
  'previous',
  'id',
  'time',
  'type',
  'call',
  'session',
  'connection',
  'principal',
  'client',
  'server',
  'tool',
  'parent',
  'decision',
  'cause',
  'status',
  'policy_rule',
  'rule',
  'alert',
  'detector',
  'severity',
  'state',
  'approval',
  'subject',
] as const
/** The whole-number columns, in the order of the table. */
export const NUMBER_COLUMNS = ['sequence', 'range_from', 'range_to'] as const

/** The name of a text column. */
export type TextColumn = (typeof TEXT_COLUMNS)[number]
/** The name of a whole-number column. */
export type NumberColumn = (typeof NUMBER_COLUMNS)[number]
/** All query columns of one event; what a type does not have is empty or 0. */
export type EventColumns = Readonly<Record<TextColumn, string> & Record<NumberColumn, number>>

/** The columns of a message that is no event. */
export const NO_COLUMNS: EventColumns = Object.freeze({
  ...(Object.fromEntries(TEXT_COLUMNS.map((name) => [name, ''])) as Record<TextColumn, string>),
  sequence: 0,
  range_from: 0,
  range_to: 0,
})

/** Columns that bear another name than their field, or are filled for some types alone. */
const OWN_COLUMNS: ReadonlySet<TextColumn> = new Set(['cause', 'policy_rule', 'rule', 'subject'])
/** Columns that bear the name of their field. */
const SAME_NAME = TEXT_COLUMNS.filter((name) => !OWN_COLUMNS.has(name))

/** The query columns of an event, as a new object. */
export function eventColumns(event: Event): EventColumns {
  const fields: Readonly<Record<string, unknown>> = event
  const columns: Record<TextColumn, string> & Record<NumberColumn, number> = {
    ...NO_COLUMNS,
    sequence: event.sequence,
  }
  for (const name of SAME_NAME) {
    const value = fields[name]
    if (typeof value === 'string') columns[name] = value
  }
  // One object, not a copy of a copy: this is done for every event.
  return Object.assign(columns, ownColumns(event))
}

/** The first column that does not say what the body says. */
export function findEditedColumn(row: EventColumns, event: Event): TextColumn | NumberColumn | undefined {
  const expected = eventColumns(event)
  return [...TEXT_COLUMNS, ...NUMBER_COLUMNS].find((name) => row[name] !== expected[name])
}

function ownColumns(event: Event): Partial<EventColumns> {
  switch (event.type) {
    case 'authorization/decide':
      return { cause: event.reason, policy_rule: event.rule ?? '', rule: event.adaptiveRule ?? '' }
    case 'rule/added': {
      const { id, scope, tool, cause } = event.rule
      return {
        rule: id,
        tool,
        session: scope.session ?? '',
        principal: scope.principal ?? '',
        server: scope.server ?? '',
        alert: cause.alert ?? '',
      }
    }
    case 'rule/lifted':
      return { rule: event.rule }
    case 'approval/requested':
      return { cause: event.reason, policy_rule: event.rule ?? '', rule: event.adaptiveRule ?? '' }
    case 'approval/verdict':
    case 'approval/elicited':
      return { state: event.verdict }
    case 'alert/raised':
      return { rule: event.rule ?? '', subject: event.subject }
    case 'ledger/ingested':
      return { subject: event.partition, range_from: event.from, range_to: event.to }
    case 'ledger/gap':
    case 'ledger/gap-filled':
    case 'ledger/silent':
    case 'ledger/fork':
      return { subject: event.chain, range_from: event.from, range_to: event.to }
    case 'admin/erased':
      return { subject: event.erasure }
    case 'admin/pruned':
      return { subject: event.before, range_to: event.minIndex }
    case 'admin/held':
    case 'admin/released':
      return { subject: event.hold }
    case 'ledger/repaired':
      return { subject: event.repair }
    case 'ledger/quarantined':
      return { subject: event.partition, range_from: event.offset, range_to: event.offset }
    default:
      return {}
  }
}
