// Work that a running ledger does once it has caught up and then every hour, one time after the other, until its owner stops it.

const EVERY_MS = 60 * 60 * 1000

/** What is done, and when it may begin. */
export interface HourlyWorkOptions {
  /** Resolves when the ledger has stored what stood in the log at its start. Where that fails, the ledger tells it and ends. */
  readonly caughtUp: Promise<void>
  /** Done once, before the first time; never rejects. */
  readonly begin?: () => Promise<void>
  /** Never rejects: nobody waits for it, so it tells what goes wrong. */
  readonly run: () => Promise<void>
}

/** Runs by itself. */
export class HourlyWork {
  readonly #run: () => Promise<void>
  readonly #timer: NodeJS.Timeout
  readonly #stopping = new AbortController()
  #running: Promise<void>

  constructor({ caughtUp, begin, run }: HourlyWorkOptions) {
    this.#run = run
    const { signal } = this.#stopping
    // Where the ledger is stopped before, it never catches up.
    const stopped = new Promise<boolean>((resolve) => signal.addEventListener('abort', () => resolve(false)))
    const ready = caughtUp.then(
      () => true,
      () => false,
    )
    this.#running = Promise.race([ready, stopped]).then((isReady) => (isReady ? this.#first(begin) : undefined))
    this.#timer = setInterval(() => {
      this.#running = this.#running.then(() => this.#next())
    }, EVERY_MS).unref()
  }

  get isStopping(): boolean {
    return this.#stopping.signal.aborted
  }

  /** Resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    clearInterval(this.#timer)
    await this.#running
  }

  async #first(begin: () => Promise<void> = async () => undefined): Promise<void> {
    await begin()
    await this.#next()
  }

  async #next(): Promise<void> {
    if (!this.isStopping) await this.#run()
  }
}
