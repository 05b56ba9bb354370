// How a sealed event travels in the log: body as value; hash, signature, signals and payload as record headers.
import type { AppendSignature, SealedEvent } from './chain.ts'
import { ToolwardenError } from './errors.ts'
import type { LogRecord } from './log.ts'

/** The largest `payload` header, bytes: salt and recorded value. */
export const MAX_PAYLOAD_BYTES = 256 * 1024
/** The largest `signals` header, bytes. */
export const MAX_SIGNALS_BYTES = 16 * 1024

const SIGNATURE_BYTES = 4 + 64 + 32 + 64
/** What a signature adds to a record's size, bytes: the header's name and value. */
export const SIGNATURE_HEADER_BYTES = 'signature'.length + SIGNATURE_BYTES

/** The headers of an event's record, decoded. */
export interface EventHeaders {
  /** 64 hex digits. */
  readonly hash: string
  readonly signature?: AppendSignature
  readonly signals?: Buffer
  readonly payload?: Buffer
  /** On `control` only: all hashes of the append whose last event this is. */
  readonly append?: readonly string[]
}

/** The record of a sealed event under a key; the last event of an append carries the signature. */
export function toRecord(
  key: string,
  sealed: SealedEvent,
  signing: { signature?: AppendSignature; append?: readonly string[] } = {},
): LogRecord {
  const headers: Record<string, Uint8Array> = { hash: Buffer.from(sealed.hash, 'hex') }
  if (signing.signature !== undefined) headers.signature = encodeSignature(signing.signature)
  if (signing.append !== undefined && signing.append.length > 1)
    headers.append = Buffer.from(signing.append.join(''), 'hex')
  if (sealed.signals !== undefined) headers.signals = within(sealed.signals, MAX_SIGNALS_BYTES, 'signals')
  if (sealed.payload !== undefined) headers.payload = within(sealed.payload, MAX_PAYLOAD_BYTES, 'payload')
  return { key, value: sealed.body, headers }
}

/** Decodes the headers of a record. Throws EVENT_INVALID naming the header. */
export function parseHeaders(record: LogRecord): EventHeaders {
  const { hash, signature, signals, payload, append } = record.headers
  if (hash?.byteLength !== 32)
    throw new ToolwardenError('EVENT_INVALID', 'no hash of 32 bytes beside the body', { where: 'header hash' })
  return {
    hash: Buffer.from(hash).toString('hex'),
    ...(signature === undefined ? {} : { signature: decodeSignature(signature) }),
    ...(signals === undefined ? {} : { signals: Buffer.from(within(signals, MAX_SIGNALS_BYTES, 'signals')) }),
    ...(payload === undefined ? {} : { payload: Buffer.from(within(payload, MAX_PAYLOAD_BYTES, 'payload')) }),
    ...(append === undefined ? {} : { append: splitHashes(append) }),
  }
}

/** uint32 count ‖ append signature ‖ run's public key ‖ certificate: every append verifies by itself. */
export function encodeSignature(signature: AppendSignature): Buffer {
  const count = Buffer.alloc(4)
  count.writeUInt32BE(signature.count)
  return Buffer.concat([count, signature.appendSignature, signature.publicKey, signature.signature])
}

/** The reverse of `encodeSignature`. Throws EVENT_INVALID. */
export function decodeSignature(bytes: Uint8Array): AppendSignature {
  const buffer = Buffer.from(bytes)
  if (buffer.byteLength !== SIGNATURE_BYTES)
    throw new ToolwardenError(
      'EVENT_INVALID',
      `a signature of ${buffer.byteLength} bytes, expected ${SIGNATURE_BYTES}`,
      { where: 'header signature' },
    )
  return {
    count: buffer.readUInt32BE(0),
    appendSignature: buffer.subarray(4, 68),
    publicKey: buffer.subarray(68, 100),
    signature: buffer.subarray(100),
  }
}

function splitHashes(bytes: Uint8Array): readonly string[] {
  const hex = Buffer.from(bytes).toString('hex')
  if (hex.length % 64 !== 0)
    throw new ToolwardenError('EVENT_INVALID', 'hashes of an append have 32 bytes each', { where: 'header append' })
  return Array.from({ length: hex.length / 64 }, (_, index) => hex.slice(index * 64, index * 64 + 64))
}

function within(bytes: Uint8Array, limit: number, header: string): Uint8Array {
  if (bytes.byteLength > limit)
    throw new ToolwardenError('EVENT_INVALID', `${bytes.byteLength} bytes, the limit is ${limit}`, {
      where: `header ${header}`,
    })
  return bytes
}
