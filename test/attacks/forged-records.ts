// Rows 6, 9 and 17: what somebody with access to the log's topics replays, forges and throws at the consumer.
import { canonicalBytes } from '../../events/canonical.ts'
import { hashBody } from '../../events/chain.ts'
import { generateKey, type KeyPair } from '../../events/keys.ts'
import type { LogRecord } from '../../events/log.ts'
import { buildRun, type RunBuilder } from '../support/run-builder.ts'
import type { AttackCase } from './attack-case.ts'
import { type IngestAttack, ingestCases, revokingRun, type Sent, stageKeys } from './ingest-stage.ts'
import type { EditedEvent } from './tampered-rows.ts'

const HUGE_BYTES = 100 * 1024 * 1024

const run = buildRun({ seed: 1, key: stageKeys.gateway }, 2)
const later = buildRun({ seed: 2, key: stageKeys.gateway }, 1)
const partition = 'gateway/files'
const honest = sent(run.records)

/** The cases of these rows. */
export function forgedCases(): readonly AttackCase[] {
  return ingestCases([...replays(), ...keys(), ...bombs()])
}

function sent(...batches: readonly (readonly LogRecord[])[]): Sent {
  return batches.map((records) => ({ partition, records }))
}

/** The propose and decide of the second call: events 6 and 7. */
const append = run.records.slice(5, 7)

/** Its bodies edited, linked after another event and hashed anew, under its own signature. */
function edited(previous: string, edit: (event: EditedEvent) => EditedEvent): readonly LogRecord[] {
  let head = previous
  return append.map(({ key, value, headers }) => {
    const event = edit(JSON.parse(Buffer.from(value).toString()) as EditedEvent)
    const body = canonicalBytes({ ...event, previous: head })
    head = hashBody(body)
    return { key, value: body, headers: { ...headers, hash: Buffer.from(head, 'hex') } }
  })
}

function replays(): readonly IngestAttack[] {
  const said = (reason: string, ...offsets: readonly number[]): readonly string[] =>
    offsets.map((offset) => `quarantined (${reason}) @ ${partition} offset ${offset}`)
  const after = (records: readonly LogRecord[]): Sent => sent(run.records, records)
  const common = { row: 6, honest, exactly: true }
  return [
    {
      ...common,
      name: 'a whole batch again',
      mutation: 'all eight records of the run written to the log once more',
      finds: run.records.map((_, index) => `duplicate @ gateway/files ${index + 1}`),
      attacked: after(run.records),
    },
    {
      ...common,
      name: 'a call under later numbers',
      mutation:
        'the append of events 6 and 7 written again as events 9 and 10, linked and hashed anew, its signature kept',
      finds: said('the signature does not hold', 8, 9),
      attacked: after(edited(run.head.hash, (event) => ({ ...event, sequence: Number(event.sequence) + 3 }))),
    },
    {
      ...common,
      name: 'a call in another session',
      mutation: 'the append of events 6 and 7 written again in the name of another session, linked and hashed anew',
      finds: said('the signature does not hold', 8, 9),
      attacked: after(
        edited(hashBody(run.records[4]?.value ?? Buffer.alloc(0)), (event) => ({ ...event, session: 'session-other' })),
      ),
    },
    {
      ...common,
      name: 'a call in another run',
      mutation: 'the append of events 6 and 7 written again, byte for byte, as records of another chain',
      finds: said('the key of the record is not its chain', 8, 9),
      attacked: after(append.map((record) => ({ ...record, key: later.chain }))),
    },
    {
      ...common,
      name: 'a run of another ledger',
      mutation: 'a run that the same key signed for another ledger written to this log',
      finds: said('meant for another ledger: other', 8, 9, 10, 11, 12),
      attacked: after(buildRun({ seed: 3, key: stageKeys.gateway, log: 'other' }, 1).records),
    },
    {
      ...common,
      name: 'an old signature under a new append',
      mutation: 'a later append of the run carries the signature of an earlier one',
      finds: said('the signature does not hold', 5, 6),
      attacked: sent(run.records.slice(0, 5), borrowed(append, run.records[3])),
    },
  ]
}

