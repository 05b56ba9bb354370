// The codec of the embedded log's frames: what is written is read, and nothing else is taken for it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { decodeFrame, encodeFrame, type Frame, findFrame } from '../../events/file-log-frame.ts'

const PARTITION = 'gateway/files/1'
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array))
const record = fc.record({
  key: fc.string(),
  value: bytes,
  headers: fc.dictionary(fc.string({ minLength: 1 }), bytes, { maxKeys: 3 }),
})
const frames: fc.Arbitrary<Frame> = fc.record({
  kind: fc.constantFrom('records', 'seal'),
  timeMs: fc.nat(),
  firstOffset: fc.nat(),
  records: fc.array(record, { maxLength: 4 }),
})

describe('encodeFrame and decodeFrame', () => {
  it('give back what was written, at any place', () => {
    fc.assert(
      fc.property(frames, bytes, (frame, before) => {
        const encoded = encodeFrame(PARTITION, frame)
        const decoded = decodeFrame(PARTITION, Buffer.concat([before, encoded]), before.length)
        assert.ok(decoded.type === 'frame')
        assert.equal(decoded.end, before.length + encoded.length)
        assert.deepEqual(encodeFrame(PARTITION, decoded.frame), encoded)
        assert.deepEqual(plain(decoded.frame), plain(frame))
      }),
    )
  })

  it('take no beginning of a frame for one', () => {
    fc.assert(
      fc.property(frames, fc.nat(), (frame, cut) => {
        const encoded = encodeFrame(PARTITION, frame)
        assert.deepEqual(decodeFrame(PARTITION, encoded.subarray(0, cut % encoded.length), 0), { type: 'partial' })
      }),
    )
  })

  it('take no frame with a changed byte', () => {
    fc.assert(
      fc.property(frames, fc.nat(), fc.integer({ min: 1, max: 255 }), (frame, place, flip) => {
        const encoded = encodeFrame(PARTITION, frame)
        const at = place % encoded.length
        encoded.writeUInt8(encoded.readUInt8(at) ^ flip, at)
        assert.notEqual(decodeFrame(PARTITION, encoded, 0).type, 'frame')
      }),
    )
  })

  it('take no frame of another chain, nor find one inside a value', () => {
    const frame: Frame = { kind: 'records', timeMs: 1, firstOffset: 0, records: [] }
    const foreign = encodeFrame('gateway/files/2', frame)
    assert.deepEqual(decodeFrame(PARTITION, foreign, 0), { type: 'invalid' })
    assert.equal(findFrame(PARTITION, Buffer.concat([foreign, foreign]), 0), undefined)
    assert.equal(findFrame(PARTITION, Buffer.concat([foreign, encodeFrame(PARTITION, frame)]), 0), foreign.length)
  })
})

/** Comparable by deepEqual: Buffers and Uint8Arrays of the same bytes are the same. */
function plain(frame: Frame): unknown {
  const records = frame.records.map(({ key, value, headers }) => {
    return { key, value: [...value], headers: Object.entries(headers).map(([name, header]) => [name, [...header]]) }
  })
  return { ...frame, records }
}
