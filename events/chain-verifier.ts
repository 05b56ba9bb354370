// Checked before believed: classifies the records of one partition against the heads of their chains. Pure:
// no clock, nothing kept past the batch. The ledger, the detectors and the live stream all act on its verdicts alone.
import { findAppendProblems, type ReadAppend } from './append-check.ts'
import { type ChainHead, EMPTY_CHAIN, hashBody, sha256 } from './chain.ts'
import { ToolwardenError } from './errors.ts'
import { chainOf, type Event, parseEvent } from './event.ts'
import type { LogRecord } from './log.ts'
import { attachmentHolds } from './payload.ts'
import { type EventHeaders, parseHeaders } from './record.ts'
import type { Trust } from './trust.ts'

/** A record whose body and headers could be read; nothing else is known of it yet. */
export interface ReadRecord {
  readonly event: Event
  readonly chain: string
  readonly hash: string
  readonly headers: EventHeaders
}

/** Sequence numbers that are missing before an accepted event, inclusive. */
export interface Gap {
  readonly from: number
  readonly to: number
}

/** What became of one record. */
export type Verdict =
  | (ReadRecord & { readonly outcome: 'accepted'; readonly gap?: Gap; readonly attachmentProblem?: string })
  | (ReadRecord & { readonly outcome: 'late'; readonly attachmentProblem?: string })
  | (ReadRecord & { readonly outcome: 'duplicate' })
  | (ReadRecord & { readonly outcome: 'fork'; readonly stored: string; readonly reason: string })
  | { readonly outcome: 'quarantined'; readonly reason: string; readonly chain: string }

/** What a verdict depends on beside the records. */
export interface VerifyContext {
  readonly log: string
  readonly trust: Trust
  /** The verified head of a chain; undefined where nothing of it is known. */
  readonly headOf: (chain: string) => ChainHead | undefined
  /** The hash accepted at a sequence at or below the head; `forgotten` where the caller does not keep it any more. */
  readonly hashAt: (chain: string, sequence: number) => string | undefined
}

/** One verdict a record, in order, and the heads that moved. */
export interface Verified {
  readonly verdicts: readonly Verdict[]
  readonly heads: ReadonlyMap<string, ChainHead>
}

/** Returned by `hashAt` for what was accepted once and is no longer kept: such an event counts as a duplicate. */
export const FORGOTTEN = 'forgotten'

/** Classifies a batch that holds whole appends (log.ts guarantees it). Never throws on bad input. */
export function verifyRecords(records: readonly LogRecord[], context: VerifyContext): Verified {
  const heads = new Map<string, ChainHead>()
  const accepted = new Map<string, string>()
  const scope: Scope = {
    ...context,
    headOf: (chain) => heads.get(chain) ?? context.headOf(chain),
    hashAt: (chain, sequence) => accepted.get(`${chain}#${sequence}`) ?? context.hashAt(chain, sequence),
    accept: ({ chain, event, hash }) => {
      accepted.set(`${chain}#${event.sequence}`, hash)
      const head = heads.get(chain) ?? context.headOf(chain) ?? EMPTY_CHAIN
      if (event.sequence > head.sequence) heads.set(chain, { sequence: event.sequence, hash })
    },
  }
  const pieces = readPieces(records, context.log)
  const appends = pieces.filter((piece) => 'covered' in piece)
  const problems = findAppendProblems(appends, context)
  let next = 0
  const verdicts = pieces.flatMap((piece): readonly Verdict[] => {
    if (!('covered' in piece)) return [piece]
    const problem = problems[next++]
    if (problem === undefined) return piece.covered.map((read) => placeEvent(read, scope))
    return piece.covered.map(({ chain }): Verdict => ({ outcome: 'quarantined', chain, reason: problem }))
  })
  return { verdicts, heads }
}

