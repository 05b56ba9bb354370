// What tests of the verifier share: judging batches one after the other, and breaking records.
import type { ChainHead } from '../../events/chain.ts'
import { type Verdict, type VerifyContext, verifyRecords } from '../../events/chain-verifier.ts'
import type { LogRecord } from '../../events/log.ts'
import type { Trust } from '../../events/trust.ts'
import { honestRun, type Run, trustOf } from './seeded-run.ts'

/** An honest run of two calls: an opening, then for each call one append of propose and decide and one of the receipt. */
export const honest = honestRun(2)

/** What one batch leaves behind for the next. */
export interface Known {
  readonly heads: Map<string, ChainHead>
  readonly hashes: Map<string, string>
}

/** Verdicts of a batch, with what earlier ones left behind; this keeps it up to date. */
export function judge(
  records: readonly LogRecord[],
  known: Known = nothing(),
  believed: Trust = trustOf(honest),
): readonly Verdict[] {
  const context: VerifyContext = {
    log: 'main',
    trust: believed,
    headOf: (chain) => known.heads.get(chain),
    hashAt: (chain, sequence) => known.hashes.get(`${chain} ${sequence}`),
  }
  const { verdicts, heads } = verifyRecords(records, context)
  for (const [chain, head] of heads) known.heads.set(chain, head)
  for (const verdict of verdicts)
    if (verdict.outcome === 'accepted' || verdict.outcome === 'late')
      known.hashes.set(`${verdict.chain} ${verdict.event.sequence}`, verdict.hash)
  return verdicts
}

/** Before the first batch. */
export function nothing(): Known {
  return { heads: new Map(), hashes: new Map() }
}

/** The outcome of each record. */
export function outcomes(verdicts: readonly Verdict[]): readonly string[] {
  return verdicts.map(({ outcome }) => outcome)
}

/** The outcome of all, and the reason of the first. */
export function told(verdicts: readonly Verdict[]): string {
  const [first] = verdicts
  const reason = first !== undefined && 'reason' in first ? `: ${first.reason}` : ''
  return `${[...new Set(outcomes(verdicts))].join(' ')}${reason}`
}

/** The records of one append of a run. */
export function commitOf(run: Run, index: number): readonly LogRecord[] {
  return run.commits[index]?.records ?? []
}

/** A record with other headers. */
export function withHeaders(record: LogRecord, headers: LogRecord['headers']): LogRecord {
  return { ...record, headers: { ...record.headers, ...headers } }
}

/** The last record of an append with another signature. */
export function resigned(records: readonly LogRecord[], signature: Buffer): readonly LogRecord[] {
  return records.map((record, index) => (index === records.length - 1 ? withHeaders(record, { signature }) : record))
}
