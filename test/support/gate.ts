// A gate that a test closes to make something hang, and opens to let it go on.

/** Lets callers of pass() through while it is open. */
export class Gate {
  #closed: Promise<void> | undefined
  #release: () => void = () => undefined
  /** How many callers came to the closed gate; a test can wait for one. */
  arrivals = 0

  close(): void {
    this.#closed = new Promise((resolve) => {
      this.#release = resolve
    })
  }

  open(): void {
    this.#closed = undefined
    this.#release()
  }

  async pass(): Promise<void> {
    if (this.#closed === undefined) return
    this.arrivals += 1
    await this.#closed
  }
}