/** Appends with their signature, and what can't be read or is covered by none, in the order of the records. */
function readPieces(records: readonly LogRecord[], log: string): readonly (ReadAppend | Quarantined)[] {
  const pieces: (ReadAppend | Quarantined)[] = []
  const unsigned: ReadRecord[] = []
  for (const record of records) {
    const read = readRecord(record, log)
    const isForeign = 'reason' in read || unsigned.some(({ chain }) => chain !== read.chain)
    if (isForeign) pieces.push(...unsigned.splice(0).map(orphan))
    if ('reason' in read) {
      pieces.push(read)
      continue
    }
    unsigned.push(read)
    const { signature } = read.headers
    if (signature === undefined) continue
    const group = unsigned.splice(0)
    const [first = read, ...others] = group.splice(-Math.max(1, signature.count))
    pieces.push(...group.map(orphan), { covered: [first, ...others], signature })
  }
  return [...pieces, ...unsigned.map(orphan)]
}

interface Scope extends VerifyContext {
  readonly accept: (read: ReadRecord) => void
}

type Quarantined = Extract<Verdict, { outcome: 'quarantined' }>

function readRecord(record: LogRecord, log: string): ReadRecord | Quarantined {
  try {
    const event = parseEvent(record.value)
    const headers = parseHeaders(record)
    const chain = chainOf(event)
    if (event.log !== log) return { outcome: 'quarantined', chain, reason: `meant for another ledger: ${event.log}` }
    if (record.key !== chain) return { outcome: 'quarantined', chain, reason: 'the key of the record is not its chain' }
    if (hashBody(record.value) !== headers.hash)
      return { outcome: 'quarantined', chain, reason: 'the hash beside the body is not the hash of the body' }
    return { event, chain, hash: headers.hash, headers }
  } catch (error) {
    if (!(error instanceof ToolwardenError)) throw error
    return {
      outcome: 'quarantined',
      chain: record.key.slice(0, 512),
      reason: error.where === undefined ? error.message : `${error.message} (${error.where})`,
    }
  }
}

function orphan({ chain }: ReadRecord): Quarantined {
  return { outcome: 'quarantined', chain, reason: 'no signature covers this event' }
}

function placeEvent(read: ReadRecord, scope: Scope): Verdict {
  const { event, chain } = read
  const head = scope.headOf(chain) ?? EMPTY_CHAIN
  if (event.sequence <= head.sequence) return placeOld(read, scope)
  const follows = event.sequence === head.sequence + 1
  if (follows && event.previous !== head.hash)
    return { ...read, outcome: 'fork', stored: head.hash, reason: 'previous is not the hash of the event before it' }
  scope.accept(read)
  return {
    outcome: 'accepted',
    ...read,
    ...attachmentProblem(read),
    ...(follows ? {} : { gap: { from: head.sequence + 1, to: event.sequence - 1 } }),
  }
}

function placeOld(read: ReadRecord, scope: Scope): Verdict {
  const { event, chain, hash } = read
  const stored = scope.hashAt(chain, event.sequence)
  if (stored === hash || stored === FORGOTTEN) return { outcome: 'duplicate', ...read }
  if (stored !== undefined)
    return { ...read, outcome: 'fork', stored, reason: 'another event has this sequence number' }
  const before = event.sequence === 1 ? event.previous : scope.hashAt(chain, event.sequence - 1)
  if (before !== undefined && before !== FORGOTTEN && before !== event.previous)
    return { ...read, outcome: 'fork', stored: before, reason: 'previous is not the hash of the event before it' }
  scope.accept(read)
  return { outcome: 'late', ...read, ...attachmentProblem(read) }
}

/** What is wrong with signals or payload beside an honest body: the event stands, the attachment is not believed. */
function attachmentProblem({ event, headers }: ReadRecord): { readonly attachmentProblem?: string } {
  const payload =
    event.type === 'authorization/propose'
      ? event.arguments
      : event.type === 'authorization/receipt'
        ? event.result
        : undefined
  const signalsDigest = 'signalsDigest' in event ? event.signalsDigest : undefined
  if (headers.signals !== undefined && sha256(headers.signals) !== signalsDigest)
    return { attachmentProblem: 'the signals are not those that the event committed to' }
  if (headers.payload !== undefined && (payload === undefined || !attachmentHolds(payload, headers.payload)))
    return { attachmentProblem: 'the payload is not the one that the event committed to' }
  return {}
}
