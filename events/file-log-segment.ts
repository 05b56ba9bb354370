// The writer's end of one segment file: bytes after the last acknowledged one are rewritten, never trusted.
// After any failure the file is opened anew by its path and cut back, since a failed fdatasync marks its pages clean.
import { constants, fstatSync, write } from 'node:fs'
import { type FileHandle, open, rename, stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemCode, ToolwardenError } from './errors.ts'
import { syncDirectory } from './file-log-paths.ts'

/** The steps of an append at which a test may make the disk fail or hang. */
export type FaultStep = 'open' | 'write' | 'sync' | 'synced'

/** How a segment is written. */
export interface SegmentOptions {
  /** True when an acknowledged append survives a power cut, false when it survives the end of the process only. */
  readonly durable: boolean
  /** Called before each step (`synced`: after the sync); what it throws counts as the step's own failure. */
  readonly fault?: ((step: FaultStep) => Promise<void> | void) | undefined
}

const FILE_MODE = 0o600
/** A file that nobody appends to is closed after this long: an open one keeps its file system from being remounted. */
const REST_AFTER_MS = 20
/**
 * Types of file systems (statfs(2)) on which a write to a file opened with O_DSYNC is a write and an fdatasync in one:
 * ext4, XFS, btrfs. Others (FUSE, 9p) may pass over the flag, and macOS stops at the drive's cache: they are synced apart.
 */
const SYNCED_WRITE_TYPES: ReadonlySet<number> = new Set([0xef53, 0x58465342, 0x9123683e])

/** One segment file that a chain's writer appends to, one append at a time. */
export class SegmentFile {
  readonly path: string
  readonly #options: SegmentOptions
  /** Open only while #sound, and closed at rest; a handle that saw a failure is closed before the next one is opened. */
  #handle: FileHandle | undefined
  /** Set by append() when it is done, cleared when it begins. */
  #restTimer: NodeJS.Timeout | undefined
  /** The length after the last acknowledged append; grows only in append(). */
  #goodBytes: number
  #sound = false
  /** Whether a write is durable by itself; asked of the file system once, when the file is first opened. */
  #isWriteSynced: boolean | undefined

  constructor(path: string, goodBytes: number, options: SegmentOptions) {
    this.path = path
    this.#goodBytes = goodBytes
    this.#options = options
  }

  get goodBytes(): number {
    return this.#goodBytes
  }

