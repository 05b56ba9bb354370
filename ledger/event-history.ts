// What detectors judged, out of the store: events of a time range by the log's own time, with their signals, oldest first, window
// by window. Each row is compared with itself, signals with the digest in their event: what was edited is left out and counted.
import { sha256 } from '../events/chain.ts'
import type { Gap } from '../events/chain-verifier.ts'
import type { Event } from '../events/event.ts'
import { STANDING } from './history-filter.ts'
import type { EventRow, LedgerStore } from './store.ts'
import { checkRow, ROW_COLUMNS } from './stored-event.ts'

/** Events that are in memory at once, as long as no single minute has more. */
const MAX_WINDOW_EVENTS = 20_000
const MINUTE_MS = 60_000

/** A stored event, as detectors meet it. */
export interface RecordedEvent {
  readonly event: Event
  readonly hash: string
  readonly chain: string
  /** The log's time of the record, milliseconds. */
  readonly timeMs: number
  readonly signals?: Buffer
  readonly gap?: Gap
}

/** Events in batches, how many there are, and how many were left out so far because the store contradicts itself. */
export interface EventHistory {
  readonly total: number
  readonly altered: () => number
  readonly batches: AsyncGenerator<readonly RecordedEvent[]>
}

/** Milliseconds since 1970, `from` inclusive, `to` exclusive. */
export interface LogTimeRange {
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
}

/** The detectors do not judge themselves. */
const JUDGED = `${STANDING} AND NOT startsWith(writer, 'detectors/') AND log_time >= {from:Int64} AND log_time < {to:Int64}`

/** Reads the events of a range. Fails with STORE_*. */
export async function readEventHistory(store: LedgerStore, range: LogTimeRange): Promise<EventHistory> {
  const { fromMs = 0, toMs = Number.MAX_SAFE_INTEGER } = range
  const minutes = await store.select<{ minute: number; events: number }>(
    `SELECT intDiv(log_time, ${MINUTE_MS}) AS minute, count() AS events FROM events
     WHERE ${JUDGED} GROUP BY minute ORDER BY minute`,
    { from: fromMs, to: toMs },
  )
  let altered = 0
  const onAltered = (): void => {
    altered++
  }
  return {
    total: minutes.reduce((sum, { events }) => sum + events, 0),
    altered: () => altered,
    batches: readWindows(store, { windows: listWindows(minutes, { fromMs, toMs }), onAltered }),
  }
}

interface Window {
  readonly from: number
  readonly to: number
}

function listWindows(
  minutes: readonly { readonly minute: number; readonly events: number }[],
  { fromMs, toMs }: Required<LogTimeRange> & { readonly fromMs: number; readonly toMs: number },
): readonly Window[] {
  const windows: Window[] = []
  let open: (Window & { readonly events: number }) | undefined
  for (const { minute, events } of minutes) {
    const [from, to] = [Math.max(fromMs, minute * MINUTE_MS), Math.min(toMs, (minute + 1) * MINUTE_MS)]
    if (open !== undefined && open.events + events > MAX_WINDOW_EVENTS) {
      windows.push(open)
      open = undefined
    }
    open = { from: open?.from ?? from, to, events: (open?.events ?? 0) + events }
  }
  return open === undefined ? windows : [...windows, open]
}

interface Reading {
  readonly windows: readonly Window[]
  readonly onAltered: () => void
}

async function* readWindows(
  store: LedgerStore,
  { windows, onAltered }: Reading,
): AsyncGenerator<readonly RecordedEvent[]> {
  for (const { from, to } of windows) {
    const rows = await store.select<EventRow>(
      `SELECT ${ROW_COLUMNS} FROM events WHERE ${JUDGED}
       ORDER BY log_time, writer, instance, sequence, hash LIMIT 1 BY hash`,
      { from, to },
    )
    const signals = await readSignals(store, { from, to })
    yield rows.flatMap((row) => {
      const read = toRecorded(row, signals.get(row.hash))
      if (read === undefined) onAltered()
      return read ?? []
    })
  }
}

async function readSignals(store: LedgerStore, { from, to }: Window): Promise<ReadonlyMap<string, string>> {
  const rows = await store.select<{ hash: string; signals: string }>(
    `SELECT hash, signals FROM payloads WHERE signals != '' AND hash IN (SELECT hash FROM events WHERE ${JUDGED})
     LIMIT 1 BY hash`,
    { from, to },
  )
  return new Map(rows.map(({ hash, signals }) => [hash, signals]))
}

function toRecorded(row: EventRow, stored: string | undefined): RecordedEvent | undefined {
  const checked = checkRow(row)
  if (!checked.isIntact) return undefined
  const { event } = checked
  const signals = stored === undefined ? undefined : Buffer.from(stored, 'base64')
  const committed = 'signalsDigest' in event ? event.signalsDigest : undefined
  const { writer, instance, sequence } = event
  return {
    ...{ event, hash: row.hash, chain: `${writer}/${instance}`, timeMs: row.log_time },
    ...(signals !== undefined && sha256(signals) === committed ? { signals } : {}),
    ...(row.after_gap === 0 ? {} : { gap: { from: row.after_gap, to: sequence - 1 } }),
  }
}
