// Reads server-sent events (WHATWG HTML, section 9.2) of an answer, message by message.

/** One message, or a comment. */
export interface StreamMessage {
  readonly event: string | undefined
  readonly id: string | undefined
  readonly data: string | undefined
  readonly comment: string | undefined
}

/** The messages of a stream. */
export class EventStream {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #decoder = new TextDecoder()
  #text = ''

  constructor(response: Response) {
    if (response.body === null) throw new Error('an answer without a body')
    this.#reader = response.body.getReader()
  }

  /** The next message; undefined at the end of the stream. */
  async next(): Promise<StreamMessage | undefined> {
    while (!this.#text.includes('\n\n')) {
      const { done, value } = await this.#reader.read()
      if (done) return undefined
      this.#text += this.#decoder.decode(value, { stream: true })
    }
    const end = this.#text.indexOf('\n\n')
    const lines = this.#text.slice(0, end).split('\n')
    this.#text = this.#text.slice(end + 2)
    const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
    return { event: field('event'), id: field('id'), data: field('data'), comment: field('') }
  }

  /** The next message that is no comment. */
  async nextEvent(): Promise<StreamMessage | undefined> {
    let message = await this.next()
    while (message !== undefined && message.event === undefined) message = await this.next()
    return message
  }

  /** Leaves. */
  leave(): Promise<void> {
    return this.#reader.cancel()
  }
}
