// Keeps the last of the disk for receipts: proposals are refused while there is still room to record how calls ended.
// The free space is asked at most every REFRESH_MS, in the background where it can be.
import { statfs } from 'node:fs/promises'
import { systemCode, ToolwardenError } from './errors.ts'
import { makeDirectory } from './file-log-paths.ts'

/** The free disk kept for receipts, bytes; on small file systems RESERVE_SHARE of their size. */
export const RESERVE_BYTES = 64 * 1024 * 1024
/** The largest part of a file system that the reserve may take. */
const RESERVE_SHARE = 0.1
const REFRESH_MS = 250

interface FreeSpace {
  readonly atMs: number
  /** What is free beyond the reserve; this process's own writes count at once, those of others at the next refresh. */
  spareBytes: number
}

/** The free space of the file system of one directory. */
export class DiskReserve {
  readonly #directory: string
  readonly #reserveBytes: number
  /** The last answer of the file system; replaced by #refresh only. */
  #space: FreeSpace | undefined
  #refreshing: Promise<FreeSpace> | undefined

  constructor(directory: string, reserveBytes: number) {
    this.#directory = directory
    this.#reserveBytes = reserveBytes
  }

  /** Throws LOG_FULL when writing `bytes` would eat into the reserve. */
  async check(bytes: number): Promise<void> {
    const space = await this.#current()
    if (space.spareBytes >= bytes) return this.note(bytes)
    throw new ToolwardenError(
      'LOG_FULL',
      'the disk of the event log is nearly full; what is left is kept for receipts',
      {
        where: this.#directory,
        fix: `Free some space: df ${this.#directory}`,
        retriable: true,
      },
    )
  }

  /** Counts bytes that are about to be written. */
  note(bytes: number): void {
    if (this.#space !== undefined) this.#space.spareBytes -= bytes
  }

  async #current(): Promise<FreeSpace> {
    const ageMs = this.#space === undefined ? Number.POSITIVE_INFINITY : performance.now() - this.#space.atMs
    if (this.#space === undefined || ageMs > REFRESH_MS) return this.#refresh()
    // Half-way to its end the answer is renewed without anyone waiting; a failure shows when someone does wait.
    if (ageMs > REFRESH_MS / 2) this.#refresh().catch(() => undefined)
    return this.#space
  }

  #refresh(): Promise<FreeSpace> {
    this.#refreshing ??= this.#ask().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async #ask(): Promise<FreeSpace> {
    const { bavail, blocks, bsize } = await statfs(this.#directory).catch(async (error: unknown) => {
      if (systemCode(error) !== 'ENOENT') throw error
      await makeDirectory(this.#directory, true)
      return statfs(this.#directory)
    })
    const reserved = Math.min(this.#reserveBytes, blocks * bsize * RESERVE_SHARE)
    this.#space = { atMs: performance.now(), spareBytes: bavail * bsize - reserved }
    return this.#space
  }
}
