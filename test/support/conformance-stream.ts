// A stream of server-sent events that its client may leave and come back to (MCP 2025-11-25, resumability): every event has
// an id, and what was sent meanwhile is sent again from the last one that the client names.
import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { Json } from './conformance-content.ts'
import type { Channel } from './conformance-legacy.ts'

const RETRY_MS = 100

/** One stream of one session. */
export class ResumableStream implements Channel {
  readonly id = randomUUID()
  readonly #events: string[] = []
  #response: ServerResponse | undefined
  #isOver = false

  /** Sends what the client has not seen, then what comes. A first client is given an event without data to come back to. */
  attach(response: ServerResponse, lastEventId: string): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' }).flushHeaders()
    this.#response = response
    if (lastEventId === '') response.write(`id: ${this.id}_0\nretry: ${RETRY_MS}\ndata: \n\n`)
    for (const event of this.#events.slice(Number(lastEventId.split('_')[1] ?? 0))) response.write(event)
    if (this.#isOver) response.end()
  }

  send(message: Json): void {
    const event = `id: ${this.id}_${this.#events.length + 1}\nevent: message\ndata: ${JSON.stringify(message)}\n\n`
    this.#events.push(event)
    this.#response?.write(event)
  }

  drop(): void {
    this.#response?.end()
    this.#response = undefined
  }

  end(): void {
    this.#isOver = true
    this.#response?.end()
  }
}
