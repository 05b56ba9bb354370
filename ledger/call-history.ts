// Recorded calls out of the store, oldest first, window by window. What a row says is taken from its body, whose hash the
// store computes again, and arguments are compared with their commitment: what was edited is marked, never believed.

import type { PayloadField } from '../events/field.ts'
import { attachmentHolds, SALT_BYTES } from '../events/payload.ts'
import { parseTime } from '../events/time.ts'
import { type CallWindow, listCallWindows } from './call-windows.ts'
import { STANDING, type TimeRange } from './history-filter.ts'
import type { RecordedArguments, RecordedCall, RecordedDecision } from './recorded-call.ts'
import { readArgumentsText } from './recorded-call.ts'
import type { LedgerStore } from './store.ts'

/** Calls that are in memory at once, twice: the next window is read while this one is worked on. */
const MAX_WINDOW_CALLS = 25_000
/** How long after a window most decisions and receipts have come; those of the others are asked for by call. */
const SOON_MICROS = 3_600_000_000
/** How many calls one statement asks for by name: they travel in a URL. */
const CALLS_A_QUERY = 500

/** The calls of a history, in batches, and how many there are. */
export interface CallHistory {
  readonly total: number
  readonly batches: AsyncGenerator<readonly RecordedCall[]>
}

/** Reads the calls that were proposed in a range, oldest first. Fails with STORE_*. */
export async function readCallHistory(store: LedgerStore, range: TimeRange): Promise<CallHistory> {
  const windows = await listCallWindows(store, { ...range, maxCalls: MAX_WINDOW_CALLS })
  return { total: windows.reduce((sum, { calls }) => sum + calls, 0), batches: readWindows(store, windows) }
}

async function* readWindows(
  store: LedgerStore,
  windows: readonly CallWindow[],
): AsyncGenerator<readonly RecordedCall[]> {
  const [first, ...rest] = windows
  let next = first === undefined ? undefined : readAhead(store, first)
  for (const window of [...rest, undefined]) {
    const found = await next
    next = window === undefined ? undefined : readAhead(store, window)
    if (found !== undefined && 'error' in found) throw found.error
    if (found !== undefined) yield found.calls
  }
}

/** Never rejects by itself: nobody waits for it while the window before it is worked on. */
async function readAhead(
  store: LedgerStore,
  window: CallWindow,
): Promise<{ readonly calls: readonly RecordedCall[] } | { readonly error: unknown }> {
  try {
    return { calls: await readWindow(store, window) }
  } catch (error) {
    return { error }
  }
}

interface ProposeRow {
  readonly hash: string
  readonly intact: number
  readonly ingested: string
  readonly e: Omit<RecordedCall, 'arguments' | 'timeMs' | 'decided' | 'status'> & {
    readonly time: string
    readonly argumentsDigest: string
    readonly arguments: PayloadField
  }
}

const INTACT = 'lower(hex(SHA256(concat(char(0), body)))) = hash'
const PROPOSED = `JSONExtract(body, 'Tuple(call String, time String, principal String, session String, client String,
  server String, tool String, method String, argumentsDigest String,
  arguments Tuple(bytes UInt64, commitment String, record String, recorded String))')`
const SETTLED = `JSONExtract(body, 'Tuple(call String, type String, decision String, reason String, rule String,
  status String, observed Tuple(decision String, reason String))')`
const IN_WINDOW = `type = 'authorization/propose' AND ${STANDING} AND time >= {from:String} AND time < {to:String}`

async function readWindow(store: LedgerStore, { from, to }: CallWindow): Promise<readonly RecordedCall[]> {
  const proposed = await store.select<ProposeRow>(
    `SELECT hash, ${INTACT} AS intact, toString(ingested_at) AS ingested, ${PROPOSED} AS e FROM events
     WHERE ${IN_WINDOW} ORDER BY time, hash LIMIT 1 BY hash`,
    { from, to },
  )
  const payloads = await readPayloads(store, { from, to }, proposed)
  const settled = await readSettled(store, { from, to }, proposed)
  return proposed.map((row) => {
    const { arguments: field, argumentsDigest, time, ...names } = row.e
    const rows = settled.get(names.call) ?? []
    const isAltered = row.intact !== 1 || rows.some(({ intact }) => intact !== 1)
    const decided = decisionOf(rows)
    return {
      ...names,
      argumentsDigest,
      timeMs: Math.floor(parseTime(time) / 1000),
      arguments: isAltered ? { state: 'altered' } : toArguments(field, payloads.get(row.hash)),
      decided,
      status: rows.findLast(({ e }) => e.status !== '')?.e.status ?? (decided?.final === 'deny' ? 'none' : 'pending'),
    }
  })
}

/** The recorded bytes by hash, base64, or `erased`, which is no base64 of a salt. */
type Payloads = ReadonlyMap<string, string>

