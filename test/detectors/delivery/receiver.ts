// A receiver of webhooks on this machine: it answers as it is told and keeps what it was sent.
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request as it came. */
export interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** How a request is answered. */
export type Answer = (response: ServerResponse, number: number) => void

/** A running receiver. */
export class Receiver {
  readonly received: Received[] = []
  readonly #server: Server
  /** May be changed between requests. */
  answer: Answer

  private constructor(answer: Answer) {
    this.answer = answer
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        this.received.push({ headers: request.headers, body: Buffer.concat(chunks).toString('utf8') })
        this.answer(response, this.received.length)
      })
    })
  }

  /** Listens on a free port of this machine; answers 204 unless told. */
  static async start(answer: Answer = (response) => response.writeHead(204).end()): Promise<Receiver> {
    const receiver = new Receiver(answer)
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve))
    return receiver
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook/secret-path`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
