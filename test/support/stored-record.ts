// Compares the event log with the store behind it, once nothing runs on either: what was acknowledged is stored once.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type Event, parseEvent } from '../../events/event.ts'
import type { StoredRecord } from '../../events/log.ts'
import { SALT_BYTES } from '../../events/payload.ts'
import { openLedgerStore } from '../../ledger/clickhouse-store.ts'
import type { Pipeline, RunningUp } from './pipeline.ts'

/** A row of the store as the comparison needs it. */
export interface ComparedRow {
  readonly topic: string
  readonly partition: string
  readonly offset: number
  readonly outcome: string
  readonly hash: string
  readonly body: string
}

/** Everything that was stored. */
export interface StoredHistory {
  readonly rows: readonly ComparedRow[]
  /** Events that count: accepted or late. */
  readonly events: readonly { readonly hash: string; readonly event: Event }[]
  /** The recorded arguments of a call, by the hash of its propose. */
  readonly argumentsOf: ReadonlyMap<string, string>
}

/** Reads everything that stands on `events` of a pipeline's log. */
export async function readLog(pipeline: Pipeline): Promise<readonly StoredRecord[]> {
  const log = await pipeline.openLog()
  const records: StoredRecord[] = []
  const take = (batch: readonly StoredRecord[]): void => void records.push(...batch)
  const subscription = await log.subscribe('events', { from: 'beginning' }, take)
  await subscription.caughtUp
  await subscription.stop()
  await log.close()
  return records
}

/** Resolves once the last event about a call of each gateway's run is stored: all before it in its partition then is too. */
export async function untilStored(pipeline: Pipeline, up: RunningUp, records: readonly StoredRecord[]): Promise<void> {
  const last = new Map<string, { readonly call: string; readonly hash: string; readonly offset: number }>()
  for (const { key, value, headers, position } of records) {
    const call = /"call":"([0-9a-f-]{36})"/.exec(Buffer.from(value).toString('utf8'))?.[1]
    const hash = Buffer.from(headers.hash ?? '').toString('hex')
    if (key.startsWith('gateway/') && call !== undefined) last.set(key, { call, hash, offset: position.offset })
  }
  await pipeline.until(
    () => isCaughtUp(pipeline, up),
    () => `the ledger does not catch up: ${up.command.errors}`,
  )
  for (const [chain, { call, hash, offset }] of last) {
    const isThere = async (): Promise<boolean> => {
      const answer = await pipeline.request(up, `/v1/calls/${call}`)
      // The propose of a call is stored before its receipt.
      return answer.status === 200 && (await answer.text()).includes(hash)
    }
    await pipeline.until(isThere, () => `${chain}, ${offset}: ${up.command.errors}`)
  }
}

/** Whether all that stood in the log when `up` started is stored, other writers' records among it. */
async function isCaughtUp(pipeline: Pipeline, up: RunningUp): Promise<boolean> {
  const answer = await pipeline.request(up, '/readyz')
  const { checks } = (await answer.json()) as { readonly checks: readonly { name: string; ready: boolean }[] }
  return checks.some(({ name, ready }) => name === 'ledger is caught up' && ready)
}

/** Reads the store of a pipeline on which no `up` runs. */
export async function readStore(pipeline: Pipeline): Promise<StoredHistory> {
  const { log } = await pipeline.installation()
  const store = await openLedgerStore({ directory: join(pipeline.data, 'store') }, log)
  try {
    const rows = await store.select<ComparedRow>(
      'SELECT topic, partition, offset, outcome, hash, body FROM events ORDER BY topic, partition, offset',
    )
    const payloads = await store.select<{ hash: string; recorded: string }>('SELECT hash, recorded FROM payloads')
    const counting = rows.filter(({ outcome }) => outcome === 'accepted' || outcome === 'late')
    return {
      rows,
      events: counting.map(({ hash, body }) => ({ hash, event: parseEvent(Buffer.from(body)) })),
      argumentsOf: new Map(payloads.map(({ hash, recorded }) => [hash, textOf(recorded)])),
    }
  } finally {
    await store.close()
  }
}

/**
 * Every record of the log has exactly one row, every row of the log its record, and no event counts twice.
 * What was written after `untilMs` may not be read yet, but only from the end.
 */
export function checkStoredOnce(records: readonly StoredRecord[], history: StoredHistory, untilMs: number): void {
  const { rows, events } = history
  const consumed = rows.filter(({ topic }) => topic === 'events')
  const stored = new Set(consumed.map(placeOf))
  assert.equal(stored.size, consumed.length, 'a record is stored twice')
  const watermarks = new Map(consumed.map(({ partition, offset }) => [partition, offset]))
  const isDue = ({ position, timeMs }: StoredRecord): boolean =>
    timeMs < untilMs || position.offset <= (watermarks.get(position.partition) ?? -1)
  const missing = records.filter((record) => isDue(record) && !stored.has(placeOf(record.position)))
  assert.deepEqual(
    missing.map(({ position }) => placeOf(position)),
    [],
    'records of the log are not stored',
  )
  const logged = new Set(records.map(({ position }) => placeOf(position)))
  assert.deepEqual(
    [...stored].filter((each) => !logged.has(each)),
    [],
    'rows are not in the log',
  )
  const odd = rows.filter(({ outcome }) => !FINE.has(outcome))
  assert.deepEqual(odd, [])
  assert.equal(new Set(events.map(({ hash }) => hash)).size, events.length, 'an event counts twice')
}

/** Every call that reached the server has its propose and the decide that allowed it; the numbers of those that do not. */
export function findUnrecorded(executed: readonly string[], { events, argumentsOf }: StoredHistory): readonly string[] {
  const allowed = new Set<string>()
  for (const { event } of events)
    if (event.type === 'authorization/decide' && event.decision === 'allow') allowed.add(event.parent)
  const recorded = new Set<string>()
  for (const { event, hash } of events)
    if (event.type === 'authorization/propose' && allowed.has(hash)) recorded.add(argumentsOf.get(hash) ?? '')
  return executed.filter((number) => !recorded.has(JSON.stringify({ number })))
}

/** The numbers of the calls with a receipt of a status. */
export function findReceipts({ events, argumentsOf }: StoredHistory, status: string): readonly string[] {
  const numbers = new Map<string, string>()
  for (const { event, hash } of events)
    if (event.type === 'authorization/propose') numbers.set(event.call, argumentsOf.get(hash) ?? '{}')
  return events.flatMap(({ event }) => {
    if (event.type !== 'authorization/receipt' || event.status !== status) return []
    const { number = '' } = JSON.parse(numbers.get(event.call) ?? '{}') as { number?: string }
    return [number]
  })
}

function placeOf({ partition, offset }: { readonly partition: string; readonly offset: number }): string {
  return `${partition} ${offset}`
}

const FINE: ReadonlySet<string> = new Set(['accepted', 'late', 'duplicate'])

function textOf(recorded: string): string {
  return Buffer.from(recorded, 'base64').subarray(SALT_BYTES).toString('utf8')
}
