// Reads one chain from an offset on, over its segments, while it grows, is cut short by retention or is damaged.
// An unfinished frame at the very end is not there yet; the same with whole frames or a segment after it is damage.
import { join } from 'node:path'
import { ToolwardenError } from './errors.ts'
import { decodeFrame, type Frame, findFrame } from './file-log-frame.ts'
import { lookAt, type SegmentLook } from './file-log-look.ts'
import { listSegments, segmentName } from './file-log-paths.ts'
import type { ExpiredRange, StoredRecord, Topic } from './log.ts'

/** Which chain to read. */
export interface CursorOptions {
  readonly directory: string
  readonly topic: Topic
  readonly partition: string
  /** True when offsets may be missing because newer records replaced them. */
  readonly compacted: boolean
  /** The first offset wanted; from the first that is there when left out. */
  readonly next?: number
}

/** What one read of a chain found. */
export type ChainRead =
  | { readonly type: 'records'; readonly records: readonly StoredRecord[] }
  | { readonly type: 'missing'; readonly range: ExpiredRange }
  /** Nothing more for now. */
  | { readonly type: 'idle' }
  /** The writer ended the chain: nothing will ever follow. */
  | { readonly type: 'sealed' }
  | { readonly type: 'gone' }

/** A place in a chain's files. */
export interface ChainPlace {
  readonly base: number
  readonly byte: number
}

/** How long a file must have been at rest before an unfinished frame in it is not read again. */
const TORN_REST_MS = 2_000

/** Where a reader stands in one chain. */
export class ChainCursor {
  readonly #options: CursorOptions
  /** Byte position behind the last frame read; undefined until a segment was found. */
  #place: ChainPlace | undefined
  #next: number | undefined
  #sealed = false
  #touchedMs = 0
  /** The unfinished end that was looked at last, so that a dead writer's torn tail is not read for ever. */
  #torn: { readonly size: number; readonly mtimeMs: number } | undefined

  constructor(options: CursorOptions) {
    this.#options = options
    this.#next = options.next
  }

  /** The offset behind the last record read, if any was read or asked for. */
  get next(): number | undefined {
    return this.#next
  }

  /** When the chain was last written, as far as it was looked at: milliseconds since 1970. */
  get touchedMs(): number {
    return this.#touchedMs
  }

