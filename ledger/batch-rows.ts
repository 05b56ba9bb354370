// From verdicts to rows: what is stored of each message of a batch. Pure.
import { sha256 } from '../events/chain.ts'
import type { Verdict } from '../events/chain-verifier.ts'
import type { StoredRecord } from '../events/log.ts'
import { encodeSignature } from '../events/record.ts'
import { eventColumns, NO_COLUMNS } from './event-columns.ts'
import type { EventRow, PayloadRow, QuarantineRow, RowPosition } from './store.ts'

/** The most that is kept of a message that was not believed, bytes; its digest covers the whole. */
export const MAX_QUARANTINED_BYTES = 64 * 1024
const MAX_REASON_LENGTH = 1_000
const MAX_CHAIN_LENGTH = 512

/** The rows of one partition's batch. */
export interface BatchRows {
  readonly events: readonly EventRow[]
  readonly payloads: readonly PayloadRow[]
  readonly quarantined: readonly QuarantineRow[]
}

/** The rows of records and their verdicts, which stand in the same order. */
export function batchRows(records: readonly StoredRecord[], verdicts: readonly Verdict[]): BatchRows {
  const events: EventRow[] = []
  const payloads: PayloadRow[] = []
  const quarantined: QuarantineRow[] = []
  records.forEach((record, index) => {
    const verdict = verdicts[index]
    if (verdict === undefined) return
    events.push(eventRow(record, verdict))
    const payload = payloadRow(record, verdict)
    if (payload !== undefined) payloads.push(payload)
    quarantined.push(...quarantineRows(record, verdict))
  })
  return { events, payloads, quarantined }
}

/** Text of any origin, well formed and cut: lone surrogates have no UTF-8. */
export function safeText(text: string, maxLength: number): string {
  return Buffer.from(text.slice(0, maxLength)).toString('utf8')
}

function eventRow(record: StoredRecord, verdict: Verdict): EventRow {
  const place = { log_time: Number.isSafeInteger(record.timeMs) ? record.timeMs : 0, ...positionOf(record) }
  const nothing = { outcome: verdict.outcome, after_gap: 0, signature: '', attachments: '', body: '', reason: '' }
  if (verdict.outcome === 'quarantined') {
    const reason = safeText(verdict.reason, MAX_REASON_LENGTH)
    return { ...NO_COLUMNS, ...place, ...nothing, reason, hash: sha256(record.value) }
  }
  const { event, hash, headers } = verdict
  const signature = headers.signature === undefined ? '' : encodeSignature(headers.signature).toString('hex')
  if (verdict.outcome === 'duplicate') {
    const { writer, instance, sequence } = event
    return { ...NO_COLUMNS, ...place, ...nothing, writer, instance, sequence, hash, signature }
  }
  return Object.assign(eventColumns(event), place, {
    outcome: verdict.outcome,
    reason: verdict.outcome === 'fork' ? verdict.reason : (verdict.attachmentProblem ?? ''),
    after_gap: verdict.outcome === 'accepted' ? (verdict.gap?.from ?? 0) : 0,
    hash,
    signature,
    attachments: attachmentsOf(verdict),
    body: utf8(record.value),
  })
}

/** Without a copy: bodies are most of what passes through here. */
function utf8({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('utf8')
}

function attachmentsOf(verdict: Exclude<Verdict, { outcome: 'quarantined' | 'duplicate' }>): string {
  if (verdict.outcome === 'fork' || verdict.attachmentProblem !== undefined) return ''
  const { payload, signals } = verdict.headers
  return [payload === undefined ? [] : ['payload'], signals === undefined ? [] : ['signals']].flat().join(',')
}

function payloadRow(record: StoredRecord, verdict: Verdict): PayloadRow | undefined {
  if (verdict.outcome !== 'accepted' && verdict.outcome !== 'late') return undefined
  const { payload, signals } = verdict.headers
  if (verdict.attachmentProblem !== undefined || (payload === undefined && signals === undefined)) return undefined
  return {
    hash: verdict.hash,
    chain: verdict.chain,
    recorded: payload?.toString('base64') ?? '',
    signals: signals?.toString('base64') ?? '',
    erased_by: '',
    ...positionOf(record),
  }
}

/** A whole message that was not believed, or what travelled beside an honest body and was not, or beside a fork. */
function quarantineRows(record: StoredRecord, verdict: Verdict): QuarantineRow[] {
  if (verdict.outcome === 'quarantined') return [rawRow(record, verdict, 'message', record.value)]
  if (verdict.outcome === 'duplicate') return []
  const reason = verdict.outcome === 'fork' ? verdict.reason : verdict.attachmentProblem
  if (reason === undefined) return []
  const { payload, signals } = verdict.headers
  const { chain } = verdict
  return [
    ...(payload === undefined ? [] : [rawRow(record, { chain, reason }, 'payload', payload)]),
    ...(signals === undefined ? [] : [rawRow(record, { chain, reason }, 'signals', signals)]),
  ]
}

function rawRow(
  record: StoredRecord,
  { chain, reason }: { chain: string; reason: string },
  part: string,
  bytes: Uint8Array,
): QuarantineRow {
  const kept = Buffer.from(bytes.subarray(0, MAX_QUARANTINED_BYTES))
  const room = MAX_QUARANTINED_BYTES - kept.byteLength
  return {
    ...positionOf(record),
    part,
    chain: safeText(chain, MAX_CHAIN_LENGTH),
    reason: safeText(reason, MAX_REASON_LENGTH),
    digest: sha256(bytes),
    bytes: bytes.byteLength,
    raw: kept.toString('base64'),
    headers: part === 'message' ? headersJson(record, room) : '{}',
  }
}

function headersJson(record: StoredRecord, room: number): string {
  const kept: Record<string, string> = {}
  let left = room
  for (const [name, value] of Object.entries(record.headers)) {
    if (value.byteLength + name.length > left) continue
    left -= value.byteLength + name.length
    kept[safeText(name, MAX_CHAIN_LENGTH)] = Buffer.from(value).toString('base64')
  }
  return JSON.stringify(kept)
}

function positionOf({ position }: StoredRecord): RowPosition {
  return { topic: 'events', partition: position.partition, offset: position.offset }
}
