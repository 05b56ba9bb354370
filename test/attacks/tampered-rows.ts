// What somebody who may write to the tables can do to them: change, delete, copy and rewrite rows, whole chains with their
// hashes, columns and payloads, with or without a key to sign them anew.
import { canonicalBytes } from '../../events/canonical.ts'
import { type AppendSignature, hashBody, type RunKey, signAppend, ZERO_HASH } from '../../events/chain.ts'
import { parseEvent } from '../../events/event.ts'
import { decodeSignature, encodeSignature } from '../../events/record.ts'
import { eventColumns } from '../../ledger/event-columns.ts'
import type { SequencerBench } from '../support/sequencer-bench.ts'

/** The rows of the honest gateway. */
export const OF_GATEWAY = "writer = 'gateway/files'"

/** One of them. */
export function at(sequence: number): string {
  return `${OF_GATEWAY} AND sequence = ${sequence}`
}

/** `ALTER TABLE … UPDATE`; the change and the condition name no table. */
export async function update(bench: SequencerBench, change: string, where: string, table = 'events'): Promise<void> {
  await bench.run(`ALTER TABLE ${table} UPDATE ${change} WHERE ${where} SETTINGS mutations_sync = 2`)
}

/** `ALTER TABLE … DELETE`. */
export async function remove(bench: SequencerBench, where: string, table = 'events'): Promise<void> {
  await bench.run(`ALTER TABLE ${table} DELETE WHERE ${where} SETTINGS mutations_sync = 2`)
}

/** Copies rows with some columns replaced; none replaced makes exact doubles. */
export async function copy(bench: SequencerBench, where: string, replace = '', table = 'events'): Promise<void> {
  const columns = replace === '' ? '*' : `* REPLACE(${replace})`
  await bench.run(`INSERT INTO ${table} SELECT ${columns} FROM (SELECT * FROM ${table} WHERE ${where})`)
}

/** An event as an attacker edits it. */
export type EditedEvent = Record<string, unknown>

/** How a chain is rewritten. */
export interface Rewriting {
  /** Edits the events in order; those left out are deleted, the others renumbered. */
  readonly edit: (events: readonly EditedEvent[]) => readonly EditedEvent[]
  /** Signs each append anew; else the old signatures stay. */
  readonly key?: RunKey
}

interface StoredRow {
  readonly hash: string
  readonly body: string
  readonly signature: string
}

/** Rewrites the gateway's chain with everything that follows from it: links, parents, hashes, columns, payloads. */
export async function rewriteChain(bench: SequencerBench, { edit, key }: Rewriting): Promise<void> {
  const rows = await bench.store.select<StoredRow>(
    `SELECT hash, body, signature FROM events WHERE ${OF_GATEWAY} ORDER BY sequence`,
  )
  const byId = new Map(rows.map((row) => [(JSON.parse(row.body) as { id: string }).id, row]))
  const events = edit(rows.map(({ body }) => JSON.parse(body) as EditedEvent))
  const renamed = new Map<string, string>()
  const hashes: string[] = []
  for (const [index, event] of events.entries()) {
    const row = byId.get(String(event.id))
    if (row === undefined) throw new Error('an edited event keeps its id')
    const linked = { ...event, sequence: index + 1, previous: hashes.at(-1) ?? ZERO_HASH }
    const body = renameHashes(canonicalBytes(linked).toString(), renamed)
    const hash = hashBody(Buffer.from(body))
    renamed.set(row.hash, hash)
    hashes.push(hash)
    const signature = key === undefined ? row.signature : resign(row.signature, hashes, key)
    await replaceRow(bench, row.hash, { hash, body, signature })
  }
  const kept = new Set(events.map(({ id }) => byId.get(String(id))?.hash))
  for (const { hash } of rows) if (!kept.has(hash)) await removeEvent(bench, hash)
}

function renameHashes(body: string, renamed: ReadonlyMap<string, string>): string {
  return body.replaceAll(/[0-9a-f]{64}/g, (found) => renamed.get(found) ?? found)
}

function resign(signature: string, hashes: readonly string[], key: RunKey): string {
  if (signature === '') return ''
  const { count }: AppendSignature = decodeSignature(Buffer.from(signature, 'hex'))
  return encodeSignature(signAppend(key, hashes.slice(-count))).toString('hex')
}

async function replaceRow(bench: SequencerBench, old: string, row: StoredRow): Promise<void> {
  if (old === row.hash) return await update(bench, `signature = '${row.signature}'`, `hash = '${old}'`)
  const columns = Object.entries({ ...eventColumns(parseEvent(Buffer.from(row.body))), ...row })
  const replace = columns.map(([name, value]) => `${literal(value)} AS ${name}`).join(', ')
  await copy(bench, `hash = '${old}'`, replace)
  await copy(bench, `hash = '${old}'`, `'${row.hash}' AS hash`, 'payloads')
  await removeEvent(bench, old)
}

async function removeEvent(bench: SequencerBench, hash: string): Promise<void> {
  for (const table of ['events', 'payloads']) await remove(bench, `hash = '${hash}'`, table)
}

function literal(value: string | number): string {
  return typeof value === 'number' ? String(value) : `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
