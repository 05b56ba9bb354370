// The quick check, done inside the store: every stored body against its hash, `previous` and sequence against the body, and
// every link of every chain. No signatures, payloads or pairing: verify.ts checks those. Full speed, few rows come out.
import { ZERO_HASH } from '../events/chain.ts'
import { STANDING } from './history-filter.ts'
import { findPruned } from './pruning.ts'
import type { LedgerStore } from './store.ts'
import { Findings, MAX_LISTED, type VerifyReport, type ViolationCode } from './verify-report.ts'

interface Check {
  readonly code: ViolationCode
  readonly text: string
  /** A SELECT of the rows that are wrong. */
  readonly from: string
}

interface BadRow {
  readonly writer: string
  readonly instance: string
  readonly sequence: number
  readonly hash: string
  readonly place: string
  readonly total: number
}

/** Runs the quick check; the report counts rows, events and chains alone. Throws STORE_* only: a violation is a result. */
export async function verifyQuickly(store: LedgerStore): Promise<VerifyReport> {
  const findings = new Findings()
  const upToMicros = await store.findNewestMicros()
  const counted = await store.select<{ rows: number; events: number; chains: number }>(
    `SELECT count() AS rows, uniqExact(hash) AS events, uniqExact(writer, instance) AS chains FROM events WHERE ${WANTED}`,
    { upTo: upToMicros },
    'verify',
  )
  Object.assign(findings.counts, counted[0])
  const { minIndex } = await findPruned(store)
  let violationCount = 0
  for (const check of CHECKS) violationCount += await runCheck(store, check, { findings, upToMicros, minIndex })
  return { ...findings.report(upToMicros), violationCount }
}

async function runCheck(
  store: LedgerStore,
  { code, text, from }: Check,
  {
    findings,
    upToMicros,
    minIndex,
  }: { readonly findings: Findings; readonly upToMicros: number; readonly minIndex: number },
): Promise<number> {
  const rows = await store.select<BadRow>(
    `SELECT writer, instance, sequence, hash, place, count() OVER () AS total FROM (${from})
     ORDER BY writer, instance, sequence LIMIT ${MAX_LISTED}`,
    { upTo: upToMicros, minIndex },
    'verify',
  )
  for (const { writer, instance, sequence, hash, place } of rows)
    findings.violation({ code, chain: `${writer}/${instance}`, sequence, hash, position: place, text })
  return rows[0]?.total ?? 0
}

const WANTED = `${STANDING} AND ingested_at <= fromUnixTimestamp64Micro({upTo:Int64})`
const PLACE = "concat(topic, '/', partition, '/', toString(offset)) AS place"
/** In canonical JSON quotes inside a text are escaped, and no event has a nested field of this name: the first is the own one. */
const BODY_PREVIOUS = `substring(body, position(body, '"previous":"') + 12, 64)`

const CHECKS: readonly Check[] = [
  {
    code: 'hash-mismatch',
    text: 'the stored body does not hash to the stored hash',
    from: `SELECT writer, instance, sequence, hash, ${PLACE} FROM events
           WHERE ${WANTED} AND SHA256(concat('\\0', body)) != unhex(hash)`,
  },
  {
    code: 'column-mismatch',
    text: 'the column `previous` or `sequence` says something else than the body',
    from: `SELECT writer, instance, sequence, hash, ${PLACE} FROM events
           WHERE ${WANTED} AND (${BODY_PREVIOUS} != previous
             OR position(body, concat('"sequence":', toString(sequence), ',')) = 0)`,
  },
  {
    code: 'link-broken',
    text: '`previous` is not the hash of the event before it',
    from: `SELECT writer, instance, sequence, hash, place FROM (
             SELECT writer, instance, sequence, hash, previous, ${PLACE},
               lagInFrame(hash) OVER chain AS before, lagInFrame(sequence) OVER chain AS sequence_before
             FROM events WHERE ${WANTED}
             WINDOW chain AS (PARTITION BY writer, instance ORDER BY sequence, hash
               ROWS BETWEEN 1 PRECEDING AND CURRENT ROW))
           WHERE sequence_before != sequence
             AND previous != if(sequence = 1, '${ZERO_HASH}', if(sequence_before = sequence - 1, before, previous))`,
  },
  {
    code: 'event-missing',
    text: 'the event before this one is not stored, and no gap was announced',
    from: `SELECT writer, instance, sequence, hash, place FROM (
             SELECT writer, instance, sequence, hash, previous, after_gap, ${PLACE},
               lagInFrame(sequence) OVER chain AS sequence_before
             FROM events WHERE ${WANTED}
             WINDOW chain AS (PARTITION BY writer, instance ORDER BY sequence, hash
               ROWS BETWEEN 1 PRECEDING AND CURRENT ROW))
           WHERE after_gap = 0 AND sequence > sequence_before + 1 AND previous NOT IN (
             SELECT hash FROM leaves WHERE position < {minIndex:UInt64} AND hash IN (SELECT previous FROM events))`,
  },
]
