// What a repair puts into quarantine before it touches anything: a copy of each row that was not as it must be, and of a row
// that was missing the word that it was. The event of the repair covers them all by a digest. Pure.
import { sha256 } from '../../events/chain.ts'
import type { QuarantineRow } from '../store.ts'
import type { Damage, Damages } from './damage.ts'

/** The most that is kept of a damaged row, bytes: more than any row has that the ledger wrote. */
export const MAX_EVIDENCE_BYTES = 1024 * 1024

/** What became of a place. */
export type Mending = 'replaced' | 'restored' | 'removed'

/** The beginning of `part` in evidence of a repair; the name of the table follows. */
export const EVIDENCE_PART = 'row of '

/** Which repair, and which step of it: what a step removes are the rows that it copied. */
export interface RepairStep {
  readonly repair: string
  readonly step: string
}

/** A table whose rows can be put aside. */
export type DamagedTable = keyof Damages | 'leaves'

/** The evidence of one step. Of payloads in `erased` the content is left out: erased is erased. */
export function evidenceOf(damages: Damages, step: RepairStep, erased: ReadonlySet<string>): readonly QuarantineRow[] {
  const payloads = damages.payloads.map((damage) =>
    erased.has(damage.key)
      ? { ...damage, found: damage.found.map((row) => ({ ...row, recorded: '', signals: '' })) }
      : damage,
  )
  return [
    ...damages.events.flatMap((damage) => evidenceRows('events', damage, step)),
    ...payloads.flatMap((damage) => evidenceRows('payloads', damage, step)),
    ...damages.quarantine.flatMap((damage) => evidenceRows('quarantine', damage, step)),
  ]
}

type AnyDamage = Pick<Damage<object>, 'place' | 'key' | 'chain'> & {
  readonly found: readonly object[]
  readonly expected: object | undefined
}

/** What becomes of a place. */
export function mendingOf({ found, expected }: Pick<AnyDamage, 'found' | 'expected'>): Mending {
  if (found.length === 0) return 'restored'
  return expected === undefined ? 'removed' : 'replaced'
}

/** The evidence of one damage. Each row bears by what it is removed: of events the hash, else the key of the place. */
export function evidenceRows(table: DamagedTable, damage: AnyDamage, step: RepairStep): readonly QuarantineRow[] {
  const { place, chain, found } = damage
  const row = { ...place, part: `${EVIDENCE_PART}${table}`, chain, reason: mendingOf(damage) }
  const kept = (bytes: Buffer, key: string): QuarantineRow => ({
    ...row,
    digest: sha256(bytes),
    bytes: bytes.byteLength,
    raw: bytes.subarray(0, MAX_EVIDENCE_BYTES).toString('base64'),
    headers: JSON.stringify({ ...step, key }),
  })
  if (found.length === 0) return [kept(Buffer.alloc(0), damage.key)]
  return found.map((each) => kept(Buffer.from(JSON.stringify(each)), keyOf(table, damage.key, each)))
}

function keyOf(table: DamagedTable, key: string, row: object): string {
  return table === 'events' && 'hash' in row && typeof row.hash === 'string' ? row.hash : key
}

/** SQL for the digest of a repair's evidence, as `ledger/repaired` has it: whatever the order and repetition of its rows. */
export const EVIDENCE_DIGEST = `lower(hex(SHA256(arrayStringConcat(arraySort(groupUniqArray(
  concat(topic, ' ', partition, ' ', toString(offset), ' ', part, ' ', reason, ' ', toString(digest)))), '\\n'))))`
/** SQL for the rows of one repair in `quarantine`. */
export const IS_EVIDENCE = `startsWith(part, '${EVIDENCE_PART}') AND JSONExtractString(headers, 'repair') = {repair:String}`