function borrowed(records: readonly LogRecord[], from: LogRecord | undefined): readonly LogRecord[] {
  const { signature = Buffer.alloc(0) } = from?.headers ?? {}
  return records.map((record) =>
    record.headers.signature === undefined ? record : { ...record, headers: { ...record.headers, signature } },
  )
}

function keys(): readonly IngestAttack[] {
  const common = { row: 9, honest, exactly: true }
  const forged = (name: string, mutation: string, by: RunBuilder, reason: string): IngestAttack => ({
    ...common,
    name: `${name}, coming in`,
    mutation,
    finds: by.records.map((_, index) => `quarantined (${reason}) @ ${partition} offset ${run.records.length + index}`),
    attacked: sent(run.records, by.records),
  })
  const runOf = (key: KeyPair, log?: string): RunBuilder =>
    buildRun({ seed: 9, key, ...(log === undefined ? {} : { log }) }, 1)
  const stripped = run.records.map(({ key, value, headers: { signature: _, ...headers } }) => ({ key, value, headers }))
  const untrusted = 'no trusted key vouches for the key of this run'
  return [
    {
      ...common,
      name: 'signatures stripped, coming in',
      mutation: 'the run written to the log without any signature',
      finds: stripped.map((_, index) => `quarantined (no signature covers this event) @ ${partition} offset ${index}`),
      attacked: sent(stripped),
    },
    forged('an unknown key', 'a whole run under a key that nobody trusts', runOf(generateKey()), untrusted),
    forged(
      'the key of another role',
      "a whole run of a gateway under the detectors' key",
      runOf(stageKeys.detectors),
      untrusted,
    ),
    {
      ...common,
      name: 'a revoked key, coming in',
      mutation: 'the key of the gateway is revoked, then a new run of it is written',
      honest: [...sent(later.records), { partition: 'api/main', records: revokingRun().records }],
      attacked: [{ partition: 'api/main', records: revokingRun().records }, ...sent(later.records)],
      finds: later.records.map(
        (_, index) => `quarantined (the key that vouches for this run is revoked) @ ${partition} offset ${index}`,
      ),
    },
  ]
}

function bombs(): readonly IngestAttack[] {
  const [open] = run.records
  const text = Buffer.from(open?.value ?? '').toString()
  const canonical = 'JSON, but not in canonical form (RFC 8785)'
  const notJson = 'not JSON in UTF-8'
  const reversed = Object.fromEntries(Object.entries(JSON.parse(text) as object).toReversed())
  const bodies: readonly (readonly [string, Buffer | string, string])[] = [
    ['spaces between the fields', text.replaceAll('","', '", "'), canonical],
    ['fields in another order', JSON.stringify(reversed), canonical],
    ['an escaped letter', text.replace('"log"', '"l\\u006fg"'), canonical],
    ['a number in another form', text.replace('"v":1', '"v":1.0'), canonical],
    ['a field twice', text.replace('"v":1', '"v":1,"v":1'), canonical],
    ['20,000 arrays in each other', '['.repeat(20_000), 'nested deeper than 16'],
    ['a number of 50,000 digits', `{"a":${'9'.repeat(50_000)}}`, 'a number is not an integer within ±(2^53−1)'],
    ['a value of 100 MB', Buffer.alloc(HUGE_BYTES, 0x61), `${HUGE_BYTES} bytes, the limit is 65535`],
    ['invalid UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22]), notJson],
    ['a lone surrogate', '{"a":"\\ud800"}', 'a lone surrogate has no form in UTF-8'],
    ['`__proto__`', text.replace('{', '{"__proto__":{"v":1},'), 'not an event: Unrecognized key: "__proto__" ()'],
    ['NUL', text.replace('"v":1', '"v":1\0'), notJson],
    ['nothing', '', notJson],
  ]
  return bodies.map(([name, bytes, reason]) => {
    const value = Buffer.from(bytes)
    const headers = { ...open?.headers, hash: Buffer.from(hashBody(value), 'hex') }
    return {
      row: 17,
      name,
      mutation: 'put between the records of an honest run, which is stored whole around it',
      honest,
      attacked: sent(run.records.slice(0, 5), [{ key: run.chain, value, headers }], run.records.slice(5)),
      exactly: true,
      finds: [`quarantined (${reason}) @ ${partition} offset 5`],
    }
  })
}
