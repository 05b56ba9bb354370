// How much of what servers list is recorded definition by definition: a server that changes thousands of definitions with every
// list, or a client that lists in one session after the other, would fill the log. Pure; time is passed in.

/** The most definitions, and names of tools that are gone, of one connection that are recorded one by one in an hour. */
export const MAX_LISTED_PER_CONNECTION = 20_000
/** The same of all connections of one run. */
export const MAX_LISTED_PER_RUN = 100_000
const WINDOW_MS = 60 * 60 * 1000

interface Window {
  readonly beganMs: number
  used: number
}

/** Counts what one run records; no list goes over a limit in part. */
export class ListingBudget {
  /** By connection, the one whose window began first is the first. */
  readonly #connections = new Map<string, Window>()
  #run: Window = { beganMs: Number.NEGATIVE_INFINITY, used: 0 }

  /** Takes so many definitions of a list; false where a limit does not let them be recorded one by one. */
  take(connection: string, count: number, nowMs: number): boolean {
    for (const [name, { beganMs }] of this.#connections) {
      if (nowMs - beganMs < WINDOW_MS) break
      this.#connections.delete(name)
    }
    if (nowMs - this.#run.beganMs >= WINDOW_MS) this.#run = { beganMs: nowMs, used: 0 }
    const own = this.#connections.get(connection) ?? { beganMs: nowMs, used: 0 }
    const isOver = own.used + count > MAX_LISTED_PER_CONNECTION || this.#run.used + count > MAX_LISTED_PER_RUN
    if (isOver || count === 0) return !isOver
    own.used += count
    this.#run.used += count
    this.#connections.set(connection, own)
    return true
  }
}
