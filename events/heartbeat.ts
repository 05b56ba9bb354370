// When a run shows that it lives: its silence is the signal that it does not.
import type { Clock } from './time.ts'

/** How long after its last event a run beats: while it works, and when it has been idle for longer than the latter. */
const ACTIVE_MS = 10_000
const IDLE_MS = 60_000
const CHECK_MS = 1_000

/** Calls back when a run has said nothing for long enough. */
export class Heartbeat {
  readonly #clock: Clock
  readonly #timer: NodeJS.Timeout
  /** Monotonic time of the last event, and of the last one that was not a heartbeat; microseconds. */
  #lastEventMicros: number
  #lastWorkMicros: number

  constructor(clock: Clock, beat: (monotonicMicros: number) => void) {
    this.#clock = clock
    this.#lastEventMicros = this.#lastWorkMicros = clock.monotonicMicros()
    this.#timer = setInterval(() => this.#check(beat), CHECK_MS).unref()
  }

  /** The run was asked to say something. */
  worked(): void {
    this.#lastWorkMicros = this.#clock.monotonicMicros()
  }

  /** The run said something. */
  wrote(): void {
    this.#lastEventMicros = this.#clock.monotonicMicros()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #check(beat: (monotonicMicros: number) => void): void {
    const now = this.#clock.monotonicMicros()
    const interval = now - this.#lastWorkMicros < IDLE_MS * 1000 ? ACTIVE_MS : IDLE_MS
    if (now - this.#lastEventMicros < interval * 1000) return
    this.#lastEventMicros = now
    beat(now)
  }
}
