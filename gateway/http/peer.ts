// One MCP connection over HTTP: a session that the server named, or all that one caller asks without a session id until it
// has been quiet for a while.
import { createHash } from 'node:crypto'
import type { CallGate } from '../call-gate.ts'
import type { Connection, Waiting } from '../connection.ts'
import type { ConnectionNotes } from '../connection-notes.ts'
import type { Caller } from './caller.ts'

/** Requests that wait for an answer, by type and value of their id. */
export type Pending = Map<string, Waiting>

/** The most answers of one session that may be repeated on a resumed stream. */
const MAX_REPEATABLE = 256

/** What a peer is made of. */
export interface PeerOptions {
  readonly caller: Caller
  readonly connection: Connection
  readonly notes: ConnectionNotes
  readonly gate: CallGate
  readonly sessionId: string | undefined
}

/** State of one connection. */
export class Peer {
  readonly caller: Caller
  readonly connection: Connection
  readonly notes: ConnectionNotes
  readonly sessionId: string | undefined
  readonly #gate: CallGate
  /** Answers that have their receipt, by id: a client that lost one may ask for the same bytes again, and for no others. */
  readonly #repeatable = new Map<string, string>()
  /** Milliseconds since 1970; written by the table of peers. */
  usedMs = 0
  /** Exchanges under way: a peer in use is not forgotten. */
  exchanges = 0

  constructor({ caller, connection, notes, gate, sessionId }: PeerOptions) {
    this.caller = caller
    this.connection = connection
    this.notes = notes
    this.sessionId = sessionId
    this.#gate = gate
  }

  /** The requests that an exchange may be answered for: without a session, ids of two clients are not told apart, so its own. */
  pendingOf(): Pending {
    return this.sessionId === undefined ? new Map() : this.connection.waiting
  }

  /** Notes an answer that was released on a stream that can be resumed. */
  released(key: string, data: Buffer): void {
    const oldest = this.#repeatable.size < MAX_REPEATABLE ? undefined : this.#repeatable.keys().next().value
    if (oldest !== undefined) this.#repeatable.delete(oldest)
    this.#repeatable.set(key, digestOf(data))
  }

  /** Whether an answer is the very one that was released before. */
  isRepeat(key: string, data: Buffer): boolean {
    return this.#repeatable.get(key) === digestOf(data)
  }

  /** Ends the connection: nobody will learn what became of calls that still wait. */
  async end(reason: string): Promise<void> {
    const open = [...this.connection.waiting.values()]
    this.connection.waiting.clear()
    for (const waiting of open) if (waiting.kind === 'deciding') waiting.withdrawal.cancel()
    const calls = open.filter((waiting) => waiting.kind === 'call')
    await Promise.all(calls.map(({ call }) => this.#gate.settle(call, { status: 'ambiguous' })))
    await this.notes.closed(reason)
  }
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('base64')
}
