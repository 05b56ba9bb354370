// Pages of lists, newest first: limits, time ranges, and cursors that say where the next page begins.
// A cursor holds nothing secret, but it is checked like any input, and only fits the filters that it was made for.
import { createHash } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import { ToolwardenError } from '../events/errors.ts'
import { hashField, timeField } from '../events/field.ts'
import { formatTime } from '../events/time.ts'
import type { PageKey, PageRequest } from '../ledger/history-filter.ts'
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from './settings.ts'

const cursorObject = z.strictObject({
  v: z.literal(1),
  list: z.string().max(32),
  filter: hashField,
  time: timeField,
  hash: hashField,
})

const timeParameter = z.iso
  .datetime({ offset: true, error: 'expected a time that exists, like 2026-11-22T13:00:00Z' })
  .refine((text) => !Number.isNaN(Date.parse(text)), 'expected a time that exists, like 2026-11-22T13:00:00Z')
  .transform(toEventTime)
  .openapi({ type: 'string', format: 'date-time', example: '2026-11-22T13:00:00Z' })

/** Query parameters that every list takes. */
export const pageQuery = {
  from: timeParameter.optional().describe('Not older than this time.'),
  to: timeParameter.optional().describe('Older than this time.'),
  limit: z
    .string()
    .regex(/^\d{1,6}$/, 'expected a whole number')
    .transform(Number)
    .pipe(z.number().min(1).max(MAX_PAGE_SIZE))
    .default(DEFAULT_PAGE_SIZE)
    .openapi({ type: 'integer', minimum: 1, maximum: MAX_PAGE_SIZE, default: DEFAULT_PAGE_SIZE }),
  cursor: z.string().max(1_000).optional().describe('`next` of the page before.'),
}

/** The schema of a page of items. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({
    items: z.array(item),
    next: z.string().optional().describe('Cursor of the next page; absent on the last.'),
  })
}

/** A checked query of a list. */
export interface PageQuery {
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly limit: number
  readonly cursor?: string | undefined
}

function readPage<Query extends PageQuery>(
  list: string,
  query: Query,
): { readonly filter: Omit<Query, 'limit' | 'cursor'>; readonly after: PageKey | undefined; readonly limit: number } {
  const { limit, cursor, ...filter } = query
  if (filter.from !== undefined && filter.to !== undefined && filter.from >= filter.to)
    throw new ToolwardenError('REQUEST_INVALID', '`from` is not before `to`', {
      where: 'query from',
      fix: 'Exchange them, or leave one out.',
    })
  return { filter, limit, after: cursor === undefined ? undefined : readCursor(cursor, list, digestOf(filter)) }
}

/** How a list is read and shown. */
export interface ListMeans<Filter, Item, Shown> {
  readonly list: string
  readonly find: (filter: Filter, page: PageRequest) => Promise<readonly Item[]>
  /** The event that places an item in the list. */
  readonly placeOf: (item: Item) => { readonly event: { readonly time: string }; readonly hash: string } | undefined
  readonly show: (item: Item) => Shown | undefined
}

/** One page of a list; one item more is looked for, to know whether another page follows. Throws REQUEST_INVALID. */
export async function findPage<Query extends PageQuery, Item, Shown>(
  query: Query,
  { list, find, placeOf, show }: ListMeans<Omit<Query, 'limit' | 'cursor'>, Item, Shown>,
): Promise<{ items: Shown[]; next: string | undefined }> {
  const { filter, after, limit } = readPage(list, query)
  const found = await find(filter, { after, limit: limit + 1 })
  const shown = found.slice(0, limit)
  const last = found.length > limit ? shown.map(placeOf).at(-1) : undefined
  const next = last && toCursor(list, filter, { time: last.event.time, hash: last.hash })
  return { items: shown.map(show).filter((item) => item !== undefined), next }
}

function toCursor(list: string, filter: object, { time, hash }: PageKey): string {
  return Buffer.from(JSON.stringify({ v: 1, list, filter: digestOf(filter), time, hash })).toString('base64url')
}

function readCursor(text: string, list: string, filter: string): PageKey {
  const result = cursorObject.safeParse(decodeJson(text))
  if (!result.success || result.data.list !== list) throw badCursor('not a cursor of this list')
  if (result.data.filter !== filter) throw badCursor('the cursor was made with other filters')
  return { time: result.data.time, hash: result.data.hash }
}

function decodeJson(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
  } catch {
    // What the parser says of a cursor helps nobody; the schema then refuses `undefined`.
    return undefined
  }
}

function badCursor(message: string): ToolwardenError {
  return new ToolwardenError('REQUEST_INVALID', message, {
    where: 'query cursor',
    fix: 'Begin without a cursor, and pass `next` of each page with the same filters.',
  })
}

function digestOf(filter: object): string {
  const entries = Object.entries(filter).filter(([, value]) => value !== undefined)
  return createHash('sha256').update(JSON.stringify(entries.sort())).digest('hex')
}

/** The form in which events carry times: UTC with microseconds. */
function toEventTime(text: string): string {
  const micros = /\.(\d+)/.exec(text)?.[1]?.slice(0, 6).padEnd(6, '0') ?? '000000'
  const seconds = Math.floor(Date.parse(text) / 1000)
  return formatTime(seconds * 1_000_000 + Number(micros))
}
