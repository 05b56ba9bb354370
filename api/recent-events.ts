// A window of the newest verified events, shared by all readers of the live stream: each reader is a place in it.
// So memory is bounded however many and however slow the readers are; one that falls out of the window is told so.
import type { Event } from '../events/event.ts'

/** A verified event, ready to be sent. */
export interface RecentEvent {
  /** Its position in the log, as text: a client resumes after it (`Last-Event-ID`). */
  readonly id: string
  readonly type: Event['type']
  /** The `data:` of its message, one line. */
  readonly data: string
}

/** The newest events, numbered from 0 since the process began. */
export class RecentEvents {
  readonly #limits: { readonly events: number; readonly bytes: number }
  /** Written by `push` alone; `#events[0]` has the number `#first`. */
  #events: RecentEvent[] = []
  #first = 0
  #bytes = 0

  constructor(limits: { readonly events: number; readonly bytes: number }) {
    this.#limits = limits
  }

  /** The number of the oldest event that is still there. */
  get first(): number {
    return this.#first
  }

  /** The number that the next event will get. */
  get next(): number {
    return this.#first + this.#events.length
  }

  /** Adds the newest event, and lets go of the oldest beyond the limits. */
  push(event: RecentEvent): void {
    this.#events.push(event)
    this.#bytes += event.data.length
    while (this.#events.length > this.#limits.events || (this.#bytes > this.#limits.bytes && this.#events.length > 1)) {
      this.#bytes -= this.#events.shift()?.data.length ?? 0
      this.#first++
    }
  }

  /** The event of a number, if it is there. */
  at(number: number): RecentEvent | undefined {
    return this.#events[number - this.#first]
  }

  /** The number after the event of an id, if that is still there. */
  findNumberAfter(id: string): number | undefined {
    const index = this.#events.findLastIndex((event) => event.id === id)
    return index === -1 ? undefined : this.#first + index + 1
  }
}
