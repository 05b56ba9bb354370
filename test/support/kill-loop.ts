// Kills a gateway and an `up` in turn at seeded random moments while a client keeps several calls under way, and starts
// each again at once. What the client was told is kept, to be compared with the record afterwards.
import type { CallClient } from './call-client.ts'
import type { RunningCommand } from './command.ts'
import type { Pipeline } from './pipeline.ts'
import { seededRandom } from './random.ts'

/** How long a caller waits before its next call at most. */
const MAX_THOUGHT_MS = 60
const CALLS_AT_ONCE = 6
/** One call in so many is one that the policy denies. */
const DENIED_EVERY = 10
const READY = /API\s+http/

/** Numbers of calls, by what the client was told. */
export interface Told {
  readonly answered: string[]
  readonly denied: string[]
  readonly lost: string[]
}

/** How to kill. */
export interface KillOptions {
  readonly seed: number
  readonly kills: number
  /** The longest pause before a kill; besides, every second `up` is left the time to get ready. */
  readonly maxPauseMs: number
}

/** A loop of kills. */
export class KillLoop {
  readonly told: Told = { answered: [], denied: [], lost: [] }
  /** How many `up`s lived long enough to serve before they were killed. */
  readyUps = 0
  readonly #pipeline: Pipeline
  readonly #options: KillOptions
  readonly #random: () => number
  #gateway: CallClient | undefined
  #up: RunningCommand | undefined
  #isOver = false
  #lastNumber = 0

  constructor(pipeline: Pipeline, options: KillOptions) {
    this.#pipeline = pipeline
    this.#options = options
    this.#random = seededRandom(options.seed)
  }

  /** Kills as often as it was told; at the end the gateway ends cleanly and no `up` runs. */
  async run(): Promise<void> {
    const { kills, maxPauseMs } = this.#options
    const [gateways, ups] = [this.#keepGateway(), this.#keepUp()]
    for (let kill = 0; kill < kills; kill++) {
      if (kill % 4 === 3) await this.#up?.find(READY)
      await pause(this.#random() * maxPauseMs)
      await (kill % 2 === 0 ? this.#gateway : this.#up)?.kill('SIGKILL')
    }
    this.#isOver = true
    await this.#up?.kill('SIGKILL')
    await Promise.all([gateways, ups])
  }

  async #keepGateway(): Promise<void> {
    while (!this.#isOver) {
      const client = this.#pipeline.startGateway()
      this.#gateway = client
      await client.initialize()
      await Promise.all(Array.from({ length: CALLS_AT_ONCE }, () => this.#keepCalling(client)))
      await client.end()
    }
  }

  async #keepCalling(client: CallClient): Promise<void> {
    while (!this.#isOver && !client.isOver) {
      const number = String(++this.#lastNumber)
      const end = await client.call(this.#lastNumber % DENIED_EVERY === 0 ? 'denied' : 'count', number)
      const list = { answered: this.told.answered, refused: this.told.denied, lost: this.told.lost }[end.type]
      list.push(number)
      await pause(this.#random() * MAX_THOUGHT_MS)
    }
  }

  async #keepUp(): Promise<void> {
    while (!this.#isOver) {
      const command = this.#pipeline.start(['up', '--port', '0'])
      this.#up = command
      const { signal, output, errors } = await command.ended
      if (READY.test(output)) this.readyUps++
      if (signal !== 'SIGKILL') throw new Error(`an up ended by itself: ${errors}`)
    }
  }
}

function pause(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis))
}
