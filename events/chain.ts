// The hash chain of one run: how drafts become sealed events, and what an append's signature covers. Pure.
// hash = SHA-256(0x00 ‖ body), the RFC 6962 leaf hash: chain link, Merkle leaf and public id of an event are one value.
import { hash, type KeyObject, sign, verify } from 'node:crypto'
import { canonicalBytes } from './canonical.ts'
import { checkEvent, type Event, type EventDraft, ZERO_HASH } from './event.ts'
import type { RunCertificate, RunIdentity } from './keys.ts'
import { formatTime } from './time.ts'

const LEAF_PREFIX = Buffer.from([0x00])
const APPEND_DOMAIN = Buffer.from('toolwarden/append/v1\n')

/** The last event of a run, which the next one links to. */
export interface ChainHead {
  readonly sequence: number
  readonly hash: string
}

/** A run before its first event. */
export const EMPTY_CHAIN: ChainHead = { sequence: 0, hash: ZERO_HASH }

/** What travels beside a body. */
export interface Attachments {
  /** Canonical JSON of the signals, whose digest the body carries. */
  readonly signals?: Buffer
  /** Salt and recorded bytes (payload.ts), whose commitment the body carries. */
  readonly payload?: Buffer
}

/** An event with its exact bytes. */
export interface SealedEvent extends Attachments {
  readonly event: Event
  readonly body: Buffer
  readonly hash: string
}

/** The signature of one append, kept with its last event. */
export interface AppendSignature extends RunCertificate {
  /** How many events it covers: the one it is kept with and those before it in the run. */
  readonly count: number
  /** 64 bytes, by the run's key. */
  readonly appendSignature: Buffer
}

/** What one run signs with. */
export interface RunKey {
  readonly identity: RunIdentity
  readonly privateKey: KeyObject
  readonly certificate: RunCertificate
}

/** SHA-256(0x00 ‖ body) in hex (RFC 6962, section 2.1). */
export function hashBody(body: Uint8Array): string {
  return hash('sha256', Buffer.concat([LEAF_PREFIX, body]), 'hex')
}

/** SHA-256 in hex, of attachments and raw bytes. */
export function sha256(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex')
}

/** Gives a draft its place after `head`. Throws EVENT_INVALID, CANONICAL_INVALID, EVENT_TOO_LARGE. */
export function sealEvent(
  head: ChainHead,
  draft: EventDraft,
  context: { identity: RunIdentity; micros: number; id: string } & Attachments,
): SealedEvent {
  const { identity, micros, id, ...attachments } = context
  const event = checkEvent({
    id,
    ...draft,
    ...identity,
    v: 1,
    sequence: head.sequence + 1,
    previous: head.hash,
    time: formatTime(micros),
  })
  const body = canonicalBytes(event)
  return { event, body, hash: hashBody(body), ...attachments }
}

/** The bytes that an append's signature covers: "toolwarden/append/v1\n" ‖ uint32 n ‖ hash₁ … hashₙ. */
function appendBytes(hashes: readonly string[]): Buffer {
  const count = Buffer.alloc(4)
  count.writeUInt32BE(hashes.length)
  return Buffer.concat([APPEND_DOMAIN, count, Buffer.from(hashes.join(''), 'hex')])
}

/** Signs all hashes of one append. */
export function signAppend(key: RunKey, hashes: readonly string[]): AppendSignature {
  return { ...key.certificate, count: hashes.length, appendSignature: sign(null, appendBytes(hashes), key.privateKey) }
}

/** Whether a run's key signed exactly these hashes as one append. */
export function appendSignatureHolds(key: KeyObject, hashes: readonly string[], signature: AppendSignature): boolean {
  return signature.count === hashes.length && verify(null, appendBytes(hashes), key, signature.appendSignature)
}
