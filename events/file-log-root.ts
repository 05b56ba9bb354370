// Which file system the log's root is on: an unmounted disk leaves an empty directory, and what is written there is hidden
// once the disk is back.
import { stat } from 'node:fs/promises'
import { systemCode, ToolwardenError } from './errors.ts'

/** The root of one log, as this process found it first. */
export class LogRoot {
  readonly #directory: string
  /** Set by the first check that finds the directory; never changed. */
  #device: number | undefined

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Remembers the file system at the first call; throws LOG_UNAVAILABLE when it is another one later. */
  async check(): Promise<void> {
    const device = await this.#findDevice()
    this.#device ??= device
    if (device === undefined || device === this.#device) return
    throw new ToolwardenError('LOG_UNAVAILABLE', 'the event log is on another file system than before', {
      where: this.#directory,
      fix: `Mount its disk again, or start this program anew if the log was moved: findmnt -T ${this.#directory}`,
      retriable: true,
    })
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
