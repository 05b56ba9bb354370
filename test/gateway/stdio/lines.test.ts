// Whatever the chunks, the lines are the stream: no byte changes, memory is bounded, a line too long counts once.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Line, LineSplitter } from '../../../gateway/stdio/lines.ts'

const MAX_BYTES = 64

/** Bytes with many line ends, cut into chunks anywhere. */
const chunked = fc
  .tuple(
    fc.array(fc.constantFrom(0x0a, 0x0d, 0x61, 0x00, 0xff), { maxLength: 60 }),
    fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
  )
  .map(([bytes, sizes]) => {
    const chunks: Buffer[] = []
    for (let from = 0; from < bytes.length; ) {
      const size = sizes.next().value as number
      chunks.push(Buffer.from(bytes.slice(from, from + size)))
      from += size
    }
    return chunks
  })

function split(splitter: LineSplitter, chunks: readonly Buffer[]): (Line | 'oversize')[] {
  const lines = chunks.flatMap((chunk) => [...splitter.push(chunk)])
  const rest = splitter.end()
  return rest === undefined ? lines : [...lines, rest]
}

function bytesOf(lines: readonly (Line | 'oversize')[]): Buffer {
  return Buffer.concat(lines.map((line) => (line === 'oversize' ? Buffer.from('!') : line.bytes)))
}

describe('LineSplitter', () => {
  it('keeps every byte and cuts only behind LF, however the stream is chunked', () => {
    fc.assert(
      fc.property(chunked, (chunks) => {
        const lines = split(new LineSplitter(MAX_BYTES), chunks)
        assert.deepEqual(bytesOf(lines), Buffer.concat(chunks))
        assert.ok(
          lines.slice(0, -1).every((line) => line !== 'oversize' && line.bytes.indexOf(0x0a) === line.bytes.length - 1),
        )
      }),
      { seed: 3, numRuns: 500 },
    )
  })

  it('gives the content without LF or CRLF, and with a CR anywhere else', () => {
    const lines = split(new LineSplitter(), [Buffer.from('a\r\nb\rc\n\r\n\r\r\nlast\r')])
    const contents = lines.map((line) => line !== 'oversize' && line.content.toString())
    assert.deepEqual(contents, ['a', 'b\rc', '', '\r', 'last\r'])
  })

  it('says once that a line is too long, and goes on with the next, however it is chunked', () => {
    const stream = Buffer.from(`ok\n${'x'.repeat(3 * MAX_BYTES)}\nnext\n${'y'.repeat(MAX_BYTES)}`)
    for (const size of [1, 7, MAX_BYTES, 1_000]) {
      const chunks = Array.from({ length: Math.ceil(stream.length / size) }, (_, at) =>
        stream.subarray(at * size, (at + 1) * size),
      )
      assert.equal(
        bytesOf(split(new LineSplitter(MAX_BYTES), chunks)).toString(),
        `ok\n!next\n${'y'.repeat(MAX_BYTES)}`,
      )
    }
  })

  it('takes a line of the limit, terminator included, and not one byte more', () => {
    const [fits, not] = [MAX_BYTES, MAX_BYTES + 1].map(
      (size) => split(new LineSplitter(MAX_BYTES), [Buffer.from(`${'x'.repeat(size - 1)}\n`)])[0],
    )
    assert.ok(fits !== 'oversize' && fits?.bytes.length === MAX_BYTES)
    assert.equal(not, 'oversize')
  })

  it('never changes a line that it has handed out', () => {
    const splitter = new LineSplitter()
    const chunk = Buffer.from('first')
    const [first] = [...splitter.push(chunk), ...splitter.push(Buffer.from('\nsecond'))]
    chunk.fill(0)
    assert.deepEqual(
      [...splitter.push(Buffer.from('!\n'))].map((line) => line !== 'oversize' && line.bytes.toString()),
      ['second!\n'],
    )
    assert.ok(first !== undefined && first !== 'oversize' && first.bytes.toString() === 'first\n')
  })
})
