// Which directory the log is in: an unmounted disk leaves an empty one, and what is written there is hidden once the disk is
// back. While a process runs the file system must stay the same; from one start to the next a mark in the root tells.
import { randomUUID } from 'node:crypto'
import { link, open, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode, ToolwardenError } from './errors.ts'
import { makeDirectory } from './file-log-paths.ts'

/** The mark in the root; the same text is kept where the installation remembers its log. */
const MARK = 'log.id'
const MARK_BYTES = 36

/** The root of one log, as this process found it first. */
export class LogRoot {
  readonly #directory: string
  /** Where it is remembered which log was used before; without it only the file system is compared. */
  readonly #memory: string | undefined
  /** Set by the first check that finds the directory; never changed. */
  #device: number | undefined
  /** True once the mark was found, or made. */
  #isKnown: boolean

  constructor(directory: string, memory?: string) {
    this.#directory = directory
    this.#memory = memory
    this.#isKnown = memory === undefined
  }

  /** Throws LOG_UNAVAILABLE where the directory is not that of the log: its disk is not mounted. */
  async check(): Promise<void> {
    if (!this.#isKnown) await this.#checkMark(this.#memory ?? '')
    const device = await this.#findDevice()
    this.#device ??= device
    if (device === undefined || device === this.#device) return
    throw new ToolwardenError('LOG_UNAVAILABLE', 'the event log is on another file system than before', {
      where: this.#directory,
      fix: `Mount its disk again, or start this program anew if the log was moved: findmnt -T ${this.#directory}`,
      retriable: true,
    })
  }

  /** Marks a log at its first use. The mark comes first: whoever starts at the same moment remembers the one that is there. */
  async #checkMark(memory: string): Promise<void> {
    const remembered = await readMark(memory)
    const present = await readMark(join(this.#directory, MARK))
    if (remembered !== undefined && remembered !== present)
      throw new ToolwardenError('LOG_UNAVAILABLE', 'the event log is not where it was: this directory is not its own', {
        where: this.#directory,
        fix: `Mount its disk (findmnt -T ${this.#directory}); to begin a new log on purpose, remove ${memory}`,
        retriable: true,
      })
    if (present === undefined) await this.#mark()
    if (remembered === undefined) await writeMark(memory, (await readMark(join(this.#directory, MARK))) ?? '')
    this.#isKnown = true
  }

  async #mark(): Promise<void> {
    await makeDirectory(this.#directory, true)
    await writeMark(join(this.#directory, MARK), randomUUID())
  }

  async #findDevice(): Promise<number | undefined> {
    try {
      return (await stat(this.#directory)).dev
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
  }
}

async function readMark(path: string): Promise<string | undefined> {
  try {
    const text = await readFile(path, 'utf8')
    return text.length === MARK_BYTES ? text : undefined
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Written aside and linked: it appears whole or not at all, and the first one stays. */
async function writeMark(path: string, text: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`
  const file = await open(aside, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
    await link(aside, path)
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
  } finally {
    await file.close()
    await rm(aside, { force: true })
  }
}