/** Written in the same insert as their events, so that their time finds the parts of the table that hold them. */
async function readPayloads(
  store: LedgerStore,
  window: Pick<CallWindow, 'from' | 'to'>,
  proposed: readonly ProposeRow[],
): Promise<Payloads> {
  const times = proposed.map(({ ingested }) => ingested).toSorted()
  const hashes = `hash IN (SELECT hash FROM events WHERE ${IN_WINDOW})`
  const rows = await store.select<{ hash: string; recorded: string }>(
    `SELECT hash, recorded FROM payloads WHERE ${hashes} AND recorded != ''
       AND ingested_at >= {first:DateTime64(6, 'UTC')} AND ingested_at <= {last:DateTime64(6, 'UTC')}`,
    { ...window, first: times[0] ?? NEVER, last: times.at(-1) ?? NEVER },
  )
  const erased = await store.select<{ hash: string }>(
    `SELECT DISTINCT hash FROM payloads WHERE erased_by != '' AND ${hashes}`,
    window,
  )
  return new Map([
    ...rows.map(({ hash, recorded }) => [hash, recorded] as const),
    ...erased.map(({ hash }) => [hash, 'erased'] as const),
  ])
}

const NEVER = '1970-01-01 00:00:00'

function toArguments(field: PayloadField, payload: string | undefined): RecordedArguments {
  if (payload === undefined) return { state: 'missing' }
  if (payload === 'erased') return { state: 'erased' }
  const attachment = Buffer.from(payload, 'base64')
  if (!attachmentHolds(field, attachment)) return { state: 'altered' }
  if (field.record !== 'full') return { state: field.record }
  return readArgumentsText(attachment.subarray(SALT_BYTES).toString('utf8')) ?? { state: 'altered' }
}

interface SettledRow {
  readonly intact: number
  readonly e: {
    readonly call: string
    readonly type: string
    readonly decision: '' | RecordedDecision['decision']
    readonly reason: string
    readonly rule: string
    readonly status: string
    readonly observed: { readonly decision: '' | 'deny' | 'escalate'; readonly reason: string }
  }
}

const SETTLING = `type IN ('authorization/decide', 'authorization/receipt') AND ${STANDING}`

async function readSettled(
  store: LedgerStore,
  { from, to }: Pick<CallWindow, 'from' | 'to'>,
  proposed: readonly ProposeRow[],
): Promise<ReadonlyMap<string, readonly SettledRow[]>> {
  const last = proposed.at(-1)?.e.time ?? from
  const soon = `${new Date(Math.floor((parseTime(last) + SOON_MICROS) / 1000)).toISOString().slice(0, 23)}999Z`
  const near = await store.select<SettledRow>(
    `SELECT ${INTACT} AS intact, ${SETTLED} AS e FROM events
     WHERE ${SETTLING} AND time >= {from:String} AND time <= {soon:String}
       AND call IN (SELECT call FROM events WHERE ${IN_WINDOW})
     ORDER BY time, sequence, hash LIMIT 1 BY hash`,
    { from, to, soon },
  )
  const found = new Map<string, SettledRow[]>()
  const take = (rows: readonly SettledRow[]): void => {
    for (const row of rows) {
      const known = found.get(row.e.call)
      if (known === undefined) found.set(row.e.call, [row])
      else known.push(row)
    }
  }
  take(near)
  const open = proposed.map(({ e }) => e.call).filter((call) => !isClosed(found.get(call) ?? []))
  for (let start = 0; start < open.length; start += CALLS_A_QUERY) {
    const calls = open.slice(start, start + CALLS_A_QUERY)
    const late = await store.select<SettledRow>(
      `SELECT ${INTACT} AS intact, ${SETTLED} AS e FROM events
       WHERE ${SETTLING} AND time > {soon:String} AND call IN {calls:Array(String)}
       ORDER BY time, sequence, hash LIMIT 1 BY hash`,
      { soon, calls },
    )
    take(late)
  }
  return found
}

function isClosed(rows: readonly SettledRow[]): boolean {
  return rows.some(({ e }) => e.type === 'authorization/receipt') || decisionOf(rows)?.final === 'deny'
}

function decisionOf(rows: readonly SettledRow[]): RecordedDecision | undefined {
  const decides = rows.filter(({ e }) => e.type === 'authorization/decide')
  const [first, last] = [decides[0]?.e, decides.at(-1)?.e]
  if (first === undefined || last === undefined || first.decision === '' || last.decision === '') return undefined
  const { decision, reason, rule, observed } = first
  return {
    decision,
    reason,
    rule: rule === '' ? undefined : rule,
    observed: observed.decision === '' ? undefined : { decision: observed.decision, reason: observed.reason },
    final: last.decision,
  }
}
