// The quick check, done inside the store: every stored body against its hash, `previous` and sequence against the body, and
// every link of every chain. No signatures, payloads or pairing: verify.ts checks those. Full speed, few rows come out.
// Two passes, each reading what it needs once: one over bodies, whose floor is SHA256 itself, one along the chains.
import { ZERO_HASH } from '../events/chain.ts'
import { STANDING } from './history-filter.ts'
import { findPruned } from './pruning.ts'
import type { LedgerStore } from './store.ts'
import { Findings, MAX_LISTED, type VerifyReport, type ViolationCode } from './verify-report.ts'

const TEXTS = {
  'hash-mismatch': 'the stored body does not hash to the stored hash',
  'column-mismatch': 'the column `previous` or `sequence` says something else than the body',
  'link-broken': '`previous` is not the hash of the event before it',
  'event-missing': 'the event before this one is not stored, and no gap was announced',
} as const satisfies Partial<Record<ViolationCode, string>>
type QuickCode = keyof typeof TEXTS

/** How many places one statement asks for: hashes travel in a URL. */
const PLACES_A_QUERY = 200

interface BadBody {
  readonly writer: string
  readonly instance: string
  readonly sequence: number
  readonly hash: string
  readonly place: string
  readonly code: QuickCode
  readonly total: number
}

/** Writer, instance, sequence and hash. */
type ChainPlace = readonly [string, string, number, string]

interface Links {
  readonly rows: number
  readonly events: number
  readonly chains: number
  readonly broken: number
  readonly missing: number
  readonly broken_at: readonly ChainPlace[]
  readonly missing_at: readonly ChainPlace[]
}

/** Runs the quick check; the report counts rows, events and chains alone. Throws STORE_* only: a violation is a result. */
export async function verifyQuickly(store: LedgerStore): Promise<VerifyReport> {
  const findings = new Findings()
  const upTo = await store.findNewestMicros()
  const bodies = await checkBodies(store, upTo, findings)
  const links = await checkLinks(store, upTo, findings)
  return { ...findings.report(upTo), violationCount: bodies + links }
}

/** Checks the bodies of all events against their hashes and columns, inside the store; returns how many are wrong. Throws STORE_*. */
export async function checkBodies(store: LedgerStore, upTo: number, findings: Findings): Promise<number> {
  const bad = await store.select<BadBody>(BODIES_SQL, { upTo }, 'verify')
  for (const { code, writer, instance, sequence, hash, place } of bad)
    findings.violation({ code, chain: `${writer}/${instance}`, sequence, hash, position: place, text: TEXTS[code] })
  const totals = new Map(bad.map(({ code, total }) => [code, total]))
  return [...totals.values()].reduce((sum, total) => sum + total, 0)
}

async function checkLinks(store: LedgerStore, upTo: number, findings: Findings): Promise<number> {
  const { minIndex } = await findPruned(store)
  const [links] = await store.select<Links>(linksSql(minIndex > 0), { upTo, minIndex }, 'verify')
  if (links === undefined) return 0
  const { rows, events, chains, broken, missing } = links
  Object.assign(findings.counts, { rows, events, chains })
  await report(store, { code: 'link-broken', at: links.broken_at, findings })
  await report(store, { code: 'event-missing', at: links.missing_at, findings })
  return broken + missing
}

async function report(
  store: LedgerStore,
  { code, at, findings }: { code: QuickCode; at: readonly ChainPlace[]; findings: Findings },
): Promise<void> {
  const ordered = at.toSorted(
    (one, other) => compare(one.slice(0, 2).join('/'), other.slice(0, 2).join('/')) || one[2] - other[2],
  )
  for (let from = 0; from < ordered.length; from += PLACES_A_QUERY) {
    const some = ordered.slice(from, from + PLACES_A_QUERY)
    const found = await store.select<{ hash: string; place: string }>(
      `SELECT hash, min(${PLACE}) AS place FROM events WHERE hash IN {hashes:Array(String)} GROUP BY hash`,
      { hashes: some.map(([, , , hash]) => hash) },
      'verify',
    )
    const places = new Map(found.map(({ hash, place }) => [hash, place]))
    for (const [writer, instance, sequence, hash] of some) {
      const position = places.get(hash) ?? ''
      findings.violation({ code, chain: `${writer}/${instance}`, sequence, hash, position, text: TEXTS[code] })
    }
  }
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}

const WANTED = `${STANDING} AND ingested_at <= fromUnixTimestamp64Micro({upTo:Int64})`
const PLACE = "concat(topic, '/', partition, '/', toString(offset))"
/** In canonical JSON quotes inside a text are escaped, and no event has a nested field of this name: the first is the own one. */
const PREVIOUS_AT = `position(body, '"previous":"')`
const IS_ALTERED = "SHA256(concat('\\0', body)) != unhex(hash)"
// Keys are in order: `sequence` comes after `previous`, and only there it is looked for.
const IS_EDITED = `(substring(body, ${PREVIOUS_AT} + 12, 64) != previous
  OR position(body, concat('"sequence":', toString(sequence), ','), toUInt64(${PREVIOUS_AT} + 76)) = 0)`

const BODIES_SQL = `SELECT writer, instance, sequence, hash, place, code, count() OVER (PARTITION BY code) AS total FROM (
  SELECT writer, instance, sequence, hash, ${PLACE} AS place, arrayJoin(arrayConcat(
    if(${IS_ALTERED}, ['hash-mismatch'], []), if(${IS_EDITED}, ['column-mismatch'], []))) AS code
  FROM events WHERE ${WANTED} AND (${IS_ALTERED} OR ${IS_EDITED})
) ORDER BY code DESC, writer, instance, sequence LIMIT ${MAX_LISTED} BY code`

const IS_BROKEN = `sequence_before != sequence
  AND previous != if(sequence = 1, '${ZERO_HASH}', if(sequence_before = sequence - 1, before, previous))`
const IS_MISSING = 'after_gap = 0 AND sequence > sequence_before + 1'
const IS_NOT_PRUNED = `previous NOT IN (
  SELECT hash FROM leaves WHERE position < {minIndex:UInt64} AND hash IN (SELECT previous FROM events))`

/** The table is in the order of chains, so nothing is sorted; doubles of a row stand side by side. */
function linksSql(hasPruned: boolean): string {
  const isMissing = hasPruned ? `${IS_MISSING} AND ${IS_NOT_PRUNED}` : IS_MISSING
  return `SELECT count() AS rows, countIf(sequence != sequence_before OR hash != before) AS events,
  countIf(sequence_before = 0) AS chains, countIf(${IS_BROKEN}) AS broken, countIf(${isMissing}) AS missing,
  groupArrayIf(${MAX_LISTED})((writer, instance, sequence, hash), ${IS_BROKEN}) AS broken_at,
  groupArrayIf(${MAX_LISTED})((writer, instance, sequence, hash), ${isMissing}) AS missing_at
FROM (
  SELECT writer, instance, sequence, hash, previous, after_gap,
    lagInFrame(hash) OVER chain AS before, lagInFrame(sequence) OVER chain AS sequence_before
  FROM events WHERE ${WANTED}
  WINDOW chain AS (PARTITION BY writer, instance ORDER BY sequence, hash ROWS BETWEEN 1 PRECEDING AND CURRENT ROW))`
}
