// What the gateways of one client tell each other (gateway/hold-lane.ts): a small file each, in a directory of their session in
// the data directory. Written before an answer is released and read before a risky call is decided, both within one turn of
// the event loop: a file that the page cache has costs some microseconds, and neither waits for a disk.
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { JudgedPosition } from '../events/control-record.ts'
import { describeError, systemCode } from '../events/errors.ts'
import { derivedId } from '../events/time.ts'
import { MAX_UNJUDGED_MS, type Siblings } from '../gateway/hold-lane.ts'

/** More gateways of one client than that are not read; what they told is then not known. */
const MAX_FILES = 200
/** What is said, padded, stands twice in a file: who reads while another writes sees that the halves differ. */
const HALF_BYTES = 256
/** So often a file is read that is being written. */
const MAX_READS = 3
/** Files of gateways that were killed are swept then; a gateway that runs on makes its own anew. */
const MAX_FILE_AGE_MS = 24 * 60 * 60 * 1000
/** Soon enough after the start, and not while a client waits for it. */
const SWEEP_DELAY_MS = 10_000

/** What sibling files work with. */
export interface SiblingFilesOptions {
  readonly data: string
  /** As configured: detectors of another log never judge what is told here. */
  readonly log?: string | undefined
  /** Of the connection, not of a call: what a client names by call says nothing of who it is. */
  readonly session: string
  /** Wall-clock time, milliseconds: monotonic clocks of two processes say nothing to each other. */
  readonly nowMs: () => number
  /** For people. */
  readonly warn: (text: string) => void
}

/** The directory of all sessions. */
function toldDirectory(data: string): string {
  return join(data, 'told')
}

/** The files of one client's gateways, seen from one of them. */
export class SiblingFiles implements Siblings {
  readonly #options: SiblingFilesOptions
  readonly #directory: string
  /** Names of the files that this process writes. */
  readonly #own = new Set<string>()
  readonly #timer: NodeJS.Timeout
  #toldMs = 0
  #hasWarned = false

  constructor(options: SiblingFilesOptions) {
    this.#options = options
    this.#directory = join(toldDirectory(options.data), derivedId(options.log ?? '', options.session).slice(0, 32))
    this.#timer = setTimeout(() => this.sweep(), SWEEP_DELAY_MS)
    this.#timer.unref()
  }

  tell({ chain, sequence }: JudgedPosition): boolean {
    const name = encodeURIComponent(chain)
    this.#own.add(name)
    this.#toldMs = this.#options.nowMs()
    const half = `${JSON.stringify([sequence, this.#toldMs, chain])}`.padEnd(HALF_BYTES)
    try {
      this.#write(join(this.#directory, name), half + half)
      return true
    } catch (error) {
      this.#warnOnce(error)
      return false
    }
  }

  told(): readonly JudgedPosition[] | undefined {
    try {
      const names = readdirSync(this.#directory).filter((name) => !this.#own.has(name))
      if (names.length > MAX_FILES) return undefined
      const sinceMs = this.#options.nowMs() - MAX_UNJUDGED_MS
      return names
        .map((name) => readTold(join(this.#directory, name)))
        .filter((told) => told !== undefined)
        .filter(({ atMs }) => atMs >= sinceMs)
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return []
      this.#warnOnce(error)
      return undefined
    }
  }

  /** The client is gone. What it was told last may not be judged yet, and its other gateways go on: then the file stays. */
  end(): void {
    clearTimeout(this.#timer)
    if (this.#options.nowMs() - this.#toldMs <= MAX_UNJUDGED_MS) return
    try {
      for (const name of this.#own) rmSync(join(this.#directory, name), { force: true })
      removeIfEmpty(this.#directory)
    } catch (error) {
      this.#warnOnce(error)
    }
  }

  /** Takes the files of gateways that were killed long ago, of all sessions. */
  sweep(): void {
    try {
      removeOlder(toldDirectory(this.#options.data), this.#options.nowMs() - MAX_FILE_AGE_MS)
    } catch (error) {
      this.#warnOnce(error)
    }
  }

  #write(path: string, text: string): void {
    const file = this.#open(path)
    try {
      const written = writeSync(file, text, 0)
      if (written !== text.length) throw new Error(`${written} of ${text.length} bytes were written to ${path}`)
    } finally {
      closeSync(file)
    }
  }

  /** Each time by its path: a sweep may have taken it. */
  #open(path: string): number {
    const open = (): number => openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600)
    try {
      return open()
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      return open()
    }
  }

  #warnOnce(error: unknown): void {
    if (!this.#hasWarned)
      this.#options.warn(`gateways of one client can't tell each other of results: ${describeError(error)}`)
    this.#hasWarned = true
  }
}

/** Undefined where nothing was written yet, or the file is gone. Throws where it can't be read one way only. */
function readTold(path: string): (JudgedPosition & { readonly atMs: number }) | undefined {
  for (let read = 0; read < MAX_READS; read++) {
    const text = readIfThere(path)
    if (text === '') return undefined
    const half = text.slice(0, HALF_BYTES)
    if (text !== half + half) continue
    const [sequence, atMs, chain] = JSON.parse(half) as readonly unknown[]
    if (typeof sequence !== 'number' || typeof atMs !== 'number' || typeof chain !== 'string') break
    return { chain, sequence, atMs }
  }
  throw new Error(`${path} is not what a gateway wrote`)
}

/** Written and read within one call; a byte more than a file has, so that a longer one is noticed. */
const SCRATCH = Buffer.alloc(2 * HALF_BYTES + 1)

function readIfThere(path: string): string {
  try {
    const file = openSync(path, constants.O_RDONLY)
    try {
      return SCRATCH.toString('latin1', 0, readSync(file, SCRATCH, 0, SCRATCH.length, 0))
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return ''
    throw error
  }
}

function removeOlder(directory: string, beforeMs: number): void {
  for (const session of namesIn(directory)) {
    const folder = join(directory, session)
    for (const name of namesIn(folder)) {
      const path = join(folder, name)
      const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: beforeMs }
      if (mtimeMs < beforeMs) rmSync(path, { force: true })
    }
    removeIfEmpty(folder)
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory)
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '')) throw error
  }
}
