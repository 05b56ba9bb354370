// Which segment file a chain's writer appends to: the first one, the next when one is full, a shorter one when a
// compacted chain has grown, a fresh one when somebody removed the file.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ToolwardenError } from './errors.ts'
import { encodeState, inOrder, keepNewest, type NewestByKey, readOlderRuns } from './file-log-compaction.ts'
import { encodeFrame } from './file-log-frame.ts'
import { chainDirectory, listSegments, makeDirectory, segmentName } from './file-log-paths.ts'
import type { LogRoot } from './file-log-root.ts'
import { nothingWritten, SegmentFile, type SegmentOptions, writeWholeSegment } from './file-log-segment.ts'
import type { LogRecord, StoredRecord, Topic } from './log.ts'

/** Where a chain stands and how large its files get. */
export interface ChainSegmentsOptions extends SegmentOptions {
  readonly root: string
  readonly logRoot: LogRoot
  readonly topic: Topic
  readonly partition: string
  /** True for a topic of which only the newest record of each key is kept. */
  readonly compacted: boolean
  /** A segment of this many bytes is followed by a new one. */
  readonly segmentBytes: number
  /** A compacted chain of this many bytes, and twice what it keeps, is shortened. */
  readonly compactBytes: number
  /** Whether a record of a compacted topic has nothing to say any more. */
  readonly isOver: (record: LogRecord) => boolean
}

/** The segments of one chain, as its writer sees them. */
export class ChainSegments {
  readonly #options: ChainSegmentsOptions
  readonly #directory: string
  /** The file that takes the next append; undefined before the first. */
  #segment: SegmentFile | undefined
  #nextOffset = 0
  #newestTimeMs = 0
  /** True once the directory was seen to be new: from then on its files are this writer's. */
  #isClaimed = false
  /** The newest record of each key, on compacted topics. */
  readonly #newest: NewestByKey = new Map()
  /** Grows with what had to be kept, and when shortening failed, so that it is not tried at every append. */
  #compactAtBytes: number
  /** Files and directories whose records stand in the current segment; removed once that is durable. */
  #replaced: string[] = []

  constructor(options: ChainSegmentsOptions) {
    this.#options = options
    this.#directory = chainDirectory(options.root, options.topic, options.partition)
    this.#compactAtBytes = options.compactBytes
  }

  get nextOffset(): number {
    return this.#nextOffset
  }

  get newestTimeMs(): number {
    return this.#newestTimeMs
  }

  /** The segment for the next frame; another one than before only when `mayMoveOn`. */
  async prepare(mayMoveOn: boolean): Promise<SegmentFile> {
    const segment = this.#segment ?? (await this.#begin())
    if (segment.isAtRest && (await segment.isMissing())) return this.#startSegment(segment)
    if (!segment.isSound) {
      await this.#makeDirectory()
      if (await segment.isMissing()) return this.#startSegment(segment)
    }
    if (!mayMoveOn) return segment
    if (segment.goodBytes >= this.#compactAtBytes && this.#options.compacted) return this.#compact(segment)
    return segment.goodBytes >= this.#options.segmentBytes ? this.#startSegment(segment) : segment
  }

  /** Notes what the disk confirmed. */
  acknowledge(stored: readonly StoredRecord[]): void {
    for (const record of stored) {
      this.#nextOffset = record.position.offset + 1
      this.#newestTimeMs = record.timeMs
      if (this.#options.compacted) keepNewest(this.#newest, record)
    }
  }

  /** Removes what the current segment replaces; what can't be removed is tried again after the next append. */
  async removeReplaced(): Promise<void> {
    for (const path of this.#replaced) await rm(path, { recursive: true, force: true })
    this.#replaced = []
  }

  /** Writes the frame that ends a chain, if one was begun. */
  async seal(timeMs: number): Promise<void> {
    const segment = this.#segment
    if (segment === undefined) return
    const frame = { kind: 'seal', timeMs, firstOffset: this.#nextOffset, records: [] } as const
    await segment.append(encodeFrame(this.#options.partition, frame), () => undefined)
  }

  async close(): Promise<void> {
    await this.#segment?.close()
  }

  async #begin(): Promise<SegmentFile> {
    await this.#claim()
    this.#segment = this.#options.compacted ? await this.#takeOver() : this.#newSegment()
    return this.#segment
  }

  /** One run, one chain: files of another run are never continued, its torn tail least of all. */
  async #claim(): Promise<void> {
    await this.#makeDirectory()
    if (this.#isClaimed) return
    const segments = await listSegments(this.#directory)
    if (segments !== undefined && segments.length > 0) {
      throw new ToolwardenError('INTERNAL', 'this chain was begun by another run', {
        where: this.#directory,
        fix: 'Begin a chain of a new instance with every run.',
      })
    }
    this.#isClaimed = true
  }

  async #makeDirectory(): Promise<void> {
    try {
      await this.#options.logRoot.check()
      await makeDirectory(this.#directory, this.#options.durable)
      await this.#options.logRoot.check()
    } catch (error) {
      throw error instanceof ToolwardenError ? error : nothingWritten(this.#directory, error)
    }
  }

  /** Begins with the newest records of the writer's older runs. */
  async #takeOver(): Promise<SegmentFile> {
    const { partition } = this.#options
    const older = await readOlderRuns(this.#options).catch((error: unknown) => {
      throw error instanceof ToolwardenError ? error : nothingWritten(this.#directory, error)
    })
    this.#nextOffset = older.nextOffset
    const first = older.records[0]
    if (first === undefined) {
      this.#replaced = [...older.directories]
      return this.#newSegment()
    }
    const path = join(this.#directory, segmentName(first.position.offset))
    const segment = await writeWholeSegment(path, encodeState(partition, older.records), this.#options)
    this.acknowledge(older.records)
    this.#replaced = [...older.directories]
    return segment
  }

  async #startSegment(old: SegmentFile): Promise<SegmentFile> {
    await old.close()
    // Retention may have removed the directory of a run that was long asleep.
    await this.#makeDirectory()
    this.#segment = this.#newSegment()
    return this.#segment
  }

  #newSegment(): SegmentFile {
    return new SegmentFile(join(this.#directory, segmentName(this.#nextOffset)), 0, this.#options)
  }

  /** Goes on in a segment that begins with the newest record of each key; offsets are kept. */
  async #compact(old: SegmentFile): Promise<SegmentFile> {
    for (const [key, record] of this.#newest) if (this.#options.isOver(record)) this.#newest.delete(key)
    const bytes = encodeState(this.#options.partition, inOrder(this.#newest))
    this.#compactAtBytes = Math.max(this.#options.compactBytes, 2 * Math.max(bytes.length, old.goodBytes))
    const path = join(this.#directory, segmentName(this.#nextOffset))
    try {
      this.#segment = await writeWholeSegment(path, bytes, this.#options)
    } catch (error) {
      // A full disk must not keep a stop or an alert from the log: the old segment still takes it.
      if (error instanceof ToolwardenError) return old
      throw error
    }
    this.#compactAtBytes = Math.max(this.#options.compactBytes, 2 * bytes.length)
    this.#replaced.push(old.path)
    await old.close()
    return this.#segment
  }
}
