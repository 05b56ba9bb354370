// Lets the conformance suite, which speaks HTTP only, reach a server on stdio: every session is a process of the command.
// Used in the same way before a server and before a gateway with that server. `stdio-bridge.js <port> <command …>`
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

type Id = string | number
interface Message {
  readonly id?: Id
  readonly method?: string
}

const [port = '0', program = '', ...args] = process.argv.slice(2)

/** One process and the client that speaks to it. */
class Session {
  readonly id = randomUUID()
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  /** Responses that wait, by type and value of the request's id; oldest first. */
  readonly #waiting = new Map<string, ServerResponse>()
  #stream: ServerResponse | undefined
  #unsent: string[] = []

  constructor() {
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#take(line))
    this.#child.stdin.on('error', () => this.#child.stdin.destroy())
  }

  send(text: string, { id, method }: Message, response: ServerResponse): void {
    this.#child.stdin.write(`${text.replaceAll('\n', ' ')}\n`)
    if (id === undefined || method === undefined) {
      response.writeHead(202).end()
      return
    }
    this.#waiting.set(keyOf(id), response)
    begin(response, this.id)
  }

  listen(response: ServerResponse): void {
    begin(response, this.id)
    this.#stream = response
    for (const line of this.#unsent.splice(0)) write(response, line)
    response.on('close', () => {
      if (this.#stream === response) this.#stream = undefined
    })
  }

  end(): void {
    this.#child.stdin.end()
  }

  #take(line: string): void {
    const { id, method } = JSON.parse(line) as Message
    const answered = id === undefined || method !== undefined ? undefined : this.#waiting.get(keyOf(id))
    if (answered !== undefined && id !== undefined) {
      this.#waiting.delete(keyOf(id))
      write(answered, line)
      answered.end()
      return
    }
    // stdio does not say which request a message belongs to: the newest one is as good as any, in both columns.
    const target = [...this.#waiting.values()].at(-1) ?? this.#stream
    if (target === undefined) this.#unsent.push(line)
    else write(target, line)
  }
}

const sessions = new Map<string, Session>()

createServer((request, response) => {
  handle(request, response).catch((error: unknown) => {
    console.error(error)
    response.destroy()
  })
}).listen(Number(port), '127.0.0.1', () => console.log(`bridge on http://localhost:${port}/mcp`))

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (!/^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/.test(request.headers.host ?? '')) {
    response.writeHead(403).end()
    return
  }
  const id = request.headers['mcp-session-id']
  const known = typeof id === 'string' ? sessions.get(id) : undefined
  if (request.method === 'POST') return post(request, response, known)
  if (known === undefined) {
    response.writeHead(id === undefined ? 400 : 404).end()
    return
  }
  if (request.method === 'GET') return known.listen(response)
  known.end()
  sessions.delete(known.id)
  response.writeHead(200).end()
}

async function post(request: IncomingMessage, response: ServerResponse, known: Session | undefined): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString('utf8')
  const message = JSON.parse(text) as Message
  const isFirst = message.method === 'initialize' && request.headers['mcp-session-id'] === undefined
  const session = isFirst ? new Session() : known
  if (session === undefined) {
    response.writeHead(request.headers['mcp-session-id'] === undefined ? 400 : 404).end()
    return
  }
  sessions.set(session.id, session)
  session.send(text, message, response)
}

function begin(response: ServerResponse, session: string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'mcp-session-id': session })
  response.flushHeaders()
}

function write(response: ServerResponse, line: string): void {
  response.write(`event: message\ndata: ${line}\n\n`)
}

function keyOf(id: Id): string {
  return `${typeof id}:${id}`
}
