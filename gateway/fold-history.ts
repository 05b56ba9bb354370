// What earlier runs of this gateway used up of the policy's limits, and which of their calls may have run or not: read back
// from the event log at the start, since clients restart stdio gateways often. Checked as every reader checks it.
// docs/design/005-limits-are-counted-by-the-gateway.md says what is exact.
import type { ChainHead } from '../events/chain.ts'
import { FORGOTTEN, type Gap, type Verdict, verifyRecords } from '../events/chain-verifier.ts'
import type { EventOf } from '../events/event.ts'
import type { EventLog, StoredRecord } from '../events/log.ts'
import { SALT_BYTES } from '../events/payload.ts'
import { parseTime } from '../events/time.ts'
import type { Trust } from '../events/trust.ts'
import { Counters } from './counters.ts'
import { accountOf, type Charge, counterName, findArgument, type Limit, toMillionths } from './policy/limits.ts'
import type { Policy } from './policy/policy.ts'
import { type CallIdentity, UNKNOWN_KEPT_MS, type UnknownOutcomes } from './unknown-outcomes.ts'

/** What a fold reads, and for whom. */
export interface FoldOptions {
  readonly eventLog: EventLog
  readonly log: string
  readonly trust: Trust
  /** `gateway/<name>`: the runs of this writer alone. */
  readonly writer: string
  /** The chain of the run that asks, which counts its own calls. */
  readonly ownChain: string
  readonly policy: Policy
  readonly nowMs: number
}

/** Most calls whose receipt has not been read yet; a run has at most half as many under way. */
const MAX_PENDING_CALLS = 10_000

/** The longest time that the policy's limits look back, milliseconds; 0 where no history is needed. */
export function historyWindowMs({ rules }: Policy): number {
  const windows = rules.flatMap(({ limits }) => limits.map(({ windowMs }) => windowMs))
  const asksForRepeats = rules.some(({ onAmbiguous }) => onAmbiguous !== 'allow')
  return Math.max(0, ...windows, asksForRepeats ? UNKNOWN_KEPT_MS : 0)
}

/** Reads what stood in the log at the call. Throws what the log throws; then nothing is known. */
export async function foldHistory(
  { eventLog, log, trust, writer, ownChain, policy, nowMs }: FoldOptions,
  unknown: UnknownOutcomes,
): Promise<Counters> {
  const fold = new HistoryFold({ policy, unknown, sinceMs: nowMs - historyWindowMs(policy) })
  const heads = new Map<string, ChainHead>()
  // What a dead run left in its spool stands in files of its own, which may be read before those that it follows.
  const gaps = new Map<string, Gap[]>()
  const isMissing = (chain: string, sequence: number): boolean =>
    gaps.get(chain)?.some(({ from, to }) => from <= sequence && sequence <= to) === true
  const take = (batch: readonly StoredRecord[]): void => {
    const own = batch.filter(({ key }) => key.startsWith(`${writer}/`) && key !== ownChain)
    const { verdicts, heads: moved } = verifyRecords(own, {
      ...{ log, trust, headOf: (chain) => heads.get(chain) },
      hashAt: (chain, sequence) =>
        sequence <= (heads.get(chain)?.sequence ?? 0) && !isMissing(chain, sequence) ? FORGOTTEN : undefined,
    })
    for (const [chain, head] of moved) heads.set(chain, head)
    for (const verdict of verdicts) {
      if (verdict.outcome === 'accepted' && verdict.gap !== undefined)
        gaps.set(verdict.chain, [...(gaps.get(verdict.chain) ?? []), verdict.gap])
      fold.take(verdict)
    }
  }
  // Of files a partition is a chain, and those of other writers are not read; of Kafka it is a number.
  const from = (partition: string): Promise<'beginning' | 'end'> =>
    Promise.resolve(partition.includes('/') && !partition.startsWith(`${writer}/`) ? 'end' : 'beginning')
  // What retention removed is older than any window; what is damaged is reported by the ledger.
  const subscription = await eventLog.subscribe('events', { from, onExpired: () => undefined }, take)
  try {
    await subscription.caughtUp
  } finally {
    await subscription.stop()
  }
  return fold.end()
}

