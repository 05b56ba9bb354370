// Counts wrong tokens by address in windows of a minute, in memory, for a bounded number of addresses.

const WINDOW_MS = 60_000
/** The most addresses remembered; the oldest is forgotten first. */
const MAX_ADDRESSES = 1_000

/** Tells when an address has tried too often. */
export class AttemptLimit {
  readonly #perMinute: number
  /** Written by `note` alone; insertion order is the order of the windows' beginnings. */
  readonly #windows = new Map<string, { readonly startMillis: number; count: number }>()

  constructor(perMinute: number) {
    this.#perMinute = perMinute
  }

  /** Counts one attempt; the seconds to wait before the next, 0 while there are few. */
  note(address: string, nowMillis: number): number {
    const known = this.#windows.get(address)
    const window =
      known !== undefined && nowMillis - known.startMillis < WINDOW_MS ? known : this.#begin(address, nowMillis)
    window.count++
    if (window.count <= this.#perMinute) return 0
    return Math.max(1, Math.ceil((window.startMillis + WINDOW_MS - nowMillis) / 1000))
  }

  #begin(address: string, startMillis: number): { readonly startMillis: number; count: number } {
    this.#windows.delete(address)
    const oldest = this.#windows.size < MAX_ADDRESSES ? undefined : this.#windows.keys().next().value
    if (oldest !== undefined) this.#windows.delete(oldest)
    const window = { startMillis, count: 0 }
    this.#windows.set(address, window)
    return window
  }
}
