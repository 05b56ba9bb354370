// Signed notes (C2SP signed-note): a text and signature lines, each by a named key. Ed25519 (0x01) for logs and timestamped
// Ed25519 (0x04, C2SP tlog-cosignature) for witnesses. Pure. Whatever is not exactly such a note is refused.
import { createHash, type KeyObject, sign, verify } from 'node:crypto'
import { ToolwardenError } from '../events/errors.ts'
import { type KeyPair, publicKeyObject } from '../events/keys.ts'

/** Signature types: what a key signs, and how. */
export const LOG_SIGNATURE = 0x01
export const WITNESS_SIGNATURE = 0x04

/** The longest note that is read, bytes. */
const MAX_NOTE_BYTES = 1_000_000
/** The most signatures that are read (the specification asks for 16 at least). */
const MAX_SIGNATURES = 100
const KEY_ID_BYTES = 4
const TIMESTAMP_BYTES = 8
const ED25519_BYTES = 64

/** A key that signatures are checked with; from a trust file, never from a note. */
export interface VerifierKey {
  readonly name: string
  /** Eight hex digits. */
  readonly id: string
  readonly type: typeof LOG_SIGNATURE | typeof WITNESS_SIGNATURE
  /** Raw 32 bytes. */
  readonly publicKey: Buffer
}

/** One signature line. */
export interface NoteSignature {
  readonly name: string
  readonly id: string
  /** What follows the key id. */
  readonly signature: Buffer
}