  /** True when everything before that place was read. */
  hasPassed(place: ChainPlace): boolean {
    if (this.#place === undefined) return false
    return this.#place.base > place.base || (this.#place.base === place.base && this.#place.byte >= place.byte)
  }

  /** The end of the files as they are now; undefined when there are none. */
  async findEnd(): Promise<ChainPlace | undefined> {
    const base = (await listSegments(this.#options.directory))?.at(-1)
    if (base === undefined) return undefined
    const look = await this.#look({ base, byte: 0 }, 0)
    return { base, byte: look?.size ?? 0 }
  }

  /** Goes behind the last record that is there now. */
  async seekEnd(): Promise<void> {
    const base = (await listSegments(this.#options.directory))?.at(-1)
    this.#next = base
    if (base === undefined) return
    for (;;) {
      const read = await this.read(Number.POSITIVE_INFINITY)
      if (read.type === 'idle' || read.type === 'sealed' || read.type === 'gone') return
    }
  }

  /** Reads whole appends, of at most `maxRecords` records together unless one append alone has more. */
  async read(maxRecords: number): Promise<ChainRead> {
    if (this.#sealed) return { type: 'sealed' }
    const located = await this.#locate()
    if (located !== undefined) return located
    for (;;) {
      const found = await this.#readHere(maxRecords)
      if (found !== undefined) return found
    }
  }

  /** Finds the segment to read; an answer means that there is nothing to read. */
  async #locate(): Promise<ChainRead | undefined> {
    if (this.#place !== undefined) return undefined
    const segments = await listSegments(this.#options.directory)
    if (segments === undefined) return { type: 'gone' }
    const next = this.#next
    const base = segments.findLast((candidate) => next !== undefined && candidate <= next) ?? segments[0]
    if (base === undefined) return { type: 'idle' }
    // On a compacted topic an early offset may stand in any segment.
    this.#place = { base: this.#options.compacted ? (segments[0] ?? base) : base, byte: 0 }
    this.#next ??= this.#options.compacted ? 0 : base
    return this.#skipTo(base)
  }

  /** One try at the current place; undefined when the place moved on without a record. */
  async #readHere(maxRecords: number): Promise<ChainRead | undefined> {
    const place = this.#place
    if (place === undefined) return this.#locate()
    const look = await this.#look(place)
    if (look === undefined) return this.#relocate()
    const found = this.#take(place, look, maxRecords)
    if (found !== 'nothing') return found
    const later = await this.#laterSegment(place)
    if (later === undefined && (look.bytes.length === 0 || this.#isKnownTorn(look))) return { type: 'idle' }
    return this.#readEnd(place, later, maxRecords)
  }

  /**
   * Reads the end of a segment again: only what was read after the later segment or frame was seen is sure to be
   * complete, since a writer has one frame in flight and cuts it back before it writes it again.
   */
  async #readEnd(place: ChainPlace, later: number | undefined, maxRecords: number): Promise<ChainRead | undefined> {
    const look = await this.#look(place, Number.POSITIVE_INFINITY)
    if (look === undefined) return this.#relocate()
    const found = this.#take(place, look, maxRecords)
    if (found !== 'nothing') return found
    const resume = findFrame(this.#options.partition, look.bytes, 1)
    if (resume === undefined && later === undefined) {
      this.#torn = { size: look.size, mtimeMs: look.mtimeMs }
      return { type: 'idle' }
    }
    if (look.bytes.length === 0 && later !== undefined) {
      this.#place = { base: later, byte: 0 }
      return undefined
    }
    return this.#passDamage(place, look, { resume, later })
  }

  /** Takes the frames that begin at the place; 'nothing' when there is no whole frame. */
  #take(place: ChainPlace, look: SegmentLook, maxRecords: number): ChainRead | 'nothing' | undefined {
    const records: StoredRecord[] = []
    let at = 0
    for (;;) {
      const decoded = decodeFrame(this.#options.partition, look.bytes, at)
      if (decoded.type !== 'frame') break
      const { frame } = decoded
      const missing = records.length === 0 ? this.#skipTo(frame.firstOffset) : undefined
      if (missing !== undefined) return missing
      if (!this.#options.compacted && frame.firstOffset > (this.#next ?? 0)) break
      if (records.length > 0 && records.length + frame.records.length > maxRecords) break
      records.push(...this.#accept(frame))
      at = decoded.end
      this.#place = { base: place.base, byte: place.byte + at }
      if (this.#sealed) break
    }
    if (records.length > 0) return { type: 'records', records }
    if (this.#sealed) return { type: 'sealed' }
    return at > 0 ? undefined : 'nothing'
  }

  /** Reports the offsets before `offset` that nobody will ever read; not on a compacted topic, where that is usual. */
  #skipTo(offset: number): ChainRead | undefined {
    const from = this.#next ?? offset
    if (offset <= from || this.#options.compacted) return undefined
    this.#next = offset
    return { type: 'missing', range: this.#range(from, offset - 1) }
  }

  /** The frame's records from the next wanted offset on. */
  #accept(frame: Frame): StoredRecord[] {
    const next = this.#next ?? 0
    this.#next = Math.max(next, frame.firstOffset + frame.records.length)
    this.#sealed = frame.kind === 'seal'
    const { topic, partition } = this.#options
    const stored = frame.records.map((record, index) => {
      return { timeMs: frame.timeMs, position: { topic, partition, offset: frame.firstOffset + index }, ...record }
    })
    return stored.filter((record) => record.position.offset >= next)
  }

  #passDamage(
    place: ChainPlace,
    look: SegmentLook,
    way: { readonly resume: number | undefined; readonly later: number | undefined },
  ): ChainRead | undefined {
    const from = this.#next ?? place.base
    let to = (way.later ?? from + 1) - 1
    if (way.resume !== undefined) {
      const decoded = decodeFrame(this.#options.partition, look.bytes, way.resume)
      if (decoded.type === 'frame') to = decoded.frame.firstOffset - 1
      this.#place = { base: place.base, byte: place.byte + way.resume }
    } else if (way.later !== undefined) {
      this.#place = { base: way.later, byte: 0 }
    }
    const damage = new ToolwardenError('LOG_CORRUPT', 'a file of the event log is damaged', {
      where: `${this.#path(place.base)}: byte ${place.byte}`,
      fix: 'Keep a copy of the file as evidence, check the disk, and run toolwarden verify to see what is missing.',
    })
    if (this.#options.compacted) return { type: 'missing', range: { ...this.#range(from, to), damage } }
    // The offsets on both sides show that no record stood there.
    if (to < from) return undefined
    this.#next = to + 1
    return { type: 'missing', range: { ...this.#range(from, to), damage } }
  }

  #range(from: number, to: number): ExpiredRange {
    return { topic: this.#options.topic, partition: this.#options.partition, from, to }
  }

  /** The segment went away under the reader: it begins again at the next offset, wherever that stands now. */
  async #relocate(): Promise<ChainRead | undefined> {
    this.#place = undefined
    return this.#locate()
  }

  async #laterSegment(place: ChainPlace): Promise<number | undefined> {
    return (await listSegments(this.#options.directory))?.find((base) => base > place.base)
  }

  #isKnownTorn(look: SegmentLook): boolean {
    const torn = this.#torn
    return torn?.size === look.size && torn.mtimeMs === look.mtimeMs && Date.now() - look.mtimeMs > TORN_REST_MS
  }

  async #look(place: ChainPlace, maxBytes?: number): Promise<SegmentLook | undefined> {
    const look = await lookAt(this.#path(place.base), place.byte, maxBytes)
    if (look !== undefined) this.#touchedMs = Math.max(this.#touchedMs, look.mtimeMs)
    return look
  }

  #path(base: number): string {
    return join(this.#options.directory, segmentName(base))
  }
}
