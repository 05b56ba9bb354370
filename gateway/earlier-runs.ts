// Beside the calls of a run: it makes itself known as one that lives, and ends what dead runs of the same writer have left.
import type { ChainWriter } from '../events/chain-writer.ts'
import type { LeftSpool, Spool } from '../events/spool.ts'
import { closeDeadRuns, type DeadRunsOptions } from './close-dead-runs.ts'
import { pause } from './pause.ts'

/** How long after a failure it is tried again. */
const RETRY_MS = 1_000
/** How long a run that ends waits for what it does about dead ones. */
const END_WAIT_MS = 500

/** What a run needs for it. */
export interface EarlierRunsOptions extends Pick<DeadRunsOptions, 'writer' | 'eventLog' | 'log' | 'trust'> {
  readonly chainWriter: ChainWriter
  readonly spool: Spool | undefined
  readonly spoolRoot: string | undefined
  readonly fail: (error: unknown) => void
  readonly warn: (text: string) => void
}

/** No call waits for it. */
export class EarlierRuns {
  readonly #options: EarlierRunsOptions
  readonly #ending = new AbortController()
  readonly #closed: Promise<void>

  constructor(options: EarlierRunsOptions) {
    this.#options = options
    // Where the spool can't be used, answers wait for the log.
    options.spool?.begin(options.chainWriter.instance).catch(options.fail)
    this.#closed = this.#close()
  }

  /** Leaves what is not done to the next start. */
  async end(): Promise<void> {
    this.#ending.abort()
    await Promise.race([this.#closed, pause(END_WAIT_MS)])
  }

  /** Tried until the log takes it; said once when it does not. */
  async #close(): Promise<void> {
    const { spoolRoot, chainWriter, fail, warn, ...options } = this.#options
    const { signal } = this.#ending
    const refused = ({ directory }: LeftSpool, reason: string): void => warn(`not taken from ${directory}: ${reason}`)
    const append: DeadRunsOptions['append'] = (entries) => chainWriter.append(entries, { patient: true })
    for (let tries = 0; spoolRoot !== undefined && !signal.aborted; tries++) {
      try {
        await closeDeadRuns({ ...options, spoolRoot, append, refused, signal })
        return
      } catch (error) {
        if (tries === 0 && !signal.aborted) fail(error)
        await pause(RETRY_MS)
      }
    }
  }
}
