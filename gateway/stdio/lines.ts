// Splits a byte stream into lines without changing a byte: a line keeps its terminator, memory is bounded by the limit.

/** The longest line of a client, bytes, terminator included. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024

/** One line as it stood in the stream. */
export interface Line {
  /** The exact bytes, with `\n` or `\r\n` if they were there. */
  readonly bytes: Buffer
  /** The bytes without the terminator. */
  readonly content: Buffer
}

const LF = 0x0a
const CR = 0x0d

/** Collects chunks and hands out complete lines; a line over the limit is thrown away as it arrives and counted once. */
export class LineSplitter {
  readonly #maxBytes: number
  #parts: Buffer[] = []
  #size = 0
  /** Set while the rest of an oversize line is being thrown away. */
  #skipping = false

  constructor(maxBytes: number = MAX_LINE_BYTES) {
    this.#maxBytes = maxBytes
  }

  /** The complete lines that a chunk ends; `oversize` stands for a line over the limit. */
  *push(chunk: Buffer): Generator<Line | 'oversize'> {
    let start = 0
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      const line = this.#take(chunk.subarray(start, end + 1))
      start = end + 1
      if (this.#skipping) this.#skipping = false
      else yield line
    }
    if (start < chunk.length && !this.#skipping) {
      this.#parts.push(chunk.subarray(start))
      this.#size += chunk.length - start
    }
    if (this.#size > this.#maxBytes) {
      this.#parts = []
      this.#size = 0
      this.#skipping = true
      yield 'oversize'
    }
  }

  /** What stood after the last line end when the stream ended. */
  end(): Line | undefined {
    return this.#size === 0 ? undefined : (this.#take(Buffer.alloc(0)) as Line)
  }

  #take(last: Buffer): Line | 'oversize' {
    const size = this.#size + last.length
    const bytes = this.#parts.length === 0 ? last : Buffer.concat([...this.#parts, last], size)
    this.#parts = []
    this.#size = 0
    if (size > this.#maxBytes) return 'oversize'
    return { bytes, content: bytes.subarray(0, contentEnd(bytes)) }
  }
}

function contentEnd(bytes: Buffer): number {
  if (bytes.at(-1) !== LF) return bytes.length
  return bytes.at(-2) === CR ? bytes.length - 2 : bytes.length - 1
}
