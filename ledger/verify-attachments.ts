// Payload commitments and digests of signals: what stands in `payloads` against what the bodies committed to.
// Missing is tampering, unless an `admin/erased` event covers it (verify-erasures.ts).
import { sha256 } from '../events/chain.ts'
import type { PayloadField } from '../events/field.ts'
import { attachmentHolds } from '../events/payload.ts'
import type { IntactEvent } from './chain-walk.ts'
import type { LedgerStore, PayloadRow, RowPosition } from './store.ts'
import { positionText } from './stored-event.ts'
import type { ErasureCheck } from './verify-erasures.ts'
import { type Findings, MAX_LISTED, type ViolationCode } from './verify-report.ts'

/** How many events' payloads are held at once: up to 350 KiB each. */
const EVENTS_A_QUERY = 256

type StoredPayload = Pick<PayloadRow, 'hash' | 'recorded' | 'signals' | 'erased_by'>

interface Wanted {
  readonly source: IntactEvent
  readonly payload: PayloadField | undefined
  readonly signalsDigest: string | undefined
}

/** Checks what travelled beside events of calls. Throws STORE_*. */
export async function verifyAttachments(
  store: LedgerStore,
  events: readonly IntactEvent[],
  { findings, covers }: { readonly findings: Findings; readonly covers: ErasureCheck },
): Promise<void> {
  const wanted = events.flatMap(wantedOf)
  for (let from = 0; from < wanted.length; from += EVENTS_A_QUERY) {
    const some = wanted.slice(from, from + EVENTS_A_QUERY)
    const rows = await readPayloads(store, some)
    const erased = await covers(rows)
    const byHash = new Map<string, StoredPayload[]>()
    for (const row of rows) byHash.set(row.hash, [...(byHash.get(row.hash) ?? []), row])
    for (const each of some) judge(each, byHash.get(each.source.row.hash) ?? [], { erased, findings })
  }
}

/** A payload stands where its event does: both are of one message. */
async function readPayloads(store: LedgerStore, wanted: readonly Wanted[]): Promise<readonly StoredPayload[]> {
  const offsets = wanted.map(({ source }) => source.row.offset)
  return await store.select<StoredPayload>(
    `SELECT hash, recorded, signals, erased_by FROM payloads
     WHERE topic IN {topics:Array(String)} AND partition IN {partitions:Array(String)}
       AND offset >= {from:UInt64} AND offset <= {to:UInt64} AND hash IN {hashes:Array(String)}`,
    {
      topics: [...new Set(wanted.map(({ source }) => source.row.topic))],
      partitions: [...new Set(wanted.map(({ source }) => source.row.partition))],
      from: Math.min(...offsets),
      to: Math.max(...offsets),
      hashes: wanted.map(({ source }) => source.row.hash),
    },
    'verify',
  )
}

/** Finds payloads of events that stand where their events do not: who asks by hash would be shown them. Throws STORE_*. */
export async function verifyPayloadPlaces(store: LedgerStore, upToMicros: number, findings: Findings): Promise<void> {
  const rows = await store.select<RowPosition & { hash: string; chain: string }>(
    `SELECT topic, partition, offset, hash, chain FROM payloads
     WHERE ingested_at <= fromUnixTimestamp64Micro({upTo:Int64})
       AND (topic, partition, offset, hash) NOT IN (SELECT topic, partition, offset, hash FROM events)
       AND hash IN (SELECT hash FROM events WHERE outcome IN ('accepted', 'late'))
     ORDER BY topic, partition, offset LIMIT ${MAX_LISTED}`,
    { upTo: upToMicros },
    'verify',
  )
  for (const { hash, chain, ...place } of rows) {
    const text = 'a payload of an event stands where that event does not'
    findings.violation({ code: 'payload-mismatch', chain, hash, position: positionText(place), text })
  }
}

function wantedOf(source: IntactEvent): Wanted[] {
  const { event } = source
  switch (event.type) {
    case 'authorization/propose':
      return [{ source, payload: event.arguments, signalsDigest: event.signalsDigest }]
    case 'authorization/receipt':
      return [{ source, payload: event.result, signalsDigest: event.signalsDigest }]
    default:
      return []
  }
}

function judge(
  { source, payload, signalsDigest }: Wanted,
  rows: readonly StoredPayload[],
  { erased, findings }: { erased: ReadonlySet<string>; findings: Findings },
): void {
  const report = (code: ViolationCode, text: string): void => {
    const { row, chain } = source
    const { sequence, hash } = row
    findings.violation({ code, chain, sequence, hash, position: positionText(row), text })
  }
  const { reason } = source.row
  if (reason !== '') {
    report('payload-mismatch', `came altered and is quarantined: ${reason}`)
    return
  }
  if (erased.has(source.row.hash)) {
    findings.counts.erased++
    return
  }
  if (payload !== undefined) judgePayload(payload, rows, { findings, report })
  if (signalsDigest !== undefined) judgeSignals(signalsDigest, rows, { findings, report })
}

interface Judging {
  readonly findings: Findings
  readonly report: (code: ViolationCode, text: string) => void
}

function judgePayload(payload: PayloadField, rows: readonly StoredPayload[], { findings, report }: Judging): void {
  const stored = rows.filter(({ recorded }) => recorded !== '')
  if (stored.length === 0) return report('payload-missing', 'the payload is not stored, and no erasure is recorded')
  findings.counts.payloads++
  if (!stored.every(({ recorded }) => attachmentHolds(payload, Buffer.from(recorded, 'base64'))))
    report('payload-mismatch', 'the payload is not the one that the event committed to')
}

function judgeSignals(digest: string, rows: readonly StoredPayload[], { findings, report }: Judging): void {
  const stored = rows.filter(({ signals }) => signals !== '')
  if (stored.length === 0) return report('signals-missing', 'the signals are not stored, and no erasure is recorded')
  findings.counts.signals++
  if (!stored.every(({ signals }) => sha256(Buffer.from(signals, 'base64')) === digest))
    report('signals-mismatch', 'the signals are not those that the event committed to')
}
