// One server at `/mcp/<name>`: what each message of a client comes to, in either era (MCP 2025-11-25 and 2026-07-28,
// Streamable HTTP). A governed call passes the gate first; everything else goes on at once and unchanged.
import type { Waiting } from '../connection.ts'
import { isModern, otherRequest } from '../connection.ts'
import { findGovernedRequest, NAME_RULE, needsDecision } from '../governed-request.ts'
import { asObject, idKey, type Message, readClientMessage } from '../message.ts'
import { describeRefused, refusalMessage } from '../refusal.ts'
import { createWaiter, type Waiter } from '../waiter.ts'
import { Withdrawal } from '../withdrawal.ts'
import type { CallersSeen } from './callers-seen.ts'
import { DecidingCalls } from './deciding-calls.ts'
import { Forwarding, type ForwardingJob, type ForwardingTools, type HttpExchange } from './forwarding.ts'
import { findHeader, type HeaderList } from './headers.ts'
import { findHeaderMismatch, HEADER_MISMATCH_CODE } from './mirrored-headers.ts'
import type { Peer, Pending } from './peer.ts'
import type { Peers } from './peers.ts'
import type { UpstreamResponse } from './upstream.ts'

type Request = Extract<Message, { kind: 'request' }>

/** JSON-RPC code that SDK servers answer an unknown session with. */
const NO_SESSION_CODE = -32001
const INVALID_PARAMS = -32602
/** MCP 2025-11-25: visible ASCII; as long as a field may reasonably be. */
const SESSION_ID = /^[\x21-\x7e]{1,512}$/
const NOT_FORWARDED = new Set(['mcp-session-id'])

/** What an endpoint is made of. */
export interface EndpointOptions extends ForwardingTools {
  readonly peers: Peers
  readonly seen: Pick<CallersSeen, 'bind'>
}

/** Serves one server. */
export class Endpoint {
  readonly #options: EndpointOptions
  readonly #deciding = new DecidingCalls()

  constructor(options: EndpointOptions) {
    this.#options = options
  }

  /** Resolves when the exchange is over. */
  async handle(exchange: HttpExchange): Promise<void> {
    switch (exchange.method) {
      case 'POST':
        return this.#post(exchange, exchange.body ?? Buffer.alloc(0))
      case 'GET':
      case 'DELETE':
        return this.#withoutBody(exchange)
    }
  }

  /** No call waits for a person any more: the gateway stops. */
  leave(): void {
    this.#deciding.leave()
  }

  /** Ends every connection; resolves once that is recorded. */
  async close(): Promise<void> {
    await this.#options.upstream.close()
    await this.#options.peers.endAll('the gateway stopped')
  }

