// The hash chain of one run: what a sealed event is, and what an append's signature covers. Pure, and without schemas, so that
// the verifier of bundles, one file without dependencies, has it too; seal-event.ts makes sealed events.
// hash = SHA-256(0x00 ‖ body), the RFC 6962 leaf hash: chain link, Merkle leaf and public id of an event are one value.
import { hash, type KeyObject, sign, verify } from 'node:crypto'
import type { Event } from './event.ts'
import type { RunCertificate, RunIdentity } from './keys.ts'

const LEAF_PREFIX = Buffer.from([0x00])
const APPEND_DOMAIN = Buffer.from('toolwarden/append/v1\n')

/** The `previous` of a run's first event. */
export const ZERO_HASH = '0'.repeat(64)

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

/** The bytes that an append's signature covers: "toolwarden/append/v1\n" ‖ uint32 n ‖ hash₁ … hashₙ. */
function appendBytes(hashes: readonly string[]): Buffer {
  const count = Buffer.alloc(4)
  count.writeUInt32BE(hashes.length)
  return Buffer.concat([APPEND_DOMAIN, count, Buffer.from(hashes.join(''), 'hex')])
}

/** Signs all hashes of one append. */
export function signAppend(key: RunKey, hashes: readonly string[]): AppendSignature {
  const appendSignature = sign(null, appendBytes(hashes), key.privateKey)
  return { count: hashes.length, appendSignature, ...key.certificate }
}

/** Whether a run's key signed exactly these hashes as one append. */
export function appendSignatureHolds(key: KeyObject, hashes: readonly string[], signature: AppendSignature): boolean {
  return signature.count === hashes.length && verify(null, appendBytes(hashes), key, signature.appendSignature)
}
