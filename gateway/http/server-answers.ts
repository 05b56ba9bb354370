// What a message of the server comes to: an answer to a governed call is released only after its receipt is durable, an
// answer that nobody waits for is kept back, everything else passes at once.
import { outcomeOf } from '../answer.ts'
import type { CallGate } from '../call-gate.ts'
import type { Waiting } from '../connection.ts'
import { scanShape } from '../json-shape.ts'
import { asObject, idKey, type Message, readServerMessage } from '../message.ts'
import type { Peer, Pending } from './peer.ts'

/** Whether a message reaches the client, and the request that it answers. */
export type Verdict =
  | { readonly passes: true; readonly isAnswer: boolean }
  | { readonly passes: false; readonly why: string }

/** What answers are looked up in. */
export interface ServerAnswersOptions {
  readonly peer: Peer
  readonly pending: Pending
  readonly gate: CallGate
  /** True on a stream that the client resumed: answers that it lost may come again. */
  readonly isResumed: boolean
  /** True where the response's status says that the request failed. */
  readonly isError: boolean
}

/** What the Python SDK's server answers with where it refuses a request by an HTTP status: no client asks with it. */
const TRANSPORT_ERROR_ID = 'server-error'

const PASSES: Verdict = { passes: true, isAnswer: false }
const ANSWERS: Verdict = { passes: true, isAnswer: true }

/** Judges the messages of one response. */
export class ServerAnswers {
  readonly #options: ServerAnswersOptions

  constructor(options: ServerAnswersOptions) {
    this.#options = options
  }

  /** Resolves once the message may be released, or must not be. */
  async take(content: Buffer): Promise<Verdict> {
    const message = readServerMessage(content)
    if (message === 'suspect')
      return isUnaddressedError(content)
        ? PASSES
        : { passes: false, why: 'a message that some clients take for an answer' }
    if (message === 'foreign') return PASSES
    if (message.kind === 'request' && this.#options.peer.connection.elicitations.isOwn(message.id))
      return { passes: false, why: "a request with the id of the gateway's own" }
    if (message.kind !== 'response') {
      this.#options.peer.notes.asked(message, content.length)
      return PASSES
    }
    const { peer, pending, isResumed, isError } = this.#options
    const key = idKey(message.id)
    const waiting = pending.get(key)
    if (isError && message.id === TRANSPORT_ERROR_ID && waiting === undefined && !('result' in message.value))
      return PASSES
    // A client takes "0x1" for 1 and the first of two answers: only what was asked for passes, once.
    if (waiting === undefined || waiting.kind === 'deciding')
      return isResumed && peer.isRepeat(key, content)
        ? ANSWERS
        : { passes: false, why: 'an answer that no request waits for' }
    pending.delete(key)
    await this.#settle(message, content, waiting)
    peer.released(key, content)
    return ANSWERS
  }

  async #settle(
    message: Extract<Message, { kind: 'response' }>,
    content: Buffer,
    waiting: Exclude<Waiting, { kind: 'deciding' }>,
  ): Promise<void> {
    const { peer, gate } = this.#options
    peer.notes.asked(message, content.length)
    if (waiting.kind === 'other') return peer.notes.answered(waiting, message, content)
    await gate.settle(waiting.call, outcomeOf(message, content, waiting.cancelled))
  }
}

/** An error with the id `null`, as servers answer what they could not read: no client takes it for the answer to a request. */
function isUnaddressedError(content: Buffer): boolean {
  try {
    const value = asObject(JSON.parse(content.toString('utf8')))
    if (value === undefined || value.id !== null || !('error' in value) || 'result' in value || 'method' in value)
      return false
    return scanShape(content).duplicateMember === undefined
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}
