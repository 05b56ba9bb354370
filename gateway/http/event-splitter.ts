// Splits a stream of server-sent events (WHATWG HTML, 9.2) into its blocks without changing a byte. Comments pass as they
// come, since they keep connections alive; a block is handed out whole, because only then it is known what it says.

/** One block of the stream with its terminators. */
export interface EventBlock {
  readonly bytes: Buffer
  /** The bytes of its `data`, lines joined by LF; undefined where it has none. */
  readonly data: Buffer | undefined
  /** Its `event`, `message` where none is named. */
  readonly name: string
  readonly id: string | undefined
}

const LF = 0x0a
const CR = 0x0d
const COLON = 0x3a
const BYTE_ORDER_MARK = Buffer.from('\ufeff')

/** Collects chunks and hands out blocks; a block over the limit is reported as `oversize`, and then the stream is over. */
export class EventSplitter {
  readonly #maxBytes: number
  /** The start of a block whose end has not come. */
  #chunks: Buffer[] = []
  #size = 0
  #isLineStart = true
  /** The block in hand has no line but comments, and whether its last one is. */
  #isOnlyComments = true
  #isComment = false
  /** The last byte was a CR: an LF that follows belongs to it. */
  #afterReturn = false
  #isFirst = true

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The blocks that a chunk ends. */
  *push(chunk: Buffer): Generator<EventBlock | 'oversize'> {
    let start = 0
    let index = 0
    if (this.#afterReturn && chunk[0] === LF) {
      index = 1
      // A reader may wait for it before it looks at what came before.
      if (this.#size === 0) {
        start = 1
        yield { bytes: chunk.subarray(0, 1), data: undefined, name: 'message', id: undefined }
      }
    }
    if (chunk.length > 0) this.#afterReturn = false
    const ends = new LineEnds(chunk)
    while (index < chunk.length) {
      const end = ends.next(index)
      if (end > index) this.#lookAtLine(chunk[index])
      if (end === chunk.length) break
      index = chunk[end] === CR && chunk[end + 1] === LF ? end + 2 : end + 1
      this.#afterReturn = index === chunk.length && chunk[end] === CR
      const isOver = this.#isLineStart || (this.#isOnlyComments && this.#isComment)
      this.#isLineStart = true
      if (!isOver) continue
      yield this.#take(chunk.subarray(start, index))
      start = index
    }
    if (start === chunk.length) return
    this.#chunks.push(chunk.subarray(start))
    this.#size += chunk.length - start
    if (this.#size > this.#maxBytes) yield 'oversize'
  }

  /** How much of a block is in hand whose end has not come. */
  get pendingBytes(): number {
    return this.#size
  }

  /** What stood after the last block when the stream ended: readers throw it away. */
  get rest(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  #lookAtLine(byte: number | undefined): void {
    if (!this.#isLineStart) return
    this.#isLineStart = false
    this.#isComment = byte === COLON
    if (!this.#isComment) this.#isOnlyComments = false
  }

  #take(last: Buffer): EventBlock {
    const bytes = this.#chunks.length === 0 ? last : Buffer.concat([...this.#chunks, last])
    this.#chunks = []
    this.#size = 0
    this.#isOnlyComments = true
    const block = parseBlock(bytes, this.#isFirst)
    this.#isFirst = false
    return block
  }
}

/** Finds line ends in a chunk at the speed of memory: LF or CR. */
class LineEnds {
  readonly #chunk: Buffer
  #feed = -1
  #return = -1

  constructor(chunk: Buffer) {
    this.#chunk = chunk
  }

  /** The first line end at or after a place, or the chunk's length. */
  next(from: number): number {
    if (this.#feed < from) this.#feed = this.#find(LF, from)
    if (this.#return < from) this.#return = this.#find(CR, from)
    return Math.min(this.#feed, this.#return)
  }

  #find(byte: number, from: number): number {
    const found = this.#chunk.indexOf(byte, from)
    return found === -1 ? this.#chunk.length : found
  }
}

function parseBlock(bytes: Buffer, isFirst: boolean): EventBlock {
  const start = isFirst && bytes.subarray(0, 3).equals(BYTE_ORDER_MARK) ? 3 : 0
  const data: Buffer[] = []
  let name = ''
  let id: string | undefined
  for (const line of linesOf(bytes.subarray(start))) {
    const colon = line.indexOf(COLON)
    const field = (colon === -1 ? line : line.subarray(0, colon)).toString('utf8')
    const value = colon === -1 ? Buffer.alloc(0) : line.subarray(line[colon + 1] === 0x20 ? colon + 2 : colon + 1)
    if (field === 'data') data.push(value, NEWLINE)
    if (field === 'event') name = value.toString('utf8')
    if (field === 'id') id = value.toString('utf8')
  }
  return {
    bytes,
    data: data.length === 0 ? undefined : data.length === 2 ? data[0] : Buffer.concat(data.slice(0, -1)),
    name: name === '' ? 'message' : name,
    id,
  }
}

const NEWLINE = Buffer.from('\n')

function* linesOf(bytes: Buffer): Generator<Buffer> {
  const ends = new LineEnds(bytes)
  for (let start = 0; start < bytes.length; ) {
    const end = ends.next(start)
    if (end > start) yield bytes.subarray(start, end)
    start = end + 1
  }
}
