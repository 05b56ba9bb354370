// One round of ingest: batches of several partitions are judged one after the other and become one insert, together with
// what the ledger says of them. No I/O: what the store knows was fetched before.
import { type Verdict, verifyRecords } from '../events/chain-verifier.ts'
import type { EventDraft } from '../events/event.ts'
import type { ExpiredRange, StoredRecord } from '../events/log.ts'
import type { Trust } from '../events/trust.ts'
import { type BatchRows, batchRows } from './batch-rows.ts'
import { expiredFinding, findings } from './findings.ts'
import type { KnownChains } from './known-chains.ts'
import type { OwnChain, OwnEvents } from './own-chain.ts'
import type { SilenceWatch } from './silence.ts'
import type { StoreBatch } from './store.ts'

/** What the log hands over: a batch of one partition, or a range that it can't give. */
export type Handed = readonly StoredRecord[] | ExpiredRange

/** Rows to insert, and own events to publish once they are stored. */
export interface Round {
  readonly rows: Omit<StoreBatch, 'ingestedAtMicros'>
  readonly own: OwnEvents
  readonly messages: number
  readonly quarantined: number
}

/** What a round is judged with. */
export interface RoundContext {
  readonly log: string
  readonly trust: Trust
  readonly known: KnownChains
  readonly own: OwnChain
  readonly nowMs: number
  /** Told whom the round heard of; asked who is silent once the log was read to its end. */
  readonly silence?: { readonly watch: SilenceWatch; readonly isJudging: boolean }
}

/** What comes after a revocation, in this round or later, meets it. */
function revoke(verdicts: readonly Verdict[], trust: Trust): void {
  for (const verdict of verdicts) {
    if (verdict.outcome !== 'accepted' && verdict.outcome !== 'late') continue
    const { event } = verdict
    if (event.type === 'key/revoked' && trust.provesRevocation(event)) trust.revoke(event.publicKey)
  }
}

/** The records among what was handed over. */
export function recordsOf(handed: readonly Handed[]): readonly StoredRecord[] {
  return handed.flatMap((each) => ('from' in each ? [] : each))
}

/** Judges a round; seals the ledger's own events, so it is done once for each round. */
export function prepareRound(handed: readonly Handed[], context: RoundContext): Round {
  const { log, trust, known, own, nowMs, silence } = context
  const drafts: EventDraft[] = []
  const batches: BatchRows[] = []
  for (const each of handed) {
    if ('from' in each) {
      drafts.push(expiredFinding(each))
      continue
    }
    const verified = verifyRecords(each, { log, trust, headOf: known.headOf, hashAt: known.hashAt })
    known.learn(verified)
    revoke(verified.verdicts, trust)
    const batch = batchRows(each, verified.verdicts)
    batches.push(batch)
    drafts.push(...findings(each, verified.verdicts, batch.events))
    silence?.watch.hear(each, verified.verdicts)
  }
  if (silence?.isJudging === true) drafts.push(...silence.watch.findSilent())
  const events = batches.flatMap((batch) => batch.events)
  const sealed = own.seal(drafts, nowMs)
  return {
    rows: {
      // Own rows last: store-writer.ts looks for the last row to see whether an insert in doubt happened.
      events: [...events, ...sealed.rows],
      payloads: batches.flatMap((batch) => batch.payloads),
      quarantined: batches.flatMap((batch) => batch.quarantined),
    },
    own: sealed,
    messages: events.length,
    quarantined: events.filter(({ outcome }) => outcome === 'quarantined').length,
  }
}
