// The writing end of one direction: a slow reader slows its source down instead of filling memory.
import type { Writable } from 'node:stream'
import type { Tap } from './tap.ts'

/** Where an outlet writes to, and whom it slows down. */
export interface OutletOptions {
  readonly stream: Writable
  /** Shut as soon as the reader is behind. */
  readonly source: Tap
  /** Shut when more than `maxUnreadBytes` wait: the other peer, whose lines are answered here with refusals. */
  readonly other?: Tap
  readonly maxUnreadBytes?: number
}

/** How many bytes may wait for a client before its own lines wait too. Below it a client may write on before it reads. */
const MAX_UNREAD_BYTES = 32 * 1024 * 1024

/** Writes in order; knows when everything is written. */
export class Outlet {
  readonly #options: OutletOptions
  /** Set while the reader is behind; one pair of listeners serves all writes until then. */
  #isBehind = false
  /** Set from the first write of a turn until its end: answers that one commit has released leave together. */
  #isCorked = false

  constructor(options: OutletOptions) {
    this.#options = options
    const caughtUp = (): void => this.#caughtUp()
    // A reader that is gone never catches up: its source flows on, to be recorded.
    options.stream.on('drain', caughtUp).on('close', caughtUp)
  }

  /** False where the reader is gone. */
  write(bytes: Buffer | string): boolean {
    const { stream, source, other, maxUnreadBytes = MAX_UNREAD_BYTES } = this.#options
    if (!stream.writable) return false
    this.#cork()
    if (stream.write(bytes)) return true
    this.#isBehind = true
    source.shut('reader')
    if (stream.writableLength > maxUnreadBytes) other?.shut('unread')
    return true
  }

  /** Resolves when everything was handed to the reader, or the reader is gone. */
  async flushed(): Promise<void> {
    const { stream } = this.#options
    if (!stream.writable) return
    await new Promise<void>((resolve) => {
      stream.write('', () => resolve())
    })
  }

  #cork(): void {
    if (this.#isCorked) return
    this.#isCorked = true
    const { stream } = this.#options
    stream.cork()
    process.nextTick(() => {
      this.#isCorked = false
      stream.uncork()
    })
  }

  #caughtUp(): void {
    if (!this.#isBehind) return
    this.#isBehind = false
    this.#options.source.open('reader')
    this.#options.other?.open('unread')
  }
}