interface PendingCall {
  readonly identity: CallIdentity
  readonly atMs: number
  readonly recordedArguments: Buffer | undefined
  charges: readonly Charge[] | undefined
}

/** Takes verified events one by one. */
class HistoryFold {
  readonly #limitsByRule: ReadonlyMap<string, readonly Limit[]>
  readonly #unknown: UnknownOutcomes
  readonly #sinceMs: number
  readonly #counters = new Counters({ isKnown: true })
  readonly #pending = new Map<string, PendingCall>()
  /** Statuses of receipts that were read before what they answer; of more, the call counts as ambiguous. */
  readonly #early = new Map<string, string>()

  constructor(options: { readonly policy: Policy; readonly unknown: UnknownOutcomes; readonly sinceMs: number }) {
    this.#limitsByRule = new Map(options.policy.rules.map(({ name, limits }) => [name, limits]))
    this.#unknown = options.unknown
    this.#sinceMs = options.sinceMs
  }

  take(verdict: Verdict): void {
    if (verdict.outcome !== 'accepted' && verdict.outcome !== 'late') return
    const { event, headers, attachmentProblem } = verdict
    switch (event.type) {
      case 'authorization/propose': {
        const recorded = attachmentProblem === undefined ? headers.payload?.subarray(SALT_BYTES) : undefined
        return this.#propose(event, recorded)
      }
      case 'authorization/decide':
        return this.#decide(event)
      case 'authorization/receipt':
        if (!this.#pending.has(event.call) && this.#early.size < MAX_PENDING_CALLS)
          this.#early.set(event.call, event.status)
        return this.#settle(event.call, event.status)
    }
  }

  /** What has no receipt was under way when its run ended, or still is in another one. */
  end(): Counters {
    for (const call of [...this.#pending.keys()]) this.#settle(call, 'ambiguous')
    return this.#counters
  }

  #propose(event: EventOf<'authorization/propose'>, recordedArguments: Buffer | undefined): void {
    const atMs = Math.floor(parseTime(event.time) / 1000)
    if (atMs < this.#sinceMs) return
    const { call, principal, server, tool, argumentsDigest } = event
    const [oldest] = this.#pending.keys()
    if (this.#pending.size >= MAX_PENDING_CALLS && oldest !== undefined) this.#settle(oldest, 'ambiguous')
    const identity = { principal, server, tool, argumentsDigest }
    const readable = event.arguments.record === 'full' || event.arguments.record === 'redacted'
    this.#pending.set(call, {
      identity,
      atMs,
      recordedArguments: readable ? recordedArguments : undefined,
      charges: undefined,
    })
  }

  #decide(event: EventOf<'authorization/decide'>): void {
    const pending = this.#pending.get(event.call)
    if (pending === undefined) return
    // A person may still allow what was escalated.
    if (event.decision === 'escalate') return
    if (event.decision === 'deny') return void this.#pending.delete(event.call)
    const limits = this.#limitsByRule.get(event.rule ?? '') ?? []
    pending.charges = limits.flatMap((limit) => {
      const account = accountOf(limit.by, event)
      if (account === undefined) return []
      const amount = amountOf(limit, pending.recordedArguments)
      return [{ counter: counterName(event.rule ?? '', limit, account), windowMs: limit.windowMs, amount }]
    })
    const status = this.#early.get(event.call)
    if (status !== undefined) this.#settle(event.call, status)
  }

  #settle(call: string, status: string): void {
    const pending = this.#pending.get(call)
    this.#pending.delete(call)
    if (pending?.charges === undefined || status === 'not_forwarded') return
    for (const charge of pending.charges) this.#counters.add(charge, pending.atMs)
    this.#unknown.take(pending.identity, status, pending.atMs)
  }
}

/** An amount that was not recorded, or not whole, counts as the whole budget: nobody knows that it was less. */
function amountOf({ argument, max }: Limit, recorded: Buffer | undefined): number {
  if (argument === undefined) return 1
  if (recorded === undefined) return max
  try {
    return toMillionths(findArgument(JSON.parse(recorded.toString('utf8')), argument)) ?? max
  } catch (error) {
    if (error instanceof SyntaxError) return max
    throw error
  }
}
