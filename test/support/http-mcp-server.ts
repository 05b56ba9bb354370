// A small scripted MCP server over HTTP: node:http and no SDK, so that tests decide every byte it writes. It keeps what it
// received; a tool that ran is in `calls`.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as the server got it. */
export interface Received {
  readonly method: string
  readonly url: string
  readonly rawHeaders: readonly string[]
  readonly headers: IncomingMessage['headers']
  readonly body: string
  /** The response to it, for tests that write it themselves. */
  readonly response: ServerResponse
}

/** Answers a request by itself; false leaves it to the server. */
export type Script = (received: Received) => boolean | Promise<boolean>

interface Message {
  readonly id?: string | number
  readonly method?: string
  readonly params?: { readonly name?: string; readonly arguments?: Readonly<Record<string, unknown>> }
}

/** One server on a free port of 127.0.0.1. */
export class HttpMcpServer {
  readonly received: Received[] = []
  /** Names of the tools that ran. */
  readonly calls: string[] = []
  /** Requests that the client has given up. */
  readonly abandoned: string[] = []
  script: Script = () => false
  /** Whether `initialize` begins a session. */
  hasSessions = true
  readonly #server: Server
  #sessions = 0

  constructor() {
    this.#server = createServer((request, response) => void this.#take(request, response))
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mcp`
  }

  /** Ends every connection in the middle of whatever it carries. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    request.on('error', () => response.destroy())
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const { method = '', url = '', rawHeaders, headers } = request
    const received = { method, url, rawHeaders, headers, body: Buffer.concat(chunks).toString('utf8'), response }
    response.once('close', () => {
      if (!response.writableFinished) this.abandoned.push(received.body)
    })
    this.received.push(received)
    if (!(await this.script(received))) this.#answer(received)
  }

  #answer({ method, body, response }: Received): void {
    if (method === 'GET') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      return
    }
    if (method === 'DELETE') return void response.writeHead(200).end()
    const { id, method: name, params } = JSON.parse(body) as Message
    if (name === 'tools/call') this.calls.push(params?.name ?? '')
    if (id === undefined || name === undefined) return void response.writeHead(202).end()
    const session = name === 'initialize' && this.hasSessions ? { 'mcp-session-id': `session-${++this.#sessions}` } : {}
    response.writeHead(200, { 'content-type': 'application/json', ...session })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: resultOf(name, params) }))
  }
}

function resultOf(method: string, params: Message['params']): object {
  switch (method) {
    case 'initialize':
      return {
        protocolVersion: '2025-11-25',
        capabilities: { tools: {} },
        serverInfo: { name: 'scripted', version: '1.0.0' },
      }
    case 'tools/list':
      return { tools: [{ name: 'echo', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } }] }
    case 'tools/call':
      return { content: [{ type: 'text', text: JSON.stringify(params?.arguments ?? {}) }] }
    default:
      return {}
  }
}

/** Begins a stream of events on a response. */
export function beginEvents(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
}

/** The id of the request in a body. */
export function idOf({ body }: Received): string | number | undefined {
  return (JSON.parse(body) as Message).id
}

/** The text of a successful answer. */
export function answerText(id: string | number | undefined, text = 'done'): string {
  return JSON.stringify({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } })
}
