// The client's side of one exchange: what it is answered, at the pace at which it reads.
import type { ServerResponse } from 'node:http'
import type { RequestId } from '../message.ts'
import { errorMessage } from '../refusal.ts'
import { flatHeaders, type HeaderList } from './headers.ts'

/** An answer of the gateway itself. */
export interface OwnAnswer {
  readonly status: number
  /** The JSON-RPC code where the answer is an error; −32600 unless told. */
  readonly code?: number
  readonly id?: RequestId | undefined
  readonly headers?: HeaderList
  /** True where what the client still sends is not read any more. */
  readonly isLast?: boolean
}

const EVENTS: HeaderList = [['Content-Type', 'text/event-stream']]

/** A message as an event; a line end in it, which is white space there, continues the data (WHATWG HTML, section 9.2.6). */
function eventOf(text: string): string {
  return `event: message\ndata: ${text.replace(/\r\n|\r|\n/g, '\ndata: ')}\n\n`
}

/** Writes one response. */
export class Reply {
  readonly #response: ServerResponse
  readonly #stalledMs: number
  readonly #closing = new AbortController()
  /** Set while the stream holds nothing but the gateway's own events. */
  #isHeld = false

  constructor(response: ServerResponse, stalledMs: number) {
    this.#response = response
    this.#stalledMs = stalledMs
    // The server's own fields are passed on as they are, its date among them.
    response.sendDate = false
    response.on('error', () => response.destroy())
    // With a reason of its own: the default one is an exception with a stack, made for every response.
    response.once('close', () => this.#closing.abort('closed'))
  }

  /** Aborted once the response is written to its end or the client is gone. */
  get closed(): AbortSignal {
    return this.#closing.signal
  }

  /** Whether the client is gone before its answer was complete. */
  get isAbandoned(): boolean {
    return this.#closing.signal.aborted && !this.#response.writableFinished
  }

  /** Whether something of the server's answer, or of a final one, went out. */
  get hasHead(): boolean {
    return this.#response.headersSent && !this.#isHeld
  }

  /** Whether a stream of the gateway's own events has begun: what follows has to be an event too. */
  get isHeld(): boolean {
    return this.#isHeld
  }

  /** Sends a message of the gateway while the answer is awaited, as an event; the first one begins the stream. */
  hold(text: string): void {
    if (this.#closing.signal.aborted || this.#response.writableEnded || this.hasHead) return
    if (!this.#isHeld) {
      this.#isHeld = true
      this.#response.sendDate = true
      this.#response.writeHead(200, flatHeaders([...EVENTS, ['Cache-Control', 'no-cache']]))
    }
    this.#response.write(eventOf(text))
  }

  /** Sends the one message that the held stream was for. */
  async answerHeld(content: Buffer): Promise<void> {
    this.#isHeld = false
    await this.write(Buffer.from(eventOf(content.toString('utf8'))))
  }

  /** Answers with an error of the gateway, as JSON-RPC has it. */
  refuse(text: string, { status, code = -32600, id, headers = [], isLast = false }: OwnAnswer): void {
    const message = errorMessage(id, code, `Refused by toolwarden: ${text}`)
    this.answer(message, { status, headers: isLast ? [...headers, ['Connection', 'close']] : headers })
  }

  /** Answers with a JSON text. */
  answer(text: string, { status, headers = [] }: Pick<OwnAnswer, 'status' | 'headers'>): void {
    if (this.hasHead) return this.destroy()
    if (this.#isHeld) return void this.#response.end(eventOf(text))
    const body = Buffer.from(text)
    this.#response.sendDate = true
    this.#response.writeHead(
      status,
      flatHeaders([...headers, ['Content-Type', 'application/json'], ['Content-Length', String(body.length)]]),
    )
    this.#response.end(body)
  }

  /** Answers with nothing but a status. */
  answerEmpty(status: number): void {
    if (this.hasHead) return this.destroy()
    if (this.#isHeld) return void this.#response.end()
    this.#response.writeHead(status, ['Content-Length', '0'])
    this.#response.end()
  }

  /** Begins the answer; its head leaves with the first bytes of the body, or with `flush`. */
  head(status: number, statusText: string, headers: HeaderList): void {
    if (this.#closing.signal.aborted || this.hasHead) return
    if (this.#isHeld) {
      // The head went out with the first event of the gateway's own.
      this.#isHeld = false
      return
    }
    this.#response.writeHead(status, statusText, flatHeaders(headers))
  }

  /** Sends the head that has not left yet, before there is a body. */
  flush(): void {
    if (!this.#closing.signal.aborted && this.#response.headersSent) this.#response.flushHeaders()
  }

  /** Resolves when more may be written; a client that is gone takes everything. A stalled one is cut off. */
  async write(bytes: Buffer): Promise<void> {
    if (this.#closing.signal.aborted || bytes.length === 0 || this.#response.write(bytes)) return
    const timer = setTimeout(() => this.destroy(), this.#stalledMs)
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#response.off('drain', done).off('close', done)
        resolve()
      }
      this.#response.on('drain', done).on('close', done)
    })
    clearTimeout(timer)
  }

  end(): void {
    this.#response.end()
  }

  /** Cuts the connection, so that the client sees an answer that is not complete. */
  destroy(): void {
    this.#response.destroy()
  }
}