  /**
   * Adds bytes; `begin` is called when they are about to be written. LOG_FULL and LOG_UNAVAILABLE: a reader can't have
   * seen them. LOG_IN_DOUBT: it may have.
   */
  async append(bytes: Buffer, begin: () => void): Promise<void> {
    clearTimeout(this.#restTimer)
    const handle = await this.#openHandle()
    begin()
    this.#sound = false
    try {
      await this.#write(handle, bytes)
      await this.#sync(handle)
    } catch (error) {
      await this.#forsake()
      throw error
    }
    this.#goodBytes += bytes.length
    this.#sound = true
    this.#restTimer = setTimeout(() => this.#rest(), REST_AFTER_MS).unref()
  }

  /** False before the first append and after a failed one: the file has to be looked at before it is written again. */
  get isSound(): boolean {
    return this.#sound
  }

  /** True when the file was closed since nobody appended: meanwhile it may have been removed. */
  get isAtRest(): boolean {
    return this.#sound && this.#handle === undefined
  }

  /** True when a file with acknowledged bytes is no longer there. */
  async isMissing(): Promise<boolean> {
    if (this.#goodBytes === 0) return false
    try {
      await stat(this.path)
      return false
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return true
      throw nothingWritten(this.path, error)
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#restTimer)
    const handle = this.#handle
    this.#handle = undefined
    this.#sound = false
    await handle?.close()
  }

  /** At once, not at the next append: an open file keeps a broken disk from being unmounted and repaired. */
  async #forsake(): Promise<void> {
    // Nothing in the file is trusted after a failure, whatever closing says.
    await this.close().catch(() => undefined)
  }

  #rest(): void {
    const handle = this.#handle
    this.#handle = undefined
    // Every byte was confirmed: whatever closing says, nothing is lost by it.
    handle?.close().catch(() => undefined)
  }

  async #openHandle(): Promise<FileHandle> {
    if (this.#sound && this.#handle !== undefined) return this.#handle
    // The name of a file at rest is durable already.
    const isNamed = this.#sound
    try {
      await this.close()
      await this.#options.fault?.('open')
      const create = this.#goodBytes === 0 ? constants.O_CREAT : 0
      this.#isWriteSynced ??= this.#options.durable && (await hasSyncedWrites(dirname(this.path)))
      const synced = this.#isWriteSynced ? constants.O_DSYNC : 0
      this.#handle = await open(this.path, constants.O_RDWR | create | synced, FILE_MODE)
      await this.#cutBack(this.#handle)
      if (this.#options.durable && !isNamed) await syncDirectory(dirname(this.path))
    } catch (error) {
      await this.#forsake()
      throw error instanceof ToolwardenError ? error : nothingWritten(this.path, error)
    }
    this.#sound = true
    return this.#handle
  }

  async #cutBack(handle: FileHandle): Promise<void> {
    const { size } = await handle.stat()
    if (size > this.#goodBytes) await handle.truncate(this.#goodBytes)
    if (size >= this.#goodBytes) return
    throw new ToolwardenError('LOG_CORRUPT', 'acknowledged records have vanished from the event log', {
      where: `${this.path}: ${size} bytes, ${this.#goodBytes} were acknowledged`,
      fix: 'Find out who shortens files there; a restart of this program begins a new chain.',
    })
  }

  async #write(handle: FileHandle, bytes: Buffer): Promise<void> {
    let written = 0
    try {
      await this.#options.fault?.('write')
      while (written < bytes.length) {
        const count = await writeAt(handle.fd, bytes.subarray(written), this.#goodBytes + written)
        if (count === 0) throw new Error('the file system wrote nothing')
        written += count
      }
    } catch (cause) {
      // A synced write may fail after it has written: then a reader may have seen the frame.
      if (this.#isWriteSynced === true && fstatSync(handle.fd).size >= this.#goodBytes + bytes.length)
        throw inDoubt(this.path, cause)
      // The whole frame was never in the file, so once what is there of it is cut off nobody can have read it.
      await handle.truncate(this.#goodBytes).catch((error: unknown) => {
        throw inDoubt(this.path, new AggregateError([cause, error], 'neither written nor cut back'))
      })
      throw nothingWritten(this.path, cause)
    }
  }

  async #sync(handle: FileHandle): Promise<void> {
    try {
      await this.#options.fault?.('sync')
      if (this.#options.durable && this.#isWriteSynced !== true) await handle.datasync()
      await this.#options.fault?.('synced')
      // A file deleted under its writer still takes writes, which nobody will ever read. Asked at once, without a thread:
      // the open file's entry is in memory, and a thread costs more than all else that is done for an append.
      if (fstatSync(handle.fd).nlink === 0) throw new Error('the file was deleted while it was written')
    } catch (cause) {
      throw inDoubt(this.path, cause)
    }
  }
}

/** False on everything but Linux: only there a synced write reaches the disk itself. */
async function hasSyncedWrites(directory: string): Promise<boolean> {
  return process.platform === 'linux' && SYNCED_WRITE_TYPES.has((await statfs(directory)).type)
}

/** Bytes written. With a callback: a promise of a file handle's own costs as much as a small append. */
function writeAt(fd: number, bytes: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, 0, bytes.length, position, (error, count) => (error === null ? resolve(count) : reject(error)))
  })
}

/** Makes a segment that appears under its name only when it is complete; its name is durable after the first append to it. */
export async function writeWholeSegment(path: string, bytes: Buffer, options: SegmentOptions): Promise<SegmentFile> {
  const unfinished = `${path}.new`
  try {
    await options.fault?.('open')
    const handle = await open(unfinished, 'w', FILE_MODE)
    try {
      await handle.writeFile(bytes)
      if (options.durable) await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(unfinished, path)
  } catch (error) {
    throw nothingWritten(path, error)
  }
  return new SegmentFile(path, bytes.length, options)
}

/** LOG_FULL or LOG_UNAVAILABLE for a foreign error before which nothing was written. */
export function nothingWritten(where: string, cause: unknown): ToolwardenError {
  const code = systemCode(cause)
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
    const fix = 'Free some space or raise the quota; nothing was lost, the writer goes on by itself.'
    return new ToolwardenError('LOG_FULL', `the disk of the event log is full (${code})`, {
      where,
      fix,
      cause,
      retriable: true,
    })
  }
  return new ToolwardenError('LOG_UNAVAILABLE', `the event log can't be written (${code ?? 'unknown error'})`, {
    where,
    fix: 'Check that the directory is there, writable, and on a disk that works.',
    cause,
    retriable: true,
  })
}

/** LOG_IN_DOUBT: the bytes may be in the log, now or later. */
export function inDoubt(where: string, cause: unknown): ToolwardenError {
  return new ToolwardenError(
    'LOG_IN_DOUBT',
    `the event log did not confirm an append (${systemCode(cause) ?? 'no answer'})`,
    {
      where,
      fix: 'The same bytes are repeated until they are confirmed; check the disk if that does not end.',
      cause,
      retriable: true,
    },
  )
}
