// The frame of the embedded event log: one append, so that its records become visible together or not at all.
// Big-endian: uint32 magic, uint32 payload length, uint32 CRC-32, payload (kind, time, first offset, count, records).
// The CRC starts from the partition's name: a frame copied from another chain, or forged inside a value, does not pass.
import { crc32 } from 'node:zlib'
import type { LogRecord } from './log.ts'

/** What one frame says: records from `firstOffset` on, or the seal that ends a chain. */
export interface Frame {
  readonly kind: 'records' | 'seal'
  readonly timeMs: number
  readonly firstOffset: number
  readonly records: readonly LogRecord[]
}

/** What stands at a place: a whole frame, the beginning of one, or something else. */
export type DecodedFrame =
  | { readonly type: 'frame'; readonly frame: Frame; readonly end: number }
  | { readonly type: 'partial' }
  | { readonly type: 'invalid' }

/** The largest frame, bytes: MAX_APPEND_BYTES and room for the lengths of many small records. */
export const MAX_FRAME_BYTES = 2 * 1024 * 1024

const MAGIC = Buffer.from('TWL1', 'latin1')
const HEAD_BYTES = 12
const PAYLOAD_HEAD_BYTES = 17
const LENGTH_BYTES = 4
const KIND_RECORDS = 0
const KIND_SEAL = 1

/** The bytes of a frame of this partition. */
export function encodeFrame(partition: string, frame: Frame): Buffer {
  const size = frame.records.reduce((sum, record) => sum + encodedSize(record), PAYLOAD_HEAD_BYTES)
  // Every byte is written below; one piece of memory, since a frame is made for every append.
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + size)
  const payload = bytes.subarray(HEAD_BYTES)
  payload.writeUInt8(frame.kind === 'seal' ? KIND_SEAL : KIND_RECORDS, 0)
  payload.writeUIntBE(frame.timeMs, 1, 6)
  payload.writeUIntBE(frame.firstOffset, 7, 6)
  payload.writeUInt32BE(frame.records.length, 13)
  let at = PAYLOAD_HEAD_BYTES
  for (const record of frame.records) at = encodeRecord(record, payload, at)
  MAGIC.copy(bytes)
  bytes.writeUInt32BE(size, 4)
  bytes.writeUInt32BE(crc32(payload, crc32(partition)), 8)
  return bytes
}

/** Reads the frame that begins at `at`; never throws, whatever the bytes are. */
export function decodeFrame(partition: string, bytes: Buffer, at: number): DecodedFrame {
  const magic = bytes.subarray(at, at + MAGIC.length)
  if (!magic.equals(MAGIC.subarray(0, magic.length))) return { type: 'invalid' }
  if (bytes.length - at < HEAD_BYTES) return { type: 'partial' }
  const length = bytes.readUInt32BE(at + 4)
  if (length < PAYLOAD_HEAD_BYTES || length > MAX_FRAME_BYTES) return { type: 'invalid' }
  const end = at + HEAD_BYTES + length
  if (end > bytes.length) return { type: 'partial' }
  const payload = bytes.subarray(at + HEAD_BYTES, end)
  if (crc32(payload, crc32(partition)) !== bytes.readUInt32BE(at + 8)) return { type: 'invalid' }
  const frame = decodePayload(payload)
  return frame === undefined ? { type: 'invalid' } : { type: 'frame', frame, end }
}

/** Where the next whole frame begins at or after `from`, if there is one: used only to tell damage from a torn tail. */
export function findFrame(partition: string, bytes: Buffer, from: number): number | undefined {
  for (let at = bytes.indexOf(MAGIC, from); at !== -1; at = bytes.indexOf(MAGIC, at + 1)) {
    if (decodeFrame(partition, bytes, at).type === 'frame') return at
  }
  return undefined
}

function encodedSize({ key, value, headers }: LogRecord): number {
  let size = 3 * LENGTH_BYTES + Buffer.byteLength(key) + value.byteLength
  for (const [name, bytes] of Object.entries(headers))
    size += 2 * LENGTH_BYTES + Buffer.byteLength(name) + bytes.byteLength
  return size
}

/** Writes a record and returns where it ends. */
function encodeRecord({ key, value, headers }: LogRecord, payload: Buffer, start: number): number {
  let at = encodeBytes(value, payload, encodeText(key, payload, start))
  const named = Object.entries(headers)
  at = payload.writeUInt32BE(named.length, at)
  for (const [name, bytes] of named) at = encodeBytes(bytes, payload, encodeText(name, payload, at))
  return at
}

function encodeText(text: string, payload: Buffer, at: number): number {
  const length = payload.write(text, at + LENGTH_BYTES)
  payload.writeUInt32BE(length, at)
  return at + LENGTH_BYTES + length
}

function encodeBytes(bytes: Uint8Array, payload: Buffer, at: number): number {
  payload.writeUInt32BE(bytes.byteLength, at)
  payload.set(bytes, at + LENGTH_BYTES)
  return at + LENGTH_BYTES + bytes.byteLength
}

function decodePayload(payload: Buffer): Frame | undefined {
  const kind = payload.readUInt8(0)
  if (kind !== KIND_RECORDS && kind !== KIND_SEAL) return undefined
  const fields = new FieldReader(payload, PAYLOAD_HEAD_BYTES)
  const count = payload.readUInt32BE(13)
  const records: LogRecord[] = []
  for (let index = 0; index < count && !fields.overrun; index += 1) records.push(decodeRecord(fields))
  if (fields.overrun || fields.at !== payload.length) return undefined
  const timeMs = payload.readUIntBE(1, 6)
  const firstOffset = payload.readUIntBE(7, 6)
  return { kind: kind === KIND_SEAL ? 'seal' : 'records', timeMs, firstOffset, records }
}

function decodeRecord(fields: FieldReader): LogRecord {
  const key = fields.bytes().toString('utf8')
  const value = fields.bytes()
  const headerCount = fields.uint32()
  const headers: [string, Uint8Array][] = []
  for (let index = 0; index < headerCount && !fields.overrun; index += 1) {
    headers.push([fields.bytes().toString('utf8'), fields.bytes()])
  }
  return { key, value, headers: Object.fromEntries(headers) }
}

/** Walks length-prefixed fields; a length beyond the payload sets `overrun` and reads as nothing. */
class FieldReader {
  at: number
  overrun = false
  readonly #payload: Buffer

  constructor(payload: Buffer, at: number) {
    this.#payload = payload
    this.at = at
  }

  uint32(): number {
    if (this.at + 4 > this.#payload.length) {
      this.overrun = true
      return 0
    }
    this.at += 4
    return this.#payload.readUInt32BE(this.at - 4)
  }

  bytes(): Buffer {
    const length = this.uint32()
    if (this.at + length > this.#payload.length) this.overrun = true
    if (this.overrun) return Buffer.alloc(0)
    this.at += length
    return this.#payload.subarray(this.at - length, this.at)
  }
}
