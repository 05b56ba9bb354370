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
const EMPTY = Buffer.alloc(0)
const FIRST_CAPACITY_BYTES = 64 * 1024

/** Collects chunks and hands out complete lines; a line over the limit is thrown away as it arrives and counted once. */
export class LineSplitter {
  readonly #maxBytes: number
  /** The start of a line whose end has not come; its first `#size` bytes count. A stream of tiny chunks costs no more. */
  #partial: Buffer = EMPTY
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
      const last = chunk.subarray(start, end + 1)
      start = end + 1
      if (this.#skipping) this.#skipping = false
      else yield this.#take(last)
    }
    if (this.#skipping || start === chunk.length) return
    if (this.#size + chunk.length - start > this.#maxBytes) {
      this.#clear()
      this.#skipping = true
      yield 'oversize'
    } else this.#keep(chunk.subarray(start))
  }

  /** How much of a line is in hand whose end has not come. */
  get pendingBytes(): number {
    return this.#size
  }

  /** What stood after the last line end when the stream ended. */
  end(): Line | undefined {
    if (this.#size === 0) return undefined
    const bytes = this.#partial.subarray(0, this.#size)
    this.#clear()
    return { bytes, content: bytes.subarray(0, contentEnd(bytes)) }
  }

  #take(last: Buffer): Line | 'oversize' {
    const isOversize = this.#size + last.length > this.#maxBytes
    if (this.#size > 0 && !isOversize) this.#keep(last)
    const bytes = this.#size > 0 ? this.#partial.subarray(0, this.#size) : last
    this.#clear()
    return isOversize ? 'oversize' : { bytes, content: bytes.subarray(0, contentEnd(bytes)) }
  }

  #keep(bytes: Buffer): void {
    const size = this.#size + bytes.length
    if (size > this.#partial.length) {
      const wider = Buffer.allocUnsafeSlow(Math.max(FIRST_CAPACITY_BYTES, size, 2 * this.#partial.length))
      this.#partial.copy(wider, 0, 0, this.#size)
      this.#partial = wider
    }
    bytes.copy(this.#partial, this.#size)
    this.#size = size
  }

  /** The line that was handed out keeps its memory: the next one gets its own. */
  #clear(): void {
    this.#partial = EMPTY
    this.#size = 0
  }
}

function contentEnd(bytes: Buffer): number {
  if (bytes.at(-1) !== LF) return bytes.length
  return bytes.at(-2) === CR ? bytes.length - 2 : bytes.length - 1
}
