// The only writer of one chain: one append in flight, one write and one fdatasync each, under a deadline.
// A frame whose fate the caller has not been told is kept and only ever written again byte for byte, at the same place:
// a reader that saw it before a failed sync stays right.
import { ToolwardenError } from './errors.ts'
import { ChainSegments, type ChainSegmentsOptions } from './file-log-chain-segments.ts'
import type { DiskReserve } from './file-log-disk-reserve.ts'
import { encodeFrame, type Frame, MAX_FRAME_BYTES } from './file-log-frame.ts'
import { chainDirectory } from './file-log-paths.ts'
import { inDoubt, nothingWritten } from './file-log-segment.ts'
import {
  type AppendOptions,
  type LogRecord,
  MAX_APPEND_BYTES,
  type Position,
  recordBytes,
  type StoredRecord,
} from './log.ts'

/** How a chain is written. */
export interface ChainWriterOptions extends ChainSegmentsOptions {
  readonly reserve: DiskReserve
  readonly now: () => number
}

/** A frame that was about to be written. */
interface Pending {
  readonly frame: Frame
  readonly bytes: Buffer
  readonly stored: readonly StoredRecord[]
  /** True once the disk confirmed it. */
  landed: boolean
  /** True once the caller was told that its fate is unknown. */
  doubted: boolean
}

/** One call of append; the file work may outlive it. */
interface Attempt {
  readonly records: readonly LogRecord[]
  readonly mayUseReserve: boolean
  /** Set at the deadline: nothing may be written for this attempt that was not begun. */
  abandoned: boolean
  writing: boolean
}

/** Appends to one chain's directory. */
export class ChainFileWriter {
  readonly #options: ChainWriterOptions
  readonly #where: string
  readonly #segments: ChainSegments
  /** Set when writing begins, cleared when the caller was told the outcome; while it stands nothing else is written. */
  #pending: Pending | undefined
  /** The file work of all attempts so far: at most one touches the files. */
  #work: Promise<unknown> = Promise.resolve()
  #isAppending = false

  constructor(options: ChainWriterOptions) {
    this.#options = options
    this.#where = chainDirectory(options.root, options.topic, options.partition)
    this.#segments = new ChainSegments(options)
  }

  /** Writes one frame; see EventLog.append for what the errors promise. */
  async append(records: readonly LogRecord[], options: AppendOptions): Promise<readonly Position[]> {
    checkSize(records, this.#where)
    if (records.length === 0) return []
    if (this.#isAppending) {
      throw new ToolwardenError('INTERNAL', 'two appends of one chain at the same time', { where: this.#where })
    }
    this.#isAppending = true
    const attempt = { records, mayUseReserve: options.mayUseReserve ?? false, abandoned: false, writing: false }
    try {
      return await this.#withDeadline(
        this.#enqueue(() => this.#commit(attempt)),
        attempt,
        options.deadlineMs,
      )
    } catch (error) {
      throw this.#outcome(error)
    } finally {
      this.#isAppending = false
    }
  }

  /** Ends the chain with a seal, so that readers stop watching it; without one (disk full, in doubt) they just go on. */
  async close(deadlineMs: number): Promise<void> {
    const attempt = { records: [], mayUseReserve: true, abandoned: false, writing: false }
    const work = this.#enqueue(async () => {
      const isOpen = this.#pending === undefined || this.#pending.landed
      if (isOpen) await this.#segments.seal(this.#time()).catch(() => undefined)
      await this.#segments.close()
    })
    await this.#withDeadline(work, attempt, deadlineMs).catch(() => undefined)
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const running = this.#work.then(work)
    this.#work = running.catch(() => undefined)
    return running
  }

