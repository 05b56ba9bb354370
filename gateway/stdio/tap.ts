// Slows a peer down: what it sends stays in the pipe, and so with it, while the gateway has too much of it in hand.
import type { Readable } from 'node:stream'

/** Lets a stream flow while nobody has a reason to stop it. */
export class Tap {
  readonly #stream: Readable
  /** Who has shut it, and not opened it since. */
  readonly #reasons = new Set<string>()

  constructor(stream: Readable) {
    this.#stream = stream
  }

  /** Stops the stream until every reason is taken back. */
  shut(reason: string): void {
    if (this.#reasons.size === 0) this.#stream.pause()
    this.#reasons.add(reason)
  }

  /** Takes one reason back. */
  open(reason: string): void {
    if (this.#reasons.delete(reason) && this.#reasons.size === 0) this.#stream.resume()
  }
}

/** Counts the bytes of a peer that are in hand, and shuts its tap above a limit. */
export class HeldBytes {
  readonly #tap: Tap
  readonly #limit: number
  #bytes = 0

  constructor(tap: Tap, limit: number) {
    this.#tap = tap
    this.#limit = limit
  }

  /** Counts bytes until the work is done, however it ends. */
  async during(bytes: number, work: Promise<void>): Promise<void> {
    this.#bytes += bytes
    if (this.#bytes > this.#limit) this.#tap.shut('held')
    try {
      await work
    } finally {
      this.#bytes -= bytes
      if (this.#bytes <= this.#limit) this.#tap.open('held')
    }
  }
}
