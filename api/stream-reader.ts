// One reader of the live stream: a place in the window of recent events, and what it wants of them.
// Messages are made in the text form of server-sent events (WHATWG HTML, section 9.2).
import type { LiveFeed } from './live-feed.ts'
import type { RecentEvent } from './recent-events.ts'

/** What a reader begins with. */
export interface StreamReaderOptions {
  readonly feed: LiveFeed
  /** Whether an event type is wanted. */
  readonly wants: (type: string) => boolean
  /** The id of the last event that the client has; it gets what came after. */
  readonly lastEventId: string | undefined
  readonly heartbeatMs: number
  /** Asked every heartbeat: whether the client may still read. */
  readonly mayRead: () => Promise<boolean>
  readonly now: () => number
  /** Told once, when the reader ends. */
  readonly onEnd: (reason: EndReason) => void
}

/** Why a stream ended. */
export type EndReason = 'left' | 'lagging' | 'unauthorized' | 'stopping' | 'failed'

/** Hands out one message after the other. */
export class StreamReader {
  readonly #options: StreamReaderOptions
  readonly #stopListening: () => void
  /** The number of the next event to look at. */
  #next: number
  /** Messages that go out before any event. */
  #waiting: string[]
  #ended: EndReason | undefined
  #checkedAt: number
  #wake: () => void = () => undefined

  constructor(options: StreamReaderOptions) {
    const { feed, lastEventId } = options
    this.#options = options
    this.#checkedAt = options.now()
    const resumed = lastEventId === undefined ? feed.recent.next : feed.recent.findNumberAfter(lastEventId)
    this.#next = resumed ?? feed.recent.next
    this.#waiting = [': connected\n\n', ...(resumed === undefined ? [GAP_MESSAGE] : [])]
    this.#stopListening = feed.listen(() => this.#wake())
  }

  /** The next message; undefined at the end. */
  async next(): Promise<string | undefined> {
    const first = this.#waiting.shift()
    if (first !== undefined) return first
    while (this.#ended === undefined) {
      const { heartbeatMs, mayRead, now, feed } = this.#options
      if (feed.problem !== undefined) return this.#endWith('failed')
      if (this.#next < feed.recent.first) return this.#endWith('lagging')
      const isDue = now() - this.#checkedAt >= heartbeatMs
      if (isDue) {
        this.#checkedAt = now()
        if (!(await mayRead())) return this.#endWith('unauthorized')
        if (this.#ended !== undefined) return undefined
      }
      const event = this.#take()
      if (event !== undefined) return toMessage(event)
      if (isDue) return ': heartbeat\n\n'
      await this.#moreOrDue()
    }
    return undefined
  }

  /** Ends the stream; a `next` that waits resolves. */
  end(reason: EndReason): void {
    if (this.#ended !== undefined) return
    this.#ended = reason
    this.#stopListening()
    this.#wake()
    this.#options.onEnd(reason)
  }

  /** The last message says why. */
  #endWith(reason: 'lagging' | 'unauthorized' | 'failed'): string {
    this.end(reason)
    return `event: ${reason}\ndata: ${JSON.stringify({ message: END_TEXTS[reason] })}\n\n`
  }

  #take(): RecentEvent | undefined {
    const { feed, wants } = this.#options
    while (this.#next < feed.recent.next) {
      const event = feed.recent.at(this.#next)
      this.#next++
      if (event !== undefined && wants(event.type)) return event
    }
    return undefined
  }

  /** Resolves at new events, at the end, or when a heartbeat is due. */
  #moreOrDue(): Promise<void> {
    const { heartbeatMs, now } = this.#options
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(1, this.#checkedAt + heartbeatMs - now())).unref()
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

const END_TEXTS = {
  lagging:
    'This reader fell behind the window of recent events. Read GET /v1/events from the last one, then connect again.',
  unauthorized: 'The token was revoked or has expired.',
  failed: 'The event log can no longer be followed; GET /readyz says why.',
} as const

const GAP_MESSAGE = `event: gap\ndata: ${JSON.stringify({
  message: 'The last event is not in the window any more. Read GET /v1/events for what came between.',
})}\n\n`

function toMessage({ id, type, data }: RecentEvent): string {
  return `id: ${id}\nevent: ${type}\ndata: ${data}\n\n`
}
