// What differs between the rows of a stretch of the log as they must be and as they stand in the store. Pure.
import { EVENT_ROW_COLUMNS, PAYLOAD_ROW_COLUMNS, QUARANTINE_ROW_COLUMNS } from '../schema.ts'
import type { EventRow, PayloadRow, QuarantineRow, RowPosition, Timed } from '../store.ts'
import { groupRows } from './group-rows.ts'

/** How far the time of a row may lie from that of its batch: more would move it to another month, or beyond a revocation. */
const MAX_SKEW_MICROS = 60_000_000

/** One place that is not as it must be. */
export interface Damage<Row> {
  readonly place: RowPosition
  /** Beside the place: of a payload the hash of its event, of a quarantined row its part; else empty. */
  readonly key: string
  /** `role/name/instance`; empty where it is not known. */
  readonly chain: string
  readonly found: readonly Timed<Row>[]
  /** Undefined for what has no place there at all. */
  readonly expected: Timed<Row> | undefined
}

/** Everything that differs. */
export interface Damages {
  readonly events: readonly Damage<EventRow>[]
  readonly payloads: readonly Damage<PayloadRow>[]
  readonly quarantine: readonly Damage<QuarantineRow>[]
}

/** Rows of a stretch of one partition. */
export interface StretchRows {
  readonly events: readonly Timed<EventRow>[]
  readonly payloads: readonly Timed<PayloadRow>[]
  readonly quarantined: readonly Timed<QuarantineRow>[]
}

/** Compares event rows place by place; what stands at other places than those expected is not looked at. */
export function compareEvents(
  expected: readonly Timed<EventRow>[],
  stored: readonly Timed<EventRow>[],
): readonly Damage<EventRow>[] {
  const byPlace = groupRows(stored, placeKey)
  return expected.flatMap((row) => {
    const found = byPlace.get(placeKey(row)) ?? []
    if (found.some((each) => isSameEvent(each, row)) && found.every((each) => isSameOrRepeated(each, row))) return []
    return [{ place: placeOf(row), key: '', chain: chainOf(row), found, expected: row }]
  })
}

/** Compares payload rows event by event. Where an erasure names the event, the tombstone may not have been written yet. */
export function comparePayloads(
  expected: readonly { readonly row: Timed<PayloadRow>; readonly erasedBy: string | undefined }[],
  stored: readonly Timed<PayloadRow>[],
): readonly Damage<PayloadRow>[] {
  const byHash = groupRows(stored, ({ hash }) => hash)
  return expected.flatMap(({ row, erasedBy }) => {
    const found = byHash.get(row.hash) ?? []
    const wanted = erasedBy === undefined ? row : { ...row, recorded: '', signals: '', erased_by: erasedBy }
    const isFine = (each: PayloadRow): boolean =>
      isSame(each, wanted, PAYLOAD_ROW_COLUMNS) || isSame(each, row, PAYLOAD_ROW_COLUMNS)
    if (found.length > 0 && found.every(isFine)) return []
    return [{ place: placeOf(row), key: row.hash, chain: row.chain, found, expected: wanted }]
  })
}

/** Compares quarantined rows of whole places: what is not expected there has no place there. */
export function compareQuarantined(
  expected: readonly Timed<QuarantineRow>[],
  stored: readonly Timed<QuarantineRow>[],
): readonly Damage<QuarantineRow>[] {
  const wanted = new Map(expected.map((row) => [partKey(row), row]))
  const found = groupRows(stored, partKey)
  return [...new Set([...wanted.keys(), ...found.keys()])].flatMap((key) => {
    const row = wanted.get(key)
    const rows = found.get(key) ?? []
    if (row !== undefined && rows.length > 0 && rows.every((each) => isSame(each, row, QUARANTINE_ROW_COLUMNS)))
      return []
    const [one = row] = rows
    if (one === undefined) return []
    return [{ place: placeOf(one), key: one.part, chain: (row ?? one).chain, found: rows, expected: row }]
  })
}

/** Keeps the time of a row that is replaced, where it can be the true one. */
export function keepTime<Row>(damage: Damage<Row>): Damage<Row> {
  const { expected, found } = damage
  if (expected === undefined) return damage
  const near = found.find(({ micros }) => Math.abs(micros - expected.micros) <= MAX_SKEW_MICROS)
  return near === undefined ? damage : { ...damage, expected: { ...expected, micros: near.micros } }
}

/** Whether nothing differs. */
export function isWhole({ events, payloads, quarantine }: Damages): boolean {
  return events.length + payloads.length + quarantine.length === 0
}

/** The chain that a row speaks of. */
export function chainOf({ writer, instance }: Pick<EventRow, 'writer' | 'instance'>): string {
  return writer === '' ? '' : `${writer}/${instance}`
}

/** Where a row stands, and nothing else of it. */
export function placeOf({ topic, partition, offset }: RowPosition): RowPosition {
  return { topic, partition, offset }
}

/** When the log took an own event is known to nobody any more. */
const OWN_COLUMNS = EVENT_ROW_COLUMNS.filter((name) => name !== 'log_time')
/** In another order of the partitions the same event came late or after a gap, or did not. */
const UNORDERED_COLUMNS = EVENT_ROW_COLUMNS.filter((name) => name !== 'outcome' && name !== 'after_gap')
/** What a repetition holds. */
const REPEATED_COLUMNS = ['writer', 'instance', 'sequence', 'hash', 'signature'] as const

function isSameEvent(row: Timed<EventRow>, expected: Timed<EventRow>): boolean {
  if (expected.outcome === 'duplicate') return isSame(row, expected, EVENT_ROW_COLUMNS)
  if (Math.abs(row.micros - expected.micros) > MAX_SKEW_MICROS) return false
  if (expected.topic === 'own') return isSame(row, expected, OWN_COLUMNS)
  if (isStanding(row) && isStanding(expected)) return isSame(row, expected, UNORDERED_COLUMNS)
  return isSame(row, expected, EVENT_ROW_COLUMNS)
}

/** A second consumer of the same place calls a repetition what the first accepted. */
function isSameOrRepeated(row: Timed<EventRow>, expected: Timed<EventRow>): boolean {
  if (isSameEvent(row, expected)) return true
  return row.outcome === 'duplicate' && row.body === '' && isSame(row, expected, REPEATED_COLUMNS)
}

function isStanding({ outcome }: EventRow): boolean {
  return outcome === 'accepted' || outcome === 'late'
}

function isSame<Row>(row: Row, other: Row, columns: readonly (keyof Row)[]): boolean {
  return columns.every((name) => row[name] === other[name])
}

function placeKey({ topic, partition, offset }: RowPosition): string {
  return JSON.stringify([topic, partition, offset])
}

function partKey({ topic, partition, offset, part }: QuarantineRow): string {
  return JSON.stringify([topic, partition, offset, part])
}