  async #withoutBody(exchange: HttpExchange): Promise<void> {
    const peer = this.#peerOf(exchange)
    if (peer === undefined) return refuseSession(exchange)
    const status = await this.#run(peer, {
      exchange,
      headers: exchange.headers,
      own: undefined,
      endsWithClient: true,
      pending: peer.pendingOf(),
    })
    if (exchange.method === 'DELETE' && isSuccess(status))
      this.#options.peers.endSession(peer, 'the client ended the session')
  }

  async #post(exchange: HttpExchange, body: Buffer): Promise<void> {
    const { reply, headers } = exchange
    const message = readClientMessage(body)
    if (message.kind === 'unreadable') {
      const { code, id } = message
      return reply.refuse(message.reason, { status: id === undefined ? 400 : 200, code, id })
    }
    const mismatch = findHeaderMismatch(headers, message)
    if (mismatch !== undefined) {
      const id = message.kind === 'request' ? message.id : undefined
      // A field of 2026-07-28 before a body without the `_meta` that this era requires is an error of the body.
      const isBodyAtFault = mismatch === 'MCP-Protocol-Version' && !isModern(message)
      const code = isBodyAtFault ? INVALID_PARAMS : HEADER_MISMATCH_CODE
      return reply.refuse(`${mismatch} does not match the body`, { status: 400, code, id })
    }
    if (
      message.kind === 'request' &&
      message.method === 'initialize' &&
      findHeader(headers, 'mcp-session-id') === undefined
    )
      return this.#initialize(exchange, message)
    const peer = isModern(message) ? this.#modernPeerOf(exchange, message) : this.#peerOf(exchange)
    if (peer === undefined) return refuseSession(exchange, message.kind === 'request' ? message.id : undefined)
    await this.#take(exchange, message, peer)
  }

  async #take(exchange: HttpExchange, message: Message, peer: Peer): Promise<void> {
    if (message.kind === 'request') return this.#takeRequest(exchange, message, peer)
    if (message.kind === 'response' && peer.connection.elicitations.take(message))
      return exchange.reply.answerEmpty(202)
    if (message.kind === 'notification') {
      // A call without an id has no answer that could be held: it is neither forwarded nor answered.
      if (needsDecision(message)) {
        peer.notes.observed('client', message.method, exchange.body?.length ?? 0)
        return exchange.reply.refuse('a call without an id', { status: 400 })
      }
      if (
        message.method === 'notifications/cancelled' &&
        this.#withdrawn(peer, asObject(message.value.params)?.requestId)
      )
        return exchange.reply.answerEmpty(202)
    }
    await this.#forward(exchange, message, { peer, pending: new Map() })
  }

  async #takeRequest(exchange: HttpExchange, message: Request, peer: Peer): Promise<void> {
    const { reply } = exchange
    const pending = isModern(message) ? new Map<string, Waiting>() : peer.pendingOf()
    const key = idKey(message.id)
    if (pending.has(key)) return reply.refuse('a request with this id is under way', { status: 200, id: message.id })
    if (needsDecision(message)) return this.#takeCall(exchange, message, { peer, pending })
    pending.set(key, otherRequest(message))
    await this.#forward(exchange, message, { peer, pending })
  }

  async #takeCall(exchange: HttpExchange, message: Request, { peer, pending }: Scope): Promise<void> {
    const { gate, seen } = this.#options
    const { reply } = exchange
    const found = findGovernedRequest(peer.connection, message, exchange.body ?? Buffer.alloc(0))
    if (found === undefined) return reply.refuse(NAME_RULE, { status: 200, code: -32602, id: message.id })
    const key = idKey(message.id)
    const withdrawal = new Withdrawal()
    pending.set(key, { kind: 'deciding', withdrawal })
    peer.connection.calls++
    const decided = this.#deciding.add(peer, key, withdrawal)
    const onGone = (): void => (isModern(message) ? withdrawal.cancel() : withdrawal.leave())
    reply.closed.addEventListener('abort', onGone, { once: true })
    const admission = await gate.admit(
      seen.bind(found, exchange.from),
      waiterOf(exchange, message, { peer, withdrawal }),
    )
    reply.closed.removeEventListener('abort', onGone)
    decided()
    if (admission.type === 'refuse') {
      pending.delete(key)
      if (withdrawal.isCancelled) return reply.answerEmpty(202)
      return reply.answer(refusalMessage(describeRefused(message), admission), { status: 200 })
    }
    const isWithdrawn = withdrawal.isCancelled || (isModern(message) && reply.isAbandoned)
    if (isWithdrawn) {
      pending.delete(key)
      await gate.settle(admission.call, { status: 'not_forwarded' })
      return reply.answerEmpty(202)
    }
    pending.set(key, { kind: 'call', call: admission.call, cancelled: false })
    await this.#forward(exchange, message, { peer, pending })
  }

  async #forward(exchange: HttpExchange, message: Message, { peer, pending }: Scope): Promise<void> {
    const own = message.kind === 'request' ? { key: idKey(message.id), id: message.id } : undefined
    const headers = this.#headersFor(exchange, peer)
    await this.#run(peer, { exchange, headers, own, endsWithClient: isModern(message), pending })
  }

  /** Resolves with the status of the response once the exchange is over; 0 where there was none. */
  async #run(peer: Peer, job: Omit<ForwardingJob, 'peerOf'>): Promise<number> {
    let status = 0
    const peerOf = (response: UpstreamResponse): Peer => {
      status = response.status
      return peer
    }
    peer.exchanges++
    try {
      await new Forwarding(this.#options, { peerOf, ...job }).run()
    } finally {
      peer.exchanges--
    }
    // A server that does not know a session any more has ended it (MCP 2025-11-25, session management).
    if (status === 404) this.#options.peers.endSession(peer, 'the server ended the session')
    return status
  }

  /** The session is known only by the answer, so that what is recorded of the connection begins there. */
  async #initialize(exchange: HttpExchange, message: Request): Promise<void> {
    const own = { key: idKey(message.id), id: message.id }
    const pending: Pending = new Map([[own.key, otherRequest(message)]])
    const peerOf = (response: UpstreamResponse): Peer | string => {
      const peer = this.#begin(exchange, response)
      if (typeof peer !== 'string') peer.connection.initialized(message.value)
      return peer
    }
    const job = { exchange, headers: exchange.headers, own, endsWithClient: false, pending, peerOf }
    await new Forwarding(this.#options, job).run()
  }

  #begin({ caller }: HttpExchange, response: UpstreamResponse): Peer | string {
    const { peers } = this.#options
    const sessionId = findHeader(response.headers, 'mcp-session-id')
    if (sessionId === undefined || !isSuccess(response.status)) return peers.quietPeer(caller)
    if (!SESSION_ID.test(sessionId)) return 'the session id of the server is not visible ASCII'
    if (peers.hasSession(sessionId)) return 'the server gave a session id that is in use'
    return peers.beginSession(caller, sessionId)
  }

  #peerOf({ headers, caller }: HttpExchange): Peer | undefined {
    const { peers } = this.#options
    const sessionId = findHeader(headers, 'mcp-session-id')
    return sessionId === undefined ? peers.quietPeer(caller) : peers.findSession(caller, sessionId)
  }

  /** Protocol 2026-07-28 has no sessions: an id is ignored, and what names no session of the caller is not sent on. */
  #modernPeerOf(exchange: HttpExchange, message: Message): Peer {
    const peer = this.#options.peers.quietPeer(exchange.caller)
    peer.notes.modern(message.value)
    return peer
  }

  #headersFor({ headers, caller }: HttpExchange, peer: Peer): HeaderList {
    const sessionId = findHeader(headers, 'mcp-session-id')
    if (sessionId === undefined || peer.sessionId !== undefined) return headers
    if (this.#options.peers.findSession(caller, sessionId) !== undefined) return headers
    return headers.filter(([name]) => !NOT_FORWARDED.has(name.toLowerCase()))
  }

  /** True where nothing of the cancelled call has reached the server, so that the cancellation must not either. */
  #withdrawn(peer: Peer, requestId: unknown): boolean {
    if (typeof requestId !== 'string' && typeof requestId !== 'number') return false
    const pending = peer.pendingOf()
    const key = idKey(requestId)
    if (this.#deciding.cancel(peer, key)) return true
    const found = pending.get(key)
    if (found?.kind === 'call' && !found.cancelled) this.#cancel(pending, key, found)
    return false
  }

  /** An answer may be on its way; where none comes in time, the receipt says `cancelled` and a later one is withheld. */
  #cancel(pending: Pending, key: string, found: Extract<Waiting, { kind: 'call' }>): void {
    const { gate, limits, fail } = this.#options
    found.cancelled = true
    setTimeout(() => {
      if (pending.get(key) !== found) return
      pending.delete(key)
      gate.settle(found.call, { status: 'cancelled' }).catch(fail)
    }, limits.cancelGraceMs).unref()
  }
}

interface Scope {
  readonly peer: Peer
  readonly pending: Pending
}

/**
 * Progress, and questions to its user, go out as events of the answer, where the client takes them and reads events. Without a
 * session nobody knows whether what comes back is of the same client.
 */
function waiterOf(
  { reply, body, headers }: HttpExchange,
  message: Request,
  { peer, withdrawal }: { readonly peer: Peer; readonly withdrawal: Withdrawal },
): Waiter {
  const send = (text: string): void => reply.hold(text)
  const full = createWaiter(message, { connection: peer.connection, withdrawal, bytes: body?.length ?? 0, send })
  const { progress, elicit, ...waiter } = full
  const takesEvents = /(?:^|[\s,])(?:text\/event-stream|text\/\*|\*\/\*)/i.test(findHeader(headers, 'accept') ?? '')
  if (!takesEvents) return waiter
  if (elicit === undefined || peer.sessionId !== undefined) return full
  return progress === undefined ? waiter : { progress, ...waiter }
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300
}

function refuseSession({ reply }: HttpExchange, id?: Request['id']): void {
  reply.refuse('Session not found', { status: 404, code: NO_SESSION_CODE, id })
}
