// Records on `control`: a chained event once more, verifiable by itself, under the subject that it speaks of;
// and `control/state`, which every two seconds says what is live, so that a missing record is noticed.
import { createHash, type KeyObject, sign, verify } from 'node:crypto'
import { z } from 'zod'
import { canonicalBytes, parseCanonical } from './canonical.ts'
import { appendSignatureHolds, hashBody, type RunKey } from './chain.ts'
import type { Appended } from './chain-writer.ts'
import { ToolwardenError } from './errors.ts'
import { type Event, parseEvent } from './event.ts'
import { countField, hashField, nameField, timeField, uuidField, writerField } from './field.ts'
import type { LogRecord } from './log.ts'
import { pinSubject } from './pin-subject.ts'
import { policySubject } from './policy-subject.ts'
import { decodeSignature, encodeSignature, parseHeaders, toRecord } from './record.ts'
import type { Trust } from './trust.ts'

/** The event types that reach gateways. */
const CONTROL_TYPES = [
  'rule/added',
  'rule/lifted',
  'approval/verdict',
  'switch/stopped',
  'switch/resumed',
  'pin/approved',
  'policy/accepted',
  'key/revoked',
] as const
/** An event that reaches gateways. */
export type ControlEvent = Extract<Event, { type: (typeof CONTROL_TYPES)[number] }>

const STATE_DOMAIN = Buffer.from('toolwarden/control-state/v1\n')
/** The most chains that one state speaks of. */
export const MAX_JUDGED = 200
const judgedObject = z.strictObject({ chain: z.string().min(1).max(300), sequence: countField })
/** How far the detectors have judged the receipts of one chain: every rule that they led to is on `control`. */
export type JudgedPosition = z.infer<typeof judgedObject>

const stateObject = z.strictObject({
  v: z.literal(1),
  type: z.literal('control/state'),
  log: nameField,
  writer: writerField,
  instance: uuidField,
  /** The highest revision that the writer has seen or given. */
  revision: countField,
  /** How many subjects this writer's newest records stand for, and their digest (`liveDigest`). */
  count: countField,
  digest: hashField,
  time: timeField,
  judged: z.array(judgedObject).max(MAX_JUDGED).optional(),
})
/** What one control writer says is live. */
export type ControlState = z.infer<typeof stateObject>

/** A record of `control` that was checked. */
export type ControlRecord =
  | { readonly kind: 'event'; readonly subject: string; readonly event: ControlEvent; readonly hash: string }
  | { readonly kind: 'state'; readonly state: ControlState }

/** The subject that an event speaks of: the key of its record. */
export function subjectOf(event: ControlEvent): string {
  switch (event.type) {
    case 'rule/added':
      return `rule/${event.rule.id}`
    case 'rule/lifted':
      return `rule/${event.rule}`
    case 'approval/verdict':
      return `approval/${event.approval}`
    case 'switch/stopped':
    case 'switch/resumed':
      return `switch/${event.scope}`
    case 'pin/approved':
      return pinSubject(event.server, event.tool)
    case 'policy/accepted':
      return policySubject(event.server, event.policy)
    case 'key/revoked':
      return `key/${event.publicKey}`
  }
}

/** Whether an event is one that reaches gateways. */
export function isControlEvent(event: Event): event is ControlEvent {
  return (CONTROL_TYPES as readonly string[]).includes(event.type)
}

/** The record of an event that was appended as the last of its commit. */
export function toControlRecord({ events, hashes, signature }: Appended): LogRecord {
  const sealed = events.at(-1)
  if (sealed === undefined || !isControlEvent(sealed.event))
    throw new ToolwardenError('INTERNAL', 'only the last event of a commit goes to control')
  return toRecord(subjectOf(sealed.event), sealed, { signature, append: hashes })
}

/** The record of a state. */
export function toStateRecord(state: ControlState, key: RunKey): LogRecord {
  const value = canonicalBytes(state)
  const appendSignature = sign(null, stateBytes(value), key.privateKey)
  const signature = encodeSignature({ ...key.certificate, count: 1, appendSignature })
  return { key: `state/${state.writer}`, value, headers: { hash: Buffer.from(hashBody(value), 'hex'), signature } }
}

/** Checks a record of `control` against the trusted keys. Throws EVENT_INVALID, CANONICAL_INVALID or FORBIDDEN, saying what does not hold. */
export function verifyControlRecord(record: LogRecord, log: string, trust: Trust): ControlRecord {
  return record.key.startsWith('state/') ? verifyState(record, log, trust) : verifyControlEvent(record, log, trust)
}

/** The digest over live subjects: SHA-256 of sorted `subject revision hash` lines. */
export function liveDigest(
  live: Iterable<{ readonly subject: string; readonly revision: number; readonly hash: string }>,
): string {
  const lines = Array.from(live, ({ subject, revision, hash }) => `${subject} ${revision} ${hash}\n`).sort()
  return createHash('sha256').update(lines.join('')).digest('hex')
}

function verifyControlEvent(record: LogRecord, log: string, trust: Trust): ControlRecord {
  const event = parseEvent(record.value)
  const { hash, signature, append = [hash] } = parseHeaders(record)
  if (!isControlEvent(event)) throw refusal(`${event.type} has no place on control`)
  if (record.key !== subjectOf(event)) throw refusal('the key of the record is not the subject of the event')
  if (hashBody(record.value) !== hash || append.at(-1) !== hash)
    throw refusal('the hash beside the body is not the hash of the body')
  if (signature === undefined) throw refusal('no signature')
  const key = findKey(event, log, { trust, signature })
  if (!appendSignatureHolds(key, append, signature)) throw refusal('the signature does not hold')
  return { kind: 'event', subject: record.key, event, hash }
}

function verifyState(record: LogRecord, log: string, trust: Trust): ControlRecord {
  const result = stateObject.safeParse(parseCanonical(record.value))
  const header = record.headers.signature
  if (!result.success || header === undefined || record.key !== `state/${result.data.writer}`)
    throw refusal('not a signed control/state')
  const signature = decodeSignature(header)
  const key = findKey(result.data, log, { trust, signature })
  if (!verify(null, stateBytes(record.value), key, signature.appendSignature))
    throw refusal('the signature does not hold')
  return { kind: 'state', state: result.data }
}

function findKey(
  { log: meantFor, writer, instance }: { readonly log: string; readonly writer: string; readonly instance: string },
  log: string,
  { trust, signature }: { trust: Trust; signature: ReturnType<typeof decodeSignature> },
): KeyObject {
  if (meantFor !== log) throw refusal(`meant for another ledger: ${meantFor}`)
  const key = trust.findRunKey({ log, writer, instance }, signature)
  if (key === undefined) throw refusal(trust.describeRefusal({ log, writer, instance }, signature))
  return key
}

function stateBytes(value: Uint8Array): Buffer {
  return Buffer.concat([STATE_DOMAIN, Buffer.from(hashBody(value), 'hex')])
}

function refusal(message: string): ToolwardenError {
  return new ToolwardenError('FORBIDDEN', message)
}
