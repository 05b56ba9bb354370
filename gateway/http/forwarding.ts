// One exchange with the server on behalf of one request of a client: sent once, answered as it comes, and settled whatever
// happens to either side on the way.
import type { CallGate } from '../call-gate.ts'
import type { Waiting } from '../connection.ts'
import type { RequestId } from '../message.ts'
import type { Outcome } from '../recorder.ts'
import type { AnswerRoom } from './answer-room.ts'
import type { Caller } from './caller.ts'
import { findHeader, type HeaderList } from './headers.ts'
import type { HttpLimits } from './limits.ts'
import type { Peer, Pending } from './peer.ts'
import { Relay, type RelayEnd } from './relay.ts'
import type { Reply } from './reply.ts'
import type { McpMethod } from './request-rules.ts'
import { findResponseProblem, framingOf } from './response-rules.ts'
import { ServerAnswers } from './server-answers.ts'
import type { Upstream, UpstreamLost, UpstreamResponse } from './upstream.ts'

/** A request of a client that passed the rules of HTTP. */
export interface HttpExchange {
  readonly method: McpMethod
  readonly headers: HeaderList
  readonly body: Buffer | undefined
  readonly caller: Caller
  /** Digest of the principal and the network that the request comes from. */
  readonly from: string
  readonly reply: Reply
}

/** What every exchange with one server works with. */
export interface ForwardingTools {
  readonly upstream: Upstream
  readonly gate: CallGate
  readonly limits: HttpLimits
  /** Places for the server's answers that are held. */
  readonly room: AnswerRoom
  /** Fields that are taken out of responses instead of refusing them. */
  readonly dropped: ReadonlySet<string>
  /** Told of what should not happen: the run's chain ended before a receipt. */
  readonly fail: (error: unknown) => void
}

/** The request in the body, where there is one. */
export interface OwnRequest {
  readonly key: string
  readonly id: RequestId
}

/** What is forwarded. */
export interface ForwardingJob {
  readonly exchange: HttpExchange
  readonly headers: HeaderList
  readonly own: OwnRequest | undefined
  /** True where a client that goes away means that it cancels (2026-07-28). */
  readonly endsWithClient: boolean
  readonly pending: Pending
  /** The connection, which an answer to `initialize` may begin; a text where the response can't be taken. */
  readonly peerOf: (response: UpstreamResponse) => Peer | string
}

type OpenCall = Extract<Waiting, { kind: 'call' }>

/** How long a stream without a session may take to say that it is of the old transport; then its head goes out. */
const ENDPOINT_WAIT_MS = 1_000

/** Carries one exchange. */
export class Forwarding {
  readonly #tools: ForwardingTools
  readonly #job: ForwardingJob
  readonly #aborting = new AbortController()
  #relay: Relay | undefined
  #isTimedOut = false

  constructor(tools: ForwardingTools, job: ForwardingJob) {
    this.#tools = tools
    this.#job = job
  }

