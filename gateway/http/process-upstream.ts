// A server that speaks stdio behind the HTTP gateway: a process for each session that a client initialises, and shared ones
// for requests of protocol 2026-07-28, which have no sessions.
import { randomUUID } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { isModern } from '../connection.ts'
import { type Message, readClientMessage } from '../message.ts'
import { startServer } from '../stdio/server-process.ts'
import { findHeader, type HeaderList } from './headers.ts'
import type { HttpLimits } from './limits.ts'
import { ProcessLink } from './process-link.ts'
import type { Upstream, UpstreamLost, UpstreamRequest, UpstreamResponse } from './upstream.ts'

/** The most processes of one server; the one used longest ago ends when another is needed. */
const MAX_PROCESSES = 64
const EVENTS: HeaderList = [
  ['Content-Type', 'text/event-stream'],
  ['Cache-Control', 'no-cache'],
]

/** How the server is started. */
export interface ProcessUpstreamOptions {
  readonly program: string
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly limits: Pick<HttpLimits, 'sessionIdleMs'>
  /** Told of a server that can't be started. */
  readonly fail: (error: unknown) => void
}

/** Speaks to the processes of one server. */
export class ProcessUpstream implements Upstream {
  readonly #options: ProcessUpstreamOptions
  /** By session id; shared ones have an id that no client is told. The one used longest ago is the first. */
  readonly #links = new Map<string, ProcessLink>()
  readonly #shared = new Set<string>()

  constructor(options: ProcessUpstreamOptions) {
    this.#options = options
  }

  async exchange(request: UpstreamRequest): Promise<UpstreamResponse | UpstreamLost> {
    this.#endIdle()
    const sessionId = findHeader(request.headers, 'mcp-session-id')
    if (request.method === 'POST') return this.#post(request, sessionId)
    const link = sessionId === undefined ? undefined : this.#find(sessionId)
    if (sessionId === undefined) return respond(405, [['Allow', 'POST']])
    if (link === undefined) return respond(404, [])
    if (request.method === 'GET') {
      const stream = link.listen()
      return stream === undefined ? respond(409, []) : streamed(stream, [], request.signal)
    }
    this.#links.delete(sessionId)
    link.end()
    return respond(200, [])
  }

  async close(): Promise<void> {
    await Promise.all([...this.#links.values()].map((link) => link.kill()))
  }

  async #post(
    { body, signal }: UpstreamRequest,
    sessionId: string | undefined,
  ): Promise<UpstreamResponse | UpstreamLost> {
    const message = readClientMessage(body ?? Buffer.alloc(0))
    if (message.kind === 'unreadable') return respond(400, [])
    const isInitialize = message.kind === 'request' && message.method === 'initialize' && sessionId === undefined
    const [id, link] =
      isModern(message) || isInitialize ? await this.#linkFor(message, isInitialize) : this.#known(sessionId)
    if (link === undefined) return id === undefined ? respond(400, []) : respond(404, [])
    if (message.kind !== 'request') {
      link.tell(body ?? Buffer.alloc(0))
      return respond(202, [])
    }
    const giveUp = (): void => {
      if (isModern(message)) link.tell(Buffer.from(JSON.stringify(cancelled(message.id))))
    }
    const stream = link.ask(message, body ?? Buffer.alloc(0), giveUp)
    return streamed(stream, isInitialize && id !== undefined ? [['Mcp-Session-Id', id]] : [], signal)
  }

  #known(sessionId: string | undefined): readonly [string | undefined, ProcessLink | undefined] {
    return [sessionId, sessionId === undefined ? undefined : this.#find(sessionId)]
  }

  /** A process of its own for a session; a shared one where the id is free, as ids of two clients may be the same. */
  async #linkFor(
    message: Message,
    isInitialize: boolean,
  ): Promise<readonly [string | undefined, ProcessLink | undefined]> {
    const isFree = (link: ProcessLink): boolean => message.kind !== 'request' || !link.isWaiting(message.id)
    const shared = [...this.#shared].find((id) => {
      const link = this.#links.get(id)
      return link !== undefined && isFree(link)
    })
    if (!isInitialize && shared !== undefined) return [shared, this.#find(shared)]
    return this.#start(!isInitialize)
  }

  async #start(isShared: boolean): Promise<readonly [string, ProcessLink | undefined]> {
    const { program, args, environment, fail } = this.#options
    const id = randomUUID()
    this.#makeRoom()
    try {
      const process = await startServer(program, args, environment)
      const link = new ProcessLink(process, () => {
        this.#links.delete(id)
        this.#shared.delete(id)
      })
      link.usedMs = Date.now()
      this.#links.set(id, link)
      if (isShared) this.#shared.add(id)
      return [id, link]
    } catch (error) {
      fail(error)
      return [id, undefined]
    }
  }

  #find(id: string): ProcessLink | undefined {
    const link = this.#links.get(id)
    if (link === undefined) return undefined
    this.#links.delete(id)
    this.#links.set(id, link)
    link.usedMs = Date.now()
    return link
  }

  #endIdle(): void {
    for (const [id, link] of this.#links) {
      if (Date.now() - link.usedMs < this.#options.limits.sessionIdleMs) return
      if (!link.isBusy) this.#end(id, link)
    }
  }

  #makeRoom(): void {
    if (this.#links.size < MAX_PROCESSES) return
    const [id, link] = [...this.#links].find(([, { isBusy }]) => !isBusy) ?? [...this.#links][0] ?? []
    if (id !== undefined && link !== undefined) this.#end(id, link)
  }

  #end(id: string, link: ProcessLink): void {
    this.#links.delete(id)
    link.end()
  }
}

function cancelled(requestId: string | number): object {
  return { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } }
}

function streamed(body: PassThrough, headers: HeaderList, signal: AbortSignal): UpstreamResponse {
  const close = (): void => void body.destroy()
  signal.addEventListener('abort', close, { once: true })
  return { type: 'response', status: 200, statusText: 'OK', headers: [...EVENTS, ...headers], body, close }
}

function respond(status: number, headers: HeaderList): UpstreamResponse {
  const body = new PassThrough()
  body.end()
  return {
    type: 'response',
    status,
    statusText: '',
    headers: [...headers, ['Content-Length', '0']],
    body,
    close: () => void body.destroy(),
  }
}
