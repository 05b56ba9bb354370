// The HTTP listener: one server a path, `/mcp/<name>` exactly; everything that can't be read one way only ends here.
import { createServer as createHttp, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { systemCode, ToolwardenError } from '../../events/errors.ts'
import { pause } from '../pause.ts'
import { type Caller, type CallerBook, findBearerToken, mayUse } from './caller.ts'
import type { CallersSeen } from './callers-seen.ts'
import type { Endpoint } from './endpoint.ts'
import { headerList } from './headers.ts'
import type { HttpLimits } from './limits.ts'
import { Reply } from './reply.ts'
import { ByteBudget, readBody } from './request-body.ts'
import { findRequestProblem, type HostRules, isMethod, type McpMethod, type RequestHead } from './request-rules.ts'

/** How often connections are looked at for requests that take too long, milliseconds. */
const CHECK_INTERVAL_MS = 1_000
const PATH = /^\/mcp\/([A-Za-z0-9][A-Za-z0-9._@-]{0,63})$/

/** What a listener is made of. */
export interface HttpGatewayOptions {
  readonly host: string
  /** 0 takes any free one. */
  readonly port: number
  readonly tls: { readonly cert: string; readonly key: string } | undefined
  /** Further names that clients address the gateway by, `host` or `host:port`. */
  readonly allowedHosts: readonly string[]
  /** Pages that may send requests, beside those of the gateway's own origin. */
  readonly allowedOrigins: readonly string[]
  /** Who calls; a caller here is taken for everybody without a token. */
  readonly callers: CallerBook
  readonly anonymous: Caller | undefined
  /** Shared by all endpoints. */
  readonly seen: Pick<CallersSeen, 'callerOf'>
  readonly endpoints: ReadonlyMap<string, Endpoint>
  readonly limits: HttpLimits
  /** Told of what should not happen. */
  readonly fail: (error: unknown) => void
}

/** A running listener. */
export class HttpGateway {
  readonly #options: HttpGatewayOptions
  readonly #server: Server
  readonly #budget: ByteBudget
  #rules: HostRules = { hosts: new Set(), origins: new Set() }
  #connections = 0
  #inFlight = 0
  #streams = 0
  /** What is under way; a stop waits for it. */
  readonly #running = new Set<Promise<void>>()

  constructor(options: HttpGatewayOptions) {
    const { limits, tls } = options
    this.#options = options
    this.#budget = new ByteBudget(limits.heldBytes)
    const settings = {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
    }
    this.#server =
      tls === undefined ? createHttp(settings) : createHttps({ ...settings, ...tls, minVersion: 'TLSv1.2' })
    this.#server.maxConnections = 2 * limits.connections
    this.#server.on('connection', (socket) => {
      this.#connections++
      socket.once('close', () => this.#connections--)
    })
    this.#server.on('request', (request, response) => this.#take(request, response))
  }

  /** Resolves with the address once connections are taken. Throws PORT_IN_USE, CONFIG_INVALID. */
  async start(): Promise<{ readonly url: string; readonly port: number }> {
    const { host, port, tls } = this.#options
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) => reject(bindingError(cause, `${host}:${port}`)))
      this.#server.listen(port, host, resolve)
    })
    const { port: actual } = this.#server.address() as AddressInfo
    this.#rules = hostRules(this.#options, actual)
    const name = host.includes(':') ? `[${host}]` : host
    return { url: `${tls === undefined ? 'http' : 'https'}://${name}:${actual}`, port: actual }
  }

  /** Takes no connection any more, gives what is under way a deadline, and ends every MCP connection. */
  async stop(): Promise<void> {
    const { limits, endpoints } = this.#options
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    for (const endpoint of endpoints.values()) endpoint.leave()
    await Promise.race([Promise.allSettled(this.#running), pause(limits.stopMs)])
    this.#server.closeAllConnections()
    await Promise.all([...endpoints.values()].map((endpoint) => endpoint.close()))
    await Promise.allSettled(this.#running)
    await closed
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const work = this.#serve(request, response)
      .catch((error: unknown) => {
        this.#options.fail(error)
        response.destroy()
      })
      .finally(() => this.#running.delete(work))
    this.#running.add(work)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { limits } = this.#options
    const reply = new Reply(response, limits.stalledClientMs)
    if (this.#connections > limits.connections || this.#inFlight >= limits.inFlight)
      return reply.refuse('too many requests are under way', { status: 503, code: -32000, isLast: true })
    const isStream = request.method === 'GET'
    if (isStream && this.#streams >= limits.streams)
      return reply.refuse('too many streams are open', { status: 503, code: -32000, isLast: true })
    this.#inFlight++
    if (isStream) this.#streams++
    try {
      await this.#admit(request, reply)
    } finally {
      this.#inFlight--
      if (isStream) this.#streams--
    }
  }

  async #admit(request: IncomingMessage, reply: Reply): Promise<void> {
    const head = headOf(request)
    const problem = findRequestProblem(head, this.#rules)
    if (problem !== undefined) return refuseHead(reply, problem.status, problem.text)
    const name = PATH.exec(head.target)?.[1]
    const endpoint = name === undefined ? undefined : this.#options.endpoints.get(name)
    const caller = await this.#callerOf(head)
    if (caller === undefined)
      return reply.refuse('the request carries no valid bearer token', {
        status: 401,
        headers: [['WWW-Authenticate', 'Bearer realm="toolwarden"']],
        isLast: true,
      })
    if (endpoint === undefined || name === undefined) return refuseHead(reply, 404, 'no server has this path')
    if (!mayUse(caller, name)) return refuseHead(reply, 403, 'the token is not for this server')
    if (!isMethod(head.method)) return
    await this.#withBody(request, { caller, reply, ...head, method: head.method }, endpoint)
  }

  async #withBody(request: IncomingMessage, admitted: Admitted, endpoint: Endpoint): Promise<void> {
    const { method, headers, caller, reply } = admitted
    const from = this.#options.seen.callerOf(request.socket, caller.principal)
    const read = await readBody(request, this.#options.limits.bodyBytes, this.#budget)
    try {
      switch (read.type) {
        case 'oversize':
          return refuseHead(reply, 413, `the body is over the limit of ${this.#options.limits.bodyBytes} bytes`)
        case 'no-room':
          return refuseHead(reply, 503, 'too many bytes are under way')
        case 'cut':
          return reply.destroy()
        case 'whole':
          await endpoint.handle({
            method,
            headers,
            body: method === 'POST' ? read.body : undefined,
            caller,
            from,
            reply,
          })
      }
    } finally {
      this.#budget.give(read.bytes)
    }
  }

  async #callerOf({ headers }: RequestHead): Promise<Caller | undefined> {
    const token = findBearerToken(headers)
    return token === undefined ? this.#options.anonymous : this.#options.callers.findCaller(token)
  }
}

type Admitted = Omit<RequestHead, 'method'> & {
  readonly method: McpMethod
  readonly caller: Caller
  readonly reply: Reply
}

function headOf(request: IncomingMessage): RequestHead {
  return {
    method: request.method ?? '',
    target: request.url ?? '',
    version: request.httpVersion,
    headers: headerList(request.rawHeaders),
  }
}

/** What was refused by its head may be followed by a body that nobody reads: the connection ends with the answer. */
function refuseHead(reply: Reply, status: number, text: string): void {
  const allow = status === 405 ? ([['Allow', 'GET, POST, DELETE']] as const) : []
  reply.refuse(text, { status, headers: allow, isLast: true })
}

/** Names of this machine at the port that was bound, and those of the configuration. */
function hostRules({ host, tls, allowedHosts, allowedOrigins }: HttpGatewayOptions, port: number): HostRules {
  const scheme = tls === undefined ? 'http' : 'https'
  const standardPort = tls === undefined ? 80 : 443
  const own = ['127.0.0.1', 'localhost', '[::1]', host.includes(':') ? `[${host}]` : host]
  const names = [...own.map((name) => `${name}:${port}`), ...(port === standardPort ? own : []), ...allowedHosts]
  const hosts = names.map((name) => name.toLowerCase())
  const origins = [...hosts.map((name) => `${scheme}://${name}`), ...allowedOrigins.map((name) => name.toLowerCase())]
  return { hosts: new Set(hosts), origins: new Set(origins) }
}

function bindingError(cause: unknown, where: string): ToolwardenError {
  if (systemCode(cause) === 'EADDRINUSE')
    return new ToolwardenError('PORT_IN_USE', 'another program listens there', {
      where,
      fix: 'stop it, or choose another port with --listen (0 takes any free one)',
      cause,
    })
  return new ToolwardenError('CONFIG_INVALID', `the gateway cannot listen there: ${systemCode(cause) ?? 'unknown'}`, {
    where,
    fix: 'check the address after --listen',
    cause,
  })
}
