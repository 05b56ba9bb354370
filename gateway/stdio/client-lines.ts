// What a client's lines come to: forwarded as they are, refused, or passed through the gate first.
import type { CallGate } from '../call-gate.ts'
import { type Connection, isModern } from '../connection.ts'
import { MAX_NAME_LENGTH } from '../context.ts'
import { asObject, idKey, type Message, paramBytes, readClientMessage } from '../message.ts'
import { errorMessage, refusalMessage } from '../refusal.ts'
import { type Line, MAX_LINE_BYTES } from './lines.ts'

type Request = Extract<Message, { kind: 'request' }>

/** Where lines go. */
export interface ClientLinesOptions {
  readonly connection: Connection
  readonly gate: CallGate
  readonly toServer: (bytes: Buffer) => void
  readonly toClient: (text: string) => void
  /** Told of requests that are kept from the server without an answer. */
  readonly observed: (method: string, bytes: number) => void
  /** Told of what should not happen: the run's chain ended before a receipt. */
  readonly fail: (error: unknown) => void
}

/** Handles the lines of one client, in order; a governed call goes its own way and holds up no other line. */
export class ClientLines {
  readonly #options: ClientLinesOptions
  /** Calls whose decision is on its way: the server's input stays open for them. */
  readonly #deciding = new Set<Promise<void>>()

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
        return this.#options.toServer(line.bytes)
      case 'notification':
        return this.#takeNotification(line, message)
      case 'request':
        return this.#takeRequest(line, message)
    }
  }

  /** Resolves when every call that was taken has been forwarded or refused. */
  async settled(): Promise<void> {
    await Promise.all(this.#deciding)
  }

  #takeNotification(line: Line, { method, value }: Extract<Message, { kind: 'notification' }>): void {
    const { connection, toServer, observed } = this.#options
    // A call without an id has no answer that could be held: it is neither forwarded nor answered.
    if (method === 'tools/call') return observed(method, line.bytes.length)
    if (method === 'notifications/cancelled') {
      const requestId = asObject(value.params)?.requestId
      const waiting =
        typeof requestId === 'string' || typeof requestId === 'number'
          ? connection.waiting.get(idKey(requestId))
          : undefined
      if (waiting?.kind === 'deciding') {
        // Nothing of the call has reached the server, so neither does the cancellation.
        waiting.withdrawn = true
        return
      }
      if (waiting?.kind === 'call' && !waiting.settled) {
        waiting.settled = true
        this.#track(this.#options.gate.settle(waiting.call, { status: 'cancelled' }))
      }
    }
    toServer(line.bytes)
  }

  #takeRequest(line: Line, message: Request): void {
    const { connection, toServer, toClient } = this.#options
    if (connection.isWaiting(message.id))
      return toClient(errorMessage(message.id, -32600, 'Refused by toolwarden: a request with this id is under way'))
    if (message.method === 'tools/call') return this.#track(this.#takeCall(line, message))
    if (message.method === 'initialize') connection.initialized(message.value)
    connection.waiting.set(idKey(message.id), { kind: 'other', method: message.method })
    toServer(line.bytes)
  }

  async #takeCall(line: Line, message: Request): Promise<void> {
    const { connection, gate, toServer, toClient } = this.#options
    const params = asObject(message.value.params)
    const tool = params?.name
    if (typeof tool !== 'string' || tool === '' || tool.length > MAX_NAME_LENGTH || !tool.isWellFormed()) {
      return toClient(
        errorMessage(message.id, -32602, `Refused by toolwarden: a tool's name has 1 to ${MAX_NAME_LENGTH} characters`),
      )
    }
    const waiting = { kind: 'deciding' as const, withdrawn: false }
    connection.waiting.set(idKey(message.id), waiting)
    connection.calls++
    const admission = await gate.admit({
      connection: connection.contextOf(message.value),
      sessions: connection.sessions,
      method: message.method,
      tool,
      toolClass: connection.classOf(tool),
      argumentsBytes: paramBytes(line.content, message.shape, 'arguments') ?? Buffer.alloc(0),
      argumentsValue: params?.arguments,
    })
    if (admission.type === 'forward' && !waiting.withdrawn) {
      connection.waiting.set(idKey(message.id), { kind: 'call', call: admission.call, settled: false })
      return toServer(line.bytes)
    }
    connection.waiting.delete(idKey(message.id))
    if (admission.type === 'forward') return gate.settle(admission.call, { status: 'not_forwarded' })
    if (waiting.withdrawn) return
    const refused = { id: message.id, isTask: params?.task !== undefined, isModern: isModern(message) }
    toClient(refusalMessage(refused, admission))
  }

  #track(work: Promise<void>): void {
    const tracked = work.catch(this.#options.fail).finally(() => this.#deciding.delete(tracked))
    this.#deciding.add(tracked)
  }
}
