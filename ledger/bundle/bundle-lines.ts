// Cuts a stream into lines without ever holding more than one of them. What can't be a line ends the reading, said as such.
import { MAX_LINE_BYTES } from './bundle-format.ts'

/** A piece of a bundle: its whole lines, without newlines, or why there are no more. */
export type LineBatch = { readonly lines: readonly Buffer[] } | { readonly problem: 'cut' | 'too-long' }

/** Reads all lines; a last one without its newline is a `cut`. Throws what the stream throws. */
export async function* readBundleLines(stream: AsyncIterable<Buffer>): AsyncGenerator<LineBatch> {
  let rest = Buffer.alloc(0)
  for await (const chunk of stream) {
    const bytes = rest.byteLength === 0 ? chunk : Buffer.concat([rest, chunk])
    const lines: Buffer[] = []
    let start = 0
    for (let end = bytes.indexOf(10, start); end >= 0; end = bytes.indexOf(10, start)) {
      lines.push(bytes.subarray(start, end))
      start = end + 1
    }
    rest = Buffer.from(bytes.subarray(start))
    if (lines.some((line) => line.byteLength > MAX_LINE_BYTES) || rest.byteLength > MAX_LINE_BYTES) {
      yield { problem: 'too-long' }
      return
    }
    if (lines.length > 0) yield { lines }
  }
  if (rest.byteLength > 0) yield { problem: 'cut' }
}
