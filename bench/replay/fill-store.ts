// Puts a made-up history into a ledger's store as ingest leaves it: one chain a server, bodies in canonical form with their
// hashes, payloads with their commitments, columns. Unsigned, since a replay does not look at signatures (verify does).
import { canonicalBytes } from '../../events/canonical.ts'
import { hashBody, sha256, ZERO_HASH } from '../../events/chain.ts'
import type { Event, EventDraft } from '../../events/event.ts'
import { commitPayload } from '../../events/payload.ts'
import { formatTime } from '../../events/time.ts'
import { eventColumns } from '../../ledger/event-columns.ts'
import type { RecordedCall } from '../../ledger/recorded-call.ts'
import type { EventRow, LedgerStore, PayloadRow } from '../../ledger/store.ts'
import { uuidOf } from './generate-calls.ts'

const BATCH_EVENTS = 30_000
const KEY = Buffer.alloc(32, 7)

interface Chain {
  readonly writer: string
  sequence: number
  previous: string
}

/** Fills the store; resolves with the number of events. */
export async function fillStore(store: LedgerStore, log: string, calls: Iterable<RecordedCall>): Promise<number> {
  const chains = new Map<string, Chain>()
  let events: EventRow[] = []
  let payloads: PayloadRow[] = []
  let count = 0
  const flush = async (): Promise<void> => {
    await store.insert({ ingestedAtMicros: Date.now() * 1000, events, payloads, quarantined: [] })
    count += events.length
    events = []
    payloads = []
  }
  for (const call of calls) {
    const chain = chains.get(call.server) ?? { writer: `gateway/${call.server}`, sequence: 0, previous: ZERO_HASH }
    chains.set(call.server, chain)
    for (const { draft, payload } of draftsOf(call)) {
      const row = toRow(chain, draft, { log, call })
      events.push(row)
      if (payload !== undefined) payloads.push(toPayload(row, payload))
    }
    if (events.length >= BATCH_EVENTS) await flush()
  }
  if (events.length > 0) await flush()
  return count
}

interface Draft {
  readonly draft: EventDraft
  readonly payload?: Buffer
}

function draftsOf(call: RecordedCall): readonly Draft[] {
  const { principal, session, client, server, tool, arguments: recorded, decided } = call
  const context = { principal, session, client, server, tool, call: call.call, connection: uuidOf(0) }
  const about = { ...context, principalSource: 'declared' as const }
  const text = recorded.state === 'full' ? recorded.text : undefined
  const exact = Buffer.from(text ?? '{"unknown":1}')
  const choice = { record: text === undefined ? 'commitment' : 'full', maxBytes: 65_536 } as const
  const means = { salt: Buffer.alloc(32, 1), deploymentKey: KEY, redact: (bytes: Buffer) => bytes }
  const { field, attachment } = commitPayload(exact, choice, means)
  const proposed: Draft = {
    draft: {
      type: 'authorization/propose',
      ...{ ...about, method: call.method, arguments: field },
      argumentsDigest: sha256(exact),
      signalsDigest: ZERO_HASH,
    },
    payload: attachment,
  }
  if (decided === undefined) return [proposed]
  const control = { state: 'fresh', revision: 1 } as const
  const reason = decided.decision === 'escalate' ? 'needs_approval' : 'policy_rule'
  const decide = {
    decision: decided.decision,
    reason,
    text: 'by rule',
    rule: 'old',
    policy: ZERO_HASH,
    control,
  } as const
  const all: Draft[] = [proposed, { draft: { type: 'authorization/decide', ...about, parent: ZERO_HASH, ...decide } }]
  if (call.status === 'ok')
    all.push({
      draft: { type: 'authorization/receipt', ...about, parent: ZERO_HASH, status: 'ok', durationMicros: 1_500 },
    })
  return all
}

function toRow(
  chain: Chain,
  draft: EventDraft,
  { log, call }: { readonly log: string; readonly call: RecordedCall },
): EventRow {
  chain.sequence += 1
  const { sequence, previous, writer } = chain
  const place = { v: 1, log, writer, instance: uuidOf(1), sequence, previous, id: call.call }
  const event = { ...draft, ...place, time: formatTime(call.timeMs * 1000 + (sequence % 1000)) } as Event
  const body = canonicalBytes(event)
  chain.previous = hashBody(body)
  return {
    ...{ topic: 'events', partition: `${writer}/${uuidOf(1)}`, offset: sequence, log_time: call.timeMs },
    ...{ outcome: 'accepted', reason: '', after_gap: 0, hash: chain.previous, signature: '' },
    ...{ attachments: draft.type === 'authorization/propose' ? 'payload' : '', body: body.toString('utf8') },
    ...eventColumns(event),
  }
}

function toPayload({ topic, partition, offset, hash }: EventRow, attachment: Buffer): PayloadRow {
  const recorded = attachment.toString('base64')
  return { topic, partition, offset, hash, chain: partition, recorded, signals: '', erased_by: '' }
}
