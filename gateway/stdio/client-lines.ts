// What a client's lines come to: forwarded as they are, refused, or passed through the gate first.
import type { Gate } from '../call-gate.ts'
import { type Connection, otherRequest, type Waiting } from '../connection.ts'
import { findGovernedRequest, NAME_RULE, needsDecision } from '../governed-request.ts'
import { asObject, idKey, type Message, readClientMessage } from '../message.ts'
import { describeRefused, errorMessage, refusalMessage } from '../refusal.ts'
import { createWaiter } from '../waiter.ts'
import { Withdrawal } from '../withdrawal.ts'
import { type Line, MAX_LINE_BYTES } from './lines.ts'
import type { HeldBytes } from './tap.ts'

type Request = Extract<Message, { kind: 'request' }>
type WaitingCall = Extract<Waiting, { kind: 'call' }>

/** The most requests of one client that wait for an answer, calls included; more are refused. */
export const MAX_WAITING_REQUESTS = 20_000
/** How long a cancelled call waits for the answer that may be on its way; a later one is withheld. */
const CANCEL_GRACE_MS = 5_000

/** Where lines go. */
export interface ClientLinesOptions {
  readonly connection: Connection
  readonly gate: Gate
  /** False where the server takes nothing any more. */
  readonly toServer: (bytes: Buffer) => boolean
  readonly toClient: (text: string) => void
  /** What is being decided on. */
  readonly held: HeldBytes
  /** Told of requests that are kept from the server without an answer. */
  readonly observed: (method: string, bytes: number) => void
  /** Told of what should not happen: the run's chain ended before a receipt. */
  readonly fail: (error: unknown) => void
  readonly cancelGraceMs?: number
}

/** Handles the lines of one client, in order; a governed call goes its own way and holds up no other line. */
export class ClientLines {
  readonly #options: ClientLinesOptions
  /** Calls whose decision is on its way: the server's input stays open for them. */
  readonly #deciding = new Set<Promise<void>>()
  /** Set by `leave`. */
  #hasLeft = false

  constructor(options: ClientLinesOptions) {
    this.#options = options
  }

  /** Takes one line. */
  take(line: Line | 'oversize'): void {
    const { toClient } = this.#options
    if (line === 'oversize')
      return toClient(errorMessage(undefined, -32600, `the message is over the limit of ${MAX_LINE_BYTES} bytes`))
    const message = readClientMessage(line.content)
    switch (message.kind) {
      case 'unreadable':
        return toClient(errorMessage(message.id, message.code, `Refused by toolwarden: ${message.reason}`))
      case 'response':
        if (this.#options.connection.elicitations.take(message)) return
        this.#options.toServer(line.bytes)
        return
      case 'notification':
        return this.#takeNotification(line, message)
      case 'request':
        return this.#takeRequest(line, message)
    }
  }

  /** No call waits for a person any more: client or server is gone. What is being decided goes on. */
  leave(): void {
    this.#hasLeft = true
    for (const waiting of this.#options.connection.waiting.values())
      if (waiting.kind === 'deciding') waiting.withdrawal.leave()
  }

  /** Resolves when every call that was taken has been forwarded or refused. */
  async settled(): Promise<void> {
    await Promise.all(this.#deciding)
  }

  #takeNotification(line: Line, message: Extract<Message, { kind: 'notification' }>): void {
    const { toServer, observed } = this.#options
    const { method, value } = message
    // A call without an id has no answer that could be held: it is neither forwarded nor answered.
    if (needsDecision(message)) return observed(method, line.bytes.length)
    if (method === 'notifications/cancelled' && this.#withdrawn(asObject(value.params)?.requestId)) return
    toServer(line.bytes)
  }

  /** True where nothing of the cancelled call has reached the server, so that the cancellation must not either. */
  #withdrawn(requestId: unknown): boolean {
    const { waiting } = this.#options.connection
    if (typeof requestId !== 'string' && typeof requestId !== 'number') return false
    const key = idKey(requestId)
    const found = waiting.get(key)
    if (found?.kind === 'deciding') found.withdrawal.cancel()
    if (found?.kind === 'call' && !found.cancelled) this.#cancel(key, found)
    return found?.kind === 'deciding'
  }

  /** An answer may be on its way; where none comes in time, the receipt says `cancelled` and a later one is withheld. */
  #cancel(key: string, found: WaitingCall): void {
    const { connection, gate, cancelGraceMs = CANCEL_GRACE_MS } = this.#options
    found.cancelled = true
    setTimeout(() => {
      if (connection.waiting.get(key) !== found) return
      connection.waiting.delete(key)
      this.#track(gate.settle(found.call, { status: 'cancelled' }))
    }, cancelGraceMs).unref()
  }

  #takeRequest(line: Line, message: Request): void {
    const { connection, toServer, held } = this.#options
    const refuse = (code: number, why: string): void =>
      this.#options.toClient(errorMessage(message.id, code, `Refused by toolwarden: ${why}`))
    if (connection.isWaiting(message.id)) return refuse(-32600, 'a request with this id is under way')
    if (connection.waiting.size >= MAX_WAITING_REQUESTS)
      return refuse(-32000, `${MAX_WAITING_REQUESTS} requests wait for an answer`)
    if (needsDecision(message)) return this.#track(held.during(line.bytes.length, this.#takeCall(line, message)))
    if (message.method === 'initialize') connection.initialized(message.value)
    connection.waiting.set(idKey(message.id), otherRequest(message))
    toServer(line.bytes)
  }

  async #takeCall(line: Line, message: Request): Promise<void> {
    const { connection, gate, toServer, toClient } = this.#options
    const request = findGovernedRequest(connection, message, line.content)
    if (request === undefined) return toClient(errorMessage(message.id, -32602, `Refused by toolwarden: ${NAME_RULE}`))
    const key = idKey(message.id)
    const withdrawal = new Withdrawal()
    if (this.#hasLeft) withdrawal.leave()
    connection.waiting.set(key, { kind: 'deciding', withdrawal })
    connection.calls++
    const waiter = createWaiter(message, { connection, withdrawal, bytes: line.bytes.length, send: toClient })
    const admission = await gate.admit(request, waiter)
    if (admission.type === 'forward') {
      const call: WaitingCall = { kind: 'call', call: admission.call, cancelled: false }
      connection.waiting.set(key, call)
      if (!withdrawal.isCancelled && toServer(line.bytes)) return
      connection.waiting.delete(key)
      return gate.settle(admission.call, { status: 'not_forwarded' })
    }
    connection.waiting.delete(key)
    if (withdrawal.isCancelled) return
    toClient(refusalMessage(describeRefused(message), admission))
  }

  #track(work: Promise<void>): void {
    const tracked = work.catch(this.#options.fail).finally(() => this.#deciding.delete(tracked))
    this.#deciding.add(tracked)
  }
}
