// The definitions that gateways saw, as the API shows them: of every tool the newest `tools/listed` that speaks of it, each
// row checked before it is shown.
import { HISTORY_COLUMNS, type HistoryRow, toHistoryEvent } from './history-event.ts'
import { STANDING } from './history-filter.ts'
import type { LedgerStore } from './store.ts'

/** The most tools that are listed. */
export const MAX_DEFINITIONS = 10_000

/** A tool as it was seen last. */
export interface SeenDefinition {
  readonly server: string
  readonly tool: string
  readonly digest: string
  /** The digest that the gateway held it to then; undefined where it had none. */
  readonly pinned: string | undefined
  readonly seenAt: string
  /** Hash of the event. */
  readonly event: string
  /** Set where the stored row contradicts itself: someone edited it. */
  readonly problem?: string
}

/** Tools by server and name. Throws STORE_UNAVAILABLE. */
export async function findDefinitions(
  store: LedgerStore,
  server: string | undefined,
): Promise<readonly SeenDefinition[]> {
  const newest = await store.select<{ server: string; name: string; event: string }>(
    `SELECT server, name, argMax(hash, (time, sequence, hash)) AS event FROM (
       SELECT server, hash, time, sequence, arrayJoin(JSONExtractArrayRaw(body, 'tools')) AS entry,
         JSONExtractString(entry, 'tool') AS name
       FROM events WHERE type = 'tools/listed' AND ${STANDING} ${server === undefined ? '' : 'AND server = {server:String}'}
     ) GROUP BY server, name ORDER BY server, name LIMIT ${MAX_DEFINITIONS}`,
    server === undefined ? {} : { server },
  )
  const events = await findEvents(store, [...new Set(newest.map(({ event }) => event))])
  return newest.flatMap(({ name, event }) => {
    const found = events.get(event)
    if (found?.event.type !== 'tools/listed') return []
    const { server: of, tools, time: seenAt } = found.event
    const entry = tools.find(({ tool }) => tool === name)
    if (entry === undefined) return []
    const problem = found.problem === undefined ? {} : { problem: found.problem }
    return [{ server: of, tool: name, digest: entry.digest, pinned: entry.pinned, seenAt, event, ...problem }]
  })
}

async function findEvents(store: LedgerStore, hashes: readonly string[]) {
  if (hashes.length === 0) return new Map<string, ReturnType<typeof toHistoryEvent>>()
  const rows = await store.select<HistoryRow>(
    `SELECT ${HISTORY_COLUMNS} FROM events WHERE hash IN {hashes:Array(String)} AND ${STANDING} LIMIT 1 BY hash`,
    { hashes },
  )
  return new Map(rows.map((row) => [row.hash, toHistoryEvent(row)]))
}
