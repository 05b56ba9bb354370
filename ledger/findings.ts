// What the ledger says about a batch in events of its own: gaps and what fills them, forks, quarantine, and that the batch
// is stored. Pure. A flood is folded: however much bad input a batch holds, what is said of it stays small.
import { sha256 } from '../events/chain.ts'
import type { Verdict } from '../events/chain-verifier.ts'
import type { EventDraft } from '../events/event.ts'
import type { ExpiredRange, StoredRecord } from '../events/log.ts'
import { roleOf } from '../events/role.ts'
import { derivedId } from '../events/time.ts'
import { safeText } from './batch-rows.ts'
import { rangeDigest } from './range-digest.ts'
import type { EventRow } from './store.ts'

/** How many kinds of quarantine (chain and reason) are named one by one in a batch; the rest become one event. */
export const MAX_QUARANTINE_KINDS = 16
const MAX_TEXT_LENGTH = 500

/** Whether a batch says more than what the ledger wrote itself and reads back. Such batches are not announced: each announcement would cause the next. */
function isNews(verdicts: readonly Verdict[]): boolean {
  return verdicts.some((verdict) => {
    if (verdict.outcome === 'duplicate') return false
    if (verdict.outcome === 'quarantined' || verdict.outcome === 'fork') return true
    return roleOf(verdict.event.writer) !== 'ledger' || 'gap' in verdict || verdict.attachmentProblem !== undefined
  })
}

/** The events about one partition's batch, `ledger/ingested` last; none where it holds no news. */
export function findings(
  records: readonly StoredRecord[],
  verdicts: readonly Verdict[],
  rows: readonly EventRow[],
): readonly EventDraft[] {
  const first = rows[0]
  const last = rows.at(-1)
  if (first === undefined || last === undefined || !isNews(verdicts)) return []
  return [
    ...verdicts.flatMap(gapOf),
    ...filledGaps(verdicts),
    ...forks(verdicts),
    ...quarantines(records, verdicts),
    {
      type: 'ledger/ingested',
      id: derivedId('ledger/ingested', first.partition, String(first.offset), String(last.offset)),
      topic: 'events',
      partition: first.partition,
      from: first.offset,
      to: last.offset,
      events: rows.length,
      digest: rangeDigest(rows),
    },
  ]
}

/** The event about positions that the log can't give any more. */
export function expiredFinding({ topic, partition, from, to, damage }: ExpiredRange): EventDraft {
  const why = damage === undefined ? 'expired: the log removed these offsets by age' : `damaged: ${damage.message}`
  // Offsets, not sequence numbers: the name says so, lest verification takes one for the other.
  const chain = safeText(`${topic}:${partition}`, MAX_TEXT_LENGTH)
  const id = derivedId('ledger/gap', chain, String(from), String(to))
  return { type: 'ledger/gap', id, chain, from, to, reason: safeText(why, MAX_TEXT_LENGTH) }
}

function gapOf(verdict: Verdict): EventDraft[] {
  if (verdict.outcome !== 'accepted' || verdict.gap === undefined) return []
  const { chain, gap } = verdict
  const id = derivedId('ledger/gap', chain, String(gap.from), String(gap.to))
  return [{ type: 'ledger/gap', id, chain, ...gap, reason: 'sequence numbers are missing' }]
}

/** One event for each run of neighbours that came late. */
function filledGaps(verdicts: readonly Verdict[]): EventDraft[] {
  const filled: { chain: string; from: number; to: number }[] = []
  for (const verdict of verdicts) {
    if (verdict.outcome !== 'late') continue
    const { chain, event } = verdict
    const before = filled.at(-1)
    if (before?.chain === chain && before.to + 1 === event.sequence) before.to = event.sequence
    else filled.push({ chain, from: event.sequence, to: event.sequence })
  }
  return filled.map(({ chain, from, to }) => ({
    type: 'ledger/gap-filled',
    id: derivedId('ledger/gap-filled', chain, String(from), String(to)),
    chain,
    from,
    to,
    reason: 'came late',
  }))
}

/** One event a chain: the first fork, and how far the others reach. */
function forks(verdicts: readonly Verdict[]): EventDraft[] {
  const found = new Map<string, { from: number; to: number; reason: string; stored: string; other: string }>()
  for (const verdict of verdicts) {
    if (verdict.outcome !== 'fork') continue
    const { chain, event, stored, hash, reason } = verdict
    const known = found.get(chain) ?? { from: event.sequence, to: event.sequence, reason, stored, other: hash }
    const from = Math.min(known.from, event.sequence)
    const to = Math.max(known.to, event.sequence)
    found.set(chain, { ...known, from, to })
  }
  return [...found].map(([chain, fork]) => {
    const id = derivedId('ledger/fork', chain, String(fork.from), fork.stored, fork.other)
    return { type: 'ledger/fork', id, chain, ...fork }
  })
}

interface Quarantined {
  readonly partition: string
  readonly offset: number
  readonly chain: string
  readonly reason: string
  readonly digest: string
  readonly bytes: number
  count: number
}

function quarantines(records: readonly StoredRecord[], verdicts: readonly Verdict[]): EventDraft[] {
  const kinds = new Map<string, Quarantined>()
  verdicts.forEach((verdict, index) => {
    const record = records[index]
    const found = record === undefined ? undefined : quarantineOf(record, verdict)
    if (found === undefined) return
    const kind = JSON.stringify([found.chain, found.reason])
    const key = kinds.has(kind) || kinds.size < MAX_QUARANTINE_KINDS ? kind : 'others'
    const known = kinds.get(key)
    if (known !== undefined) known.count++
    else kinds.set(key, key === kind ? found : { ...found, chain: '', reason: `one of several: ${found.reason}` })
  })
  return [...kinds.values()].map((found) => ({
    type: 'ledger/quarantined',
    id: derivedId('ledger/quarantined', found.partition, String(found.offset), found.digest),
    ...found,
  }))
}

function quarantineOf({ position, value }: StoredRecord, verdict: Verdict): Quarantined | undefined {
  const { partition, offset } = position
  const said = (reason: string, bytes: Uint8Array): Quarantined => ({
    partition,
    offset,
    chain: safeText(verdict.chain, MAX_TEXT_LENGTH),
    reason: safeText(reason, MAX_TEXT_LENGTH),
    digest: sha256(bytes),
    bytes: bytes.byteLength,
    count: 1,
  })
  if (verdict.outcome === 'quarantined') return said(verdict.reason, value)
  if (!('attachmentProblem' in verdict) || verdict.attachmentProblem === undefined) return undefined
  const { payload, signals } = verdict.headers
  return said(verdict.attachmentProblem, payload ?? signals ?? new Uint8Array())
}
