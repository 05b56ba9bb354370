// The rows that stand for records of the log: judged as ingest judges, in the batches that the ledger announced, and believed
// only where they have the digest of its signed statement. So nothing is put back that the ledger never stored. Pure.
import { type Verdict, verifyRecords } from '../../events/chain-verifier.ts'
import type { StoredRecord } from '../../events/log.ts'
import type { Trust } from '../../events/trust.ts'
import { batchRows } from '../batch-rows.ts'
import type { KnownChains } from '../known-chains.ts'
import { rangeDigest } from '../range-digest.ts'
import type { StretchRows } from './damage.ts'
import { groupRows } from './group-rows.ts'

/** A `ledger/ingested` event that is proven to be the ledger's. */
export interface Statement {
  readonly from: number
  readonly to: number
  readonly events: number
  readonly digest: string
  /** When the ledger stored it, and with it what it announces. */
  readonly micros: number
}

/** Records that one statement announces, or that none does. */
export interface Segment {
  readonly records: readonly StoredRecord[]
  readonly statement: Statement | undefined
}

/** Segments that are whole, and the records of one that goes on behind the last record. */
export interface Cut {
  readonly segments: readonly Segment[]
  readonly rest: readonly StoredRecord[]
}

/** Cuts records of one partition, in order, by the statements about them. */
export function cutSegments(records: readonly StoredRecord[], statements: readonly Statement[]): Cut {
  const byStart = groupRows(statements, ({ from }) => String(from))
  const segments: Segment[] = []
  let open: StoredRecord[] = []
  let at = 0
  for (let record = records[at]; record !== undefined; record = records[at]) {
    const from = at
    const candidates = byStart.get(String(record.position.offset)) ?? []
    const statement = candidates.find(({ events, to }) => offsetOf(records, from + events - 1) === to)
    if (statement !== undefined) {
      segments.push(...unannounced(open), { records: records.slice(at, at + statement.events), statement })
      open = []
      at += statement.events
      continue
    }
    const goesOn = candidates.some(({ events, to }) => from + events > records.length && offsetOf(records, -1) < to)
    if (goesOn) return { segments: [...segments, ...unannounced(open)], rest: records.slice(at) }
    open.push(record)
    at++
  }
  return { segments: [...segments, ...unannounced(open)], rest: [] }
}

/** What a segment is judged with. */
export interface JudgeMeans {
  readonly log: string
  readonly known: KnownChains
  /** Tried one after the other: keys may have been revoked before the ledger stored the records, or after. */
  readonly trusts: readonly Trust[]
}

/** The rows of an announced segment; undefined where the log does not have what the ledger stored. */
export function judgeSegment(
  { records, statement }: Segment,
  { log, known, trusts }: JudgeMeans,
): StretchRows | undefined {
  if (statement === undefined) return undefined
  for (const trust of trusts) {
    const verified = verifyRecords(records, { log, trust, headOf: known.headOf, hashAt: known.hashAt })
    const rows = batchRows(records, verified.verdicts)
    if (rangeDigest(rows.events) !== statement.digest) continue
    known.learn(verified)
    return timed(rows, () => statement.micros)
  }
  return undefined
}

/** Of records that nothing announces the repetitions alone: what the ledger wrote itself and read back. */
export function judgeRepetitions({ records }: Segment, { log, known, trusts }: JudgeMeans): StretchRows {
  const [trust] = trusts
  if (trust === undefined) return { events: [], payloads: [], quarantined: [] }
  const verified = verifyRecords(records, { log, trust, headOf: known.headOf, hashAt: known.hashAt })
  const repeated = verified.verdicts.flatMap((verdict, at): readonly { record: StoredRecord; verdict: Verdict }[] => {
    const record = records[at]
    return verdict.outcome === 'duplicate' && record !== undefined ? [{ record, verdict }] : []
  })
  const rows = batchRows(
    repeated.map(({ record }) => record),
    repeated.map(({ verdict }) => verdict),
  )
  const times = new Map(records.map(({ position, timeMs }) => [position.offset, timeMs * 1000]))
  return timed(rows, (offset) => times.get(offset) ?? 0)
}

function unannounced(records: readonly StoredRecord[]): readonly Segment[] {
  return records.length === 0 ? [] : [{ records, statement: undefined }]
}

function offsetOf(records: readonly StoredRecord[], at: number): number {
  return records.at(at)?.position.offset ?? -1
}

function timed(rows: ReturnType<typeof batchRows>, microsAt: (offset: number) => number): StretchRows {
  const stamp = <Row extends { readonly offset: number }>(all: readonly Row[]) =>
    all.map((row) => ({ ...row, micros: microsAt(row.offset) }))
  return { events: stamp(rows.events), payloads: stamp(rows.payloads), quarantined: stamp(rows.quarantined) }
}