  async #withDeadline<T>(work: Promise<T>, attempt: Attempt, deadlineMs: number): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const deadline = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        attempt.abandoned = true
        const cause = new Error(`no answer from the disk within ${deadlineMs} ms`)
        reject(attempt.writing ? inDoubt(this.#where, cause) : nothingWritten(this.#where, cause))
      }, deadlineMs)
    })
    try {
      return await Promise.race([work, deadline])
    } finally {
      clearTimeout(timer)
    }
  }

  async #commit(attempt: Attempt): Promise<readonly Position[]> {
    if (attempt.abandoned) throw nothingWritten(this.#where, new Error('the deadline passed before the write'))
    const pending = this.#pending
    if (pending !== undefined && !this.#isSame(pending, attempt.records)) {
      throw new ToolwardenError('INTERNAL', 'another append was made while one is in doubt', { where: this.#where })
    }
    if (pending === undefined) await this.#checkReserve(attempt)
    if (pending?.landed !== true) await this.#write(attempt)
    const landed = this.#pending
    // The caller of an abandoned attempt was told that it is in doubt, and comes back for the answer.
    if (!attempt.abandoned) this.#pending = undefined
    return landed?.stored.map((record) => record.position) ?? []
  }

  async #write(attempt: Attempt): Promise<void> {
    const segment = await this.#segments.prepare(this.#pending === undefined)
    const pending = this.#pending ?? this.#encode(attempt.records)
    await segment.append(pending.bytes, () => {
      if (attempt.abandoned) throw nothingWritten(this.#where, new Error('the deadline passed before the write'))
      attempt.writing = true
      this.#pending = pending
    })
    pending.landed = true
    this.#segments.acknowledge(pending.stored)
    // Not awaited by the append: the next one waits for it.
    this.#enqueue(() => this.#segments.removeReplaced()).catch(() => undefined)
  }

  #encode(records: readonly LogRecord[]): Pending {
    const { topic, partition } = this.#options
    const frame: Frame = { kind: 'records', timeMs: this.#time(), firstOffset: this.#segments.nextOffset, records }
    const stored = records.map((record, index) => {
      return { timeMs: frame.timeMs, position: { topic, partition, offset: frame.firstOffset + index }, ...record }
    })
    return { frame, bytes: encodeFrame(partition, frame), stored, landed: false, doubted: false }
  }

  #isSame(pending: Pending, records: readonly LogRecord[]): boolean {
    return encodeFrame(this.#options.partition, { ...pending.frame, records }).equals(pending.bytes)
  }

  /** The log's time never goes back within a chain, so that "newer" means the same by time and by offset. */
  #time(): number {
    return Math.max(this.#options.now(), this.#segments.newestTimeMs)
  }

  async #checkReserve(attempt: Attempt): Promise<void> {
    const { reserve } = this.#options
    const bytes = attempt.records.reduce((sum, record) => sum + recordBytes(record), 0)
    if (attempt.mayUseReserve) return reserve.note(bytes)
    try {
      await reserve.check(bytes)
    } catch (error) {
      throw error instanceof ToolwardenError ? error : nothingWritten(this.#where, error)
    }
  }

  /** What the caller is told: while an earlier attempt is in doubt, a failed repeat proves nothing about it. */
  #outcome(error: unknown): unknown {
    if (!(error instanceof ToolwardenError)) return error
    const pending = this.#pending
    if (error.code === 'LOG_IN_DOUBT' && pending !== undefined) pending.doubted = true
    if (error.code !== 'LOG_UNAVAILABLE' && error.code !== 'LOG_FULL') return error
    if (pending?.doubted === true) return inDoubt(this.#where, error)
    this.#pending = undefined
    return error
  }
}

function checkSize(records: readonly LogRecord[], where: string): void {
  const bytes = records.reduce((sum, record) => sum + recordBytes(record), 0)
  // What lengths and counts add is small but not bounded by the bytes: a record may be empty.
  const headers = records.reduce((sum, record) => sum + Object.keys(record.headers).length, 0)
  const overhead = records.length * RECORD_OVERHEAD_BYTES + headers * HEADER_OVERHEAD_BYTES
  if (bytes <= MAX_APPEND_BYTES && bytes + overhead < MAX_FRAME_BYTES - 1024) return
  throw new ToolwardenError(
    'RECORD_TOO_LARGE',
    `an append of ${bytes} bytes in ${records.length} records is too large`,
    {
      where,
      fix: `Append at most ${MAX_APPEND_BYTES} bytes together.`,
    },
  )
}

const RECORD_OVERHEAD_BYTES = 12
const HEADER_OVERHEAD_BYTES = 8
