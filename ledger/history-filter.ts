// Filters of the history's lists as SQL: conditions from a fixed vocabulary, values always bound, never written into it.
import type { TextColumn } from './event-columns.ts'
import type { QueryParameters } from './store.ts'

/** The place of the last item of the page before: what follows is older, or as old with a smaller hash. */
export interface PageKey {
  readonly time: string
  readonly hash: string
}

/** Which page, and how many items at most. */
export interface PageRequest {
  readonly after: PageKey | undefined
  readonly limit: number
}

/** Event times, `from` inclusive, `to` exclusive. */
export interface TimeRange {
  readonly from?: string | undefined
  readonly to?: string | undefined
}

/** Conditions joined by AND, and the values bound to them. */
export interface Condition {
  readonly sql: string
  readonly parameters: QueryParameters
}

/** What readers take for an event: forks too, which are evidence. */
export const SHOWN = "outcome IN ('accepted', 'late', 'fork')"
/** What stands in the chains. */
export const STANDING = "outcome IN ('accepted', 'late')"

/** The condition of time range, page and equal columns. */
export function listCondition(
  range: TimeRange,
  page: PageRequest,
  equal: Readonly<Partial<Record<TextColumn, string | undefined>>>,
): Condition {
  const parameters: Record<string, string> = {}
  const parts: string[] = []
  const add = (sql: string, values: Readonly<Record<string, string>>): void => {
    parts.push(sql)
    Object.assign(parameters, values)
  }
  if (range.from !== undefined) add('time >= {from:String}', { from: range.from })
  if (range.to !== undefined) add('time < {to:String}', { to: range.to })
  if (page.after !== undefined) {
    const { time, hash } = page.after
    // The first half alone lets the index on time skip what is newer.
    add('time <= {afterTime:String} AND (time < {afterTime:String} OR hash < {afterHash:String})', {
      afterTime: time,
      afterHash: hash,
    })
  }
  for (const [column, value] of Object.entries(equal))
    if (value !== undefined) add(`${column} = {${column}:String}`, { [column]: value })
  return { sql: ['1', ...parts].join(' AND '), parameters }
}
