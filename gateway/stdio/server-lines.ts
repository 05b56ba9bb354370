// What a server's lines come to: an answer to a governed call is held until its receipt is durable, an answer that nobody
// waits for is withheld, everything else passes at once and unchanged.
import { outcomeOf } from '../answer.ts'
import type { Gate } from '../call-gate.ts'
import type { Connection, OtherRequest, Waiting } from '../connection.ts'
import { idKey, type Message, readServerMessage } from '../message.ts'
import type { Line } from './lines.ts'
import type { HeldBytes } from './tap.ts'

type Response = Extract<Message, { kind: 'response' }>
type WaitingCall = Extract<Waiting, { kind: 'call' }>

/** Where lines go, and who is told. */
export interface ServerLinesOptions {
  readonly connection: Connection
  readonly gate: Gate
  readonly toClient: (bytes: Buffer) => void
  /** Answers that wait for their receipt. */
  readonly held: HeldBytes
  /** Told of answers to what no call waits for. */
  readonly answered: (request: OtherRequest, answer: Response, bytes: Buffer) => void
  /** Told of messages that reach the client and may ask something of it. */
  readonly asked: (message: Message, bytes: number) => void
  /** Told of lines that are kept from the client. */
  readonly withheld: (what: string, bytes: number) => void
  /** Told of what should not happen: the run's chain ended before a receipt. */
  readonly fail: (error: unknown) => void
}

/** Handles the lines of one server, in order; a held answer holds up no other line. */
export class ServerLines {
  readonly #options: ServerLinesOptions
  readonly #held = new Set<Promise<void>>()

  constructor(options: ServerLinesOptions) {
    this.#options = options
  }

  /** Takes one line. */
  take(line: Line): void {
    const message = readServerMessage(line.content)
    if (message === 'suspect')
      return this.#options.withheld('a line that some clients take for an answer', line.bytes.length)
    if (message !== 'foreign' && message.kind === 'response') return this.#takeResponse(line, message)
    if (message !== 'foreign' && message.kind === 'request' && this.#options.connection.elicitations.isOwn(message.id))
      return this.#options.withheld("a request with the id of the gateway's own", line.bytes.length)
    if (message !== 'foreign') this.#options.asked(message, line.bytes.length)
    this.#options.toClient(line.bytes)
  }

  /** Resolves when no answer is held any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#held)
  }

  /** The server is gone: nobody knows whether what it had been sent ran. */
  async lost(): Promise<void> {
    const { connection, gate } = this.#options
    const open = [...connection.waiting.values()].filter((waiting) => waiting.kind === 'call')
    connection.waiting.clear()
    await Promise.all(open.map(({ call }) => gate.settle(call, { status: 'ambiguous' })))
  }

  #takeResponse(line: Line, message: Response): void {
    const { connection, toClient, answered, withheld } = this.#options
    const waiting = connection.waiting.get(idKey(message.id))
    // A client takes "0x1" for 1 and the first of two answers: only what was asked for passes, once.
    if (waiting === undefined || waiting.kind === 'deciding')
      return withheld('an answer that no request waits for', line.bytes.length)
    connection.waiting.delete(idKey(message.id))
    this.#options.asked(message, line.bytes.length)
    if (waiting.kind === 'other') {
      answered(waiting, message, line.content)
      return toClient(line.bytes)
    }
    const held = this.#options.held
      .during(line.bytes.length, this.#release(line, message, waiting))
      .catch(this.#options.fail)
      .finally(() => this.#held.delete(held))
    this.#held.add(held)
  }

  async #release(line: Line, message: Response, { call, cancelled }: WaitingCall): Promise<void> {
    await this.#options.gate.settle(call, outcomeOf(message, line.content, cancelled))
    this.#options.toClient(line.bytes)
  }
}