/** A note as it was read: nothing of it is believed before `verifyNote`. */
export interface Note {
  /** With its last newline. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

/** A signature that holds. */
export interface VerifiedSignature {
  readonly key: VerifierKey
  /** When a witness signed, seconds since 1970. */
  readonly timestampSeconds?: number
}

/** The key that checks what a pair signs. Throws KEY_INVALID for a name with a space or a plus sign. */
export function verifierKey(name: string, publicKey: Buffer, type: VerifierKey['type'] = LOG_SIGNATURE): VerifierKey {
  if (!isKeyName(name))
    throw new ToolwardenError('KEY_INVALID', 'the name of a key has no space, plus sign or control character', {
      where: name,
    })
  const material = Buffer.concat([Buffer.from(`${name}\n`), Buffer.from([type]), publicKey])
  const id = createHash('sha256').update(material).digest().subarray(0, KEY_ID_BYTES).toString('hex')
  return { name, id, type, publicKey }
}

/** `name+id+base64(type ‖ key)`: how keys are exchanged. */
export function formatVerifierKey({ name, id, type, publicKey }: VerifierKey): string {
  return `${name}+${id}+${Buffer.concat([Buffer.from([type]), publicKey]).toString('base64')}`
}

/** Reads the text form of a key. Throws KEY_INVALID. */
export function parseVerifierKey(text: string): VerifierKey {
  const [name = '', id = '', ...rest] = text.split('+')
  const material = decodeBase64(rest.join('+'))
  const type = material?.[0]
  if (material === undefined || (type !== LOG_SIGNATURE && type !== WITNESS_SIGNATURE))
    throw invalidKey(text, 'not a verifier key of a log or a witness: name+id+base64')
  const publicKey = material.subarray(1)
  publicKeyObject(publicKey)
  const key = verifierKey(name, publicKey, type)
  if (key.id !== id) throw invalidKey(text, `the key has the id ${key.id}, not ${id}`)
  return key
}

/** A note with the signature of a log. `text` ends with a newline. */
export function signNote(text: string, name: string, key: KeyPair): string {
  const { id } = verifierKey(name, key.publicKey)
  return `${text}\n${formatSignature({ name, id, signature: sign(null, Buffer.from(text), key.privateKey) })}`
}

/** The line by which a witness signs a note's text at a time. */
export function cosignatureLine(
  text: string,
  witness: { readonly name: string; readonly key: KeyPair; readonly timestampSeconds: number },
): string {
  const { name, key, timestampSeconds } = witness
  const { id } = verifierKey(name, key.publicKey, WITNESS_SIGNATURE)
  const timestamp = Buffer.alloc(TIMESTAMP_BYTES)
  timestamp.writeBigUInt64BE(BigInt(timestampSeconds))
  const signed = sign(null, cosignedBytes(text, BigInt(timestampSeconds)), key.privateKey)
  return formatSignature({ name, id, signature: Buffer.concat([timestamp, signed]) })
}

/** One signature line of a note, with its newline. */
export function formatSignature({ name, id, signature }: NoteSignature): string {
  return `— ${name} ${Buffer.concat([Buffer.from(id, 'hex'), signature]).toString('base64')}\n`
}

/** Takes a note apart. Throws CHECKPOINT_INVALID. */
export function parseNote(note: string): Note {
  const split = note.lastIndexOf('\n\n')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what the specification forbids.
  if (Buffer.byteLength(note) > MAX_NOTE_BYTES || /[\x00-\x09\x0b-\x1f]/.test(note) || !note.isWellFormed())
    throw invalidNote('it is too long or holds characters that no note may hold')
  if (split < 0 || !note.endsWith('\n')) throw invalidNote('no blank line parts its text from its signatures')
  const lines = note.slice(split + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES) throw invalidNote(`it has more than ${MAX_SIGNATURES} signatures`)
  return { text: note.slice(0, split + 1), signatures: lines.map(parseSignature) }
}

/** The signatures of known keys. Throws CHECKPOINT_INVALID where one of them does not hold, or there is none. */
export function verifyNote(note: Note, keys: readonly VerifierKey[]): readonly VerifiedSignature[] {
  const verified = new Map<VerifierKey, VerifiedSignature>()
  for (const { name, id, signature } of note.signatures) {
    const key = keys.find((each) => each.name === name && each.id === id)
    if (key === undefined) continue
    const holds =
      key.type === LOG_SIGNATURE ? verifyLog(note.text, key, signature) : verifyWitness(note.text, key, signature)
    if (holds === undefined) throw invalidNote(`the signature of ${name} does not hold`)
    verified.set(key, holds)
  }
  if (verified.size === 0) throw invalidNote('no known key signed it')
  return [...verified.values()]
}

function verifyLog(text: string, key: VerifierKey, signature: Buffer): VerifiedSignature | undefined {
  return signature.byteLength === ED25519_BYTES && verify(null, Buffer.from(text), keyObject(key), signature)
    ? { key }
    : undefined
}

function verifyWitness(text: string, key: VerifierKey, signature: Buffer): VerifiedSignature | undefined {
  if (signature.byteLength !== TIMESTAMP_BYTES + ED25519_BYTES) return undefined
  const timestamp = signature.readBigUInt64BE()
  const holds = verify(null, cosignedBytes(text, timestamp), keyObject(key), signature.subarray(TIMESTAMP_BYTES))
  return holds && timestamp <= BigInt(Number.MAX_SAFE_INTEGER)
    ? { key, timestampSeconds: Number(timestamp) }
    : undefined
}

function cosignedBytes(text: string, timestamp: bigint): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${timestamp}\n${text}`)
}

function keyObject({ publicKey }: VerifierKey): KeyObject {
  return publicKeyObject(publicKey)
}

function parseSignature(line: string): NoteSignature {
  const [dash, name = '', encoded = '', ...rest] = line.split(' ')
  const bytes = decodeBase64(encoded)
  if (dash !== '—' || rest.length > 0 || !isKeyName(name) || bytes === undefined || bytes.byteLength <= KEY_ID_BYTES)
    throw invalidNote('a line after its text is no signature')
  return { name, id: bytes.subarray(0, KEY_ID_BYTES).toString('hex'), signature: bytes.subarray(KEY_ID_BYTES) }
}

function isKeyName(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: no control character belongs in a note.
  return name !== '' && name.isWellFormed() && !/[\s\u0085+\x00-\x1f]/u.test(name)
}

/** Bytes of canonical base64; other spellings of the same bytes are refused. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

function invalidNote(reason: string): ToolwardenError {
  return new ToolwardenError('CHECKPOINT_INVALID', `not a note that can be trusted: ${reason}`)
}

function invalidKey(where: string, message: string): ToolwardenError {
  return new ToolwardenError('KEY_INVALID', message, { where, fix: 'take the key from where its owner publishes it' })
}
