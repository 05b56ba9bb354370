// One server process behind the HTTP gateway: messages go in as lines, and each line that comes out finds its stream.
import { PassThrough } from 'node:stream'
import { asObject, idKey, type Message, type MessageValue, readServerMessage } from '../message.ts'
import { LineSplitter } from '../stdio/lines.ts'
import type { ServerProcess } from '../stdio/server-process.ts'

/** The longest line of a server, bytes. */
const MAX_LINE_BYTES = 64 * 1024 * 1024
/** How much may wait for a client that does not read; then its stream is cut. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024
/** The most messages that wait for a stream to go out on. */
const MAX_UNSENT = 100
const SUBSCRIPTION_KEY = 'io.modelcontextprotocol/subscriptionId'

type Request = Extract<Message, { kind: 'request' }>

interface OpenRequest {
  readonly stream: PassThrough
  readonly progressToken: unknown
}

/** Speaks to one process. */
export class ProcessLink {
  readonly #process: ServerProcess
  /** By type and value of the id; in the order in which they were asked. */
  readonly #open = new Map<string, OpenRequest>()
  /** What no request asked for, until a stream takes it. */
  #unsent: Buffer[] = []
  #standing: PassThrough | undefined
  /** Milliseconds since 1970; written by the owner. */
  usedMs = 0

  constructor(process: ServerProcess, onEnd: () => void) {
    this.#process = process
    const lines = new LineSplitter(MAX_LINE_BYTES)
    process.output.on('data', (chunk: Buffer) => {
      for (const line of lines.push(chunk)) if (line !== 'oversize') this.#takeLine(line.content)
    })
    process.output.on('error', () => process.output.destroy())
    process.input.on('error', () => process.input.destroy())
    void process.ended.then(() => {
      this.#lose()
      onEnd()
    })
  }

  get isBusy(): boolean {
    return this.#open.size > 0 || this.#standing !== undefined
  }

  /** Whether a request with an id waits for its answer. */
  isWaiting(id: Request['id']): boolean {
    return this.#open.has(idKey(id))
  }

  /** Sends a request; what belongs to it comes on the stream, its answer last. */
  ask(message: Request, body: Buffer, onGiveUp: () => void): PassThrough {
    const key = idKey(message.id)
    const stream = new PassThrough()
    const progressToken = asObject(asObject(message.value.params)?._meta)?.progressToken
    this.#open.set(key, { stream, progressToken })
    stream.once('close', () => {
      if (this.#open.get(key)?.stream === stream && this.#open.delete(key)) onGiveUp()
    })
    this.tell(body)
    this.#sendUnsent(stream)
    return stream
  }

  /** Sends a message that has no answer. */
  tell(body: Buffer): void {
    // A body may be laid out over lines; between the tokens of JSON, LF and blank are the same.
    const line = Buffer.from(body)
    for (let feed = line.indexOf(0x0a); feed !== -1; feed = line.indexOf(0x0a, feed)) line[feed] = 0x20
    if (this.#process.input.writable) this.#process.input.write(Buffer.concat([line, NEWLINE]))
  }

  /** The stream of what no request asked for; undefined where there is one already. */
  listen(): PassThrough | undefined {
    if (this.#standing !== undefined) return undefined
    const stream = new PassThrough()
    this.#standing = stream
    stream.once('close', () => {
      this.#standing = undefined
    })
    this.#sendUnsent(stream)
    return stream
  }

  /** Ends the process as a client that goes away does. */
  end(): void {
    this.#process.input.end()
  }

  kill(): Promise<unknown> {
    this.#process.kill('SIGTERM')
    return this.#process.ended
  }

  #takeLine(content: Buffer): void {
    const message = readServerMessage(content)
    if (message === 'foreign') return
    const event = toEvent(content)
    const answered = message !== 'suspect' && message.kind === 'response' ? idKey(message.id) : undefined
    const own = answered === undefined ? undefined : this.#open.get(answered)
    if (own !== undefined && answered !== undefined) {
      this.#open.delete(answered)
      own.stream.end(event)
      return
    }
    const stream = this.#streamFor(message === 'suspect' ? undefined : message.value)
    if (stream !== undefined) return send(stream, event)
    this.#unsent.push(event)
    if (this.#unsent.length > MAX_UNSENT) this.#unsent.shift()
  }

  /** The request that a message names, else the standing stream, else the request that has waited longest. */
  #streamFor(value: MessageValue | undefined): PassThrough | undefined {
    const params = asObject(value?.params)
    const subscription = asObject(params?._meta)?.[SUBSCRIPTION_KEY]
    if (typeof subscription === 'string' || typeof subscription === 'number') {
      const subscribed = this.#open.get(idKey(subscription))
      if (subscribed !== undefined) return subscribed.stream
    }
    const token = params?.progressToken
    const requests = [...this.#open.values()]
    const asked = token === undefined ? undefined : requests.find(({ progressToken }) => progressToken === token)
    return asked?.stream ?? this.#standing ?? requests[0]?.stream
  }

  #sendUnsent(stream: PassThrough): void {
    for (const event of this.#unsent.splice(0)) send(stream, event)
  }

  #lose(): void {
    const streams = [...this.#open.values()].map(({ stream }) => stream)
    this.#open.clear()
    for (const stream of streams) stream.destroy(Object.assign(new Error('the server ended'), { code: 'ECONNRESET' }))
    this.#standing?.end()
  }
}

const NEWLINE = Buffer.from('\n')

function toEvent(content: Buffer): Buffer {
  const data = content.includes(0x0d) ? Buffer.from(content.map((byte) => (byte === 0x0d ? 0x20 : byte))) : content
  return Buffer.concat([Buffer.from('event: message\ndata: '), data, Buffer.from('\n\n')])
}

function send(stream: PassThrough, event: Buffer): void {
  stream.write(event)
  if (stream.writableLength > MAX_UNREAD_BYTES) stream.destroy()
}
