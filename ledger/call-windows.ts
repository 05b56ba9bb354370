// Cuts the recorded calls of a time range into windows of bounded size, oldest first, by counting them an hour, a minute,
// a second, a millisecond at a time: no sort of the whole, so that memory does not grow with the history.

import { STANDING, type TimeRange } from './history-filter.ts'
import type { LedgerStore, QueryParameters } from './store.ts'

/** Lengths of the prefixes of an event time that stand for an hour, a minute, a second, a millisecond and a microsecond. */
const PRECISIONS = [13, 16, 19, 23, 26] as const
/** Later than every time. */
const END_OF_TIME = '~'

/** Proposes from `from`, inclusive, to `to`, exclusive, by event time. */
export interface CallWindow {
  readonly from: string
  readonly to: string
  readonly calls: number
}

/** What is cut, and how large a window may be; a single microsecond is never split. */
export interface WindowRequest extends TimeRange {
  readonly maxCalls: number
}

/** Lists the windows in order. Fails with STORE_*. */
export async function listCallWindows(store: LedgerStore, request: WindowRequest): Promise<readonly CallWindow[]> {
  const { from = '', to = END_OF_TIME, maxCalls } = request
  const windows: CallWindow[] = []
  let open: CallWindow | undefined
  for await (const bucket of listBuckets(store, { from, to, calls: 0 }, { precision: 0, maxCalls })) {
    if (open !== undefined && open.calls + bucket.calls > maxCalls) {
      windows.push(open)
      open = undefined
    }
    open = { from: open?.from ?? bucket.from, to: bucket.to, calls: (open?.calls ?? 0) + bucket.calls }
  }
  return open === undefined ? windows : [...windows, open]
}

/** Buckets of one precision, and of a finer one within those that are too large. */
async function* listBuckets(
  store: LedgerStore,
  { from, to }: CallWindow,
  { precision, maxCalls }: { readonly precision: number; readonly maxCalls: number },
): AsyncGenerator<CallWindow> {
  const length = PRECISIONS[precision]
  if (length === undefined) return
  const rows = await store.select<{ prefix: string; calls: number }>(
    `SELECT substring(time, 1, ${length}) AS prefix, count() AS calls FROM events
     WHERE type = 'authorization/propose' AND ${STANDING} AND time >= {from:String} AND time < {to:String}
     GROUP BY prefix ORDER BY prefix`,
    { from, to } satisfies QueryParameters,
  )
  for (const [place, { prefix, calls }] of rows.entries()) {
    const bucket = { from: place === 0 ? from : prefix, to: rows[place + 1]?.prefix ?? to, calls }
    if (calls > maxCalls && precision + 1 < PRECISIONS.length)
      yield* listBuckets(store, bucket, { precision: precision + 1, maxCalls })
    else yield bucket
  }
}