  /** Resolves when the exchange is over and its call, if any, settled or left to be answered on a resumed stream. */
  async run(): Promise<void> {
    const { upstream, limits } = this.#tools
    const { exchange, headers } = this.#job
    const { method, body, reply } = exchange
    const onGone = (): void => this.#clientGone()
    reply.closed.addEventListener('abort', onGone, { once: true })
    const timer = this.#ownCall() === undefined ? undefined : setTimeout(() => this.#timeOut(), limits.callMs)
    try {
      const answer = await upstream.exchange({ method, headers, body, signal: this.#aborting.signal })
      if (answer.type === 'lost') await this.#lost(answer)
      else await this.#answered(answer)
    } finally {
      clearTimeout(timer)
      reply.closed.removeEventListener('abort', onGone)
    }
  }

  async #answered(response: UpstreamResponse): Promise<void> {
    const { dropped } = this.#tools
    const problem = findResponseProblem(response.status, response.headers, dropped)
    const peer = problem ?? this.#job.peerOf(response)
    if (typeof peer === 'string') {
      response.close()
      await this.#conclude('ambiguous')
      return this.#refuse(peer)
    }
    if (problem === undefined) await this.#relayTo(peer, response)
  }

  async #relayTo(peer: Peer, response: UpstreamResponse): Promise<void> {
    const { gate, limits, room, dropped } = this.#tools
    const { exchange, pending } = this.#job
    const isResumed = findHeader(exchange.headers, 'last-event-id') !== undefined
    const mayBeOld = exchange.method === 'GET' && peer.sessionId === undefined
    this.#relay = new Relay({
      response,
      framing: framingOf(response.headers) ?? 'opaque',
      reply: exchange.reply,
      answers: new ServerAnswers({ peer, pending, gate, isResumed, isError: response.status >= 400 }),
      peer,
      limits,
      held: room.hold(),
      dropped,
      headDelayMs: mayBeOld ? ENDPOINT_WAIT_MS : 0,
      settleForeign: (content) => this.#settleForeign(response.status, content),
    })
    if (exchange.reply.isAbandoned) this.#clientGone()
    const end = await this.#relay.run()
    await this.#ended(end, this.#relay)
  }

  async #ended(end: RelayEnd, relay: Relay): Promise<void> {
    const { exchange, own } = this.#job
    if (relay.isResumable && end !== 'refused' && !this.#isTimedOut) return this.#await()
    await this.#conclude('ambiguous')
    if (end === 'complete' || exchange.reply.hasHead) return
    this.#refuse(end === 'cut' ? 'the server is gone' : 'the answer of the server was withheld', own?.id)
  }

  async #lost({ isForwarded, why }: UpstreamLost): Promise<void> {
    await this.#conclude(isForwarded ? 'ambiguous' : 'upstream_lost')
    this.#refuse(this.#isTimedOut ? 'the server did not answer in time' : why)
  }

  /** Settles the own call, if it still waits. */
  async #conclude(status: Outcome['status']): Promise<void> {
    const { own, pending, endsWithClient, exchange } = this.#job
    const call = this.#ownCall()
    if (own !== undefined) pending.delete(own.key)
    if (call === undefined) return
    const isCancelled = call.cancelled || (endsWithClient && exchange.reply.isAbandoned)
    const known = this.#isTimedOut ? 'timeout' : isCancelled && status === 'ambiguous' ? 'cancelled' : status
    await this.#tools.gate.settle(call.call, { status: known })
  }

  /** A response that is no message: a refusal before the call was looked at (4xx), or nobody knows. */
  async #settleForeign(status: number, content: Buffer): Promise<void> {
    const { own, pending } = this.#job
    const call = this.#ownCall()
    if (call === undefined || own === undefined) return
    pending.delete(own.key)
    await this.#tools.gate.settle(call.call, {
      status: status >= 400 && status < 500 ? 'protocol_error' : 'ambiguous',
      resultBytes: content,
      resultValue: content.toString('utf8'),
    })
  }

  /** The rest may come on a resumed stream of the session. */
  #await(): void {
    const { gate, limits, fail } = this.#tools
    const { own, pending } = this.#job
    const waiting = own === undefined ? undefined : pending.get(own.key)
    if (own === undefined || waiting === undefined) return
    setTimeout(() => {
      if (pending.get(own.key) !== waiting) return
      pending.delete(own.key)
      if (waiting.kind === 'call') gate.settle(waiting.call, { status: 'ambiguous' }).catch(fail)
    }, limits.resumeMs).unref()
  }

  /** The server sees its client go, as it would without a gateway; only a legacy call goes on, as that is no cancellation. */
  #clientGone(): void {
    const { endsWithClient, exchange } = this.#job
    if (!exchange.reply.isAbandoned) return
    if (endsWithClient || this.#ownCall() === undefined || this.#relay?.isResumable === true) this.#aborting.abort()
    else setTimeout(() => this.#aborting.abort(), this.#tools.limits.resumeMs).unref()
  }

  #timeOut(): void {
    this.#isTimedOut = true
    this.#aborting.abort()
  }

  #ownCall(): OpenCall | undefined {
    const { own, pending } = this.#job
    const waiting = own === undefined ? undefined : pending.get(own.key)
    return waiting?.kind === 'call' ? waiting : undefined
  }

  #refuse(why: string, id: RequestId | undefined = this.#job.own?.id): void {
    const { reply } = this.#job.exchange
    if (reply.hasHead) return reply.destroy()
    reply.refuse(why, { status: this.#isTimedOut ? 504 : 502, code: -32000, id })
  }
}
