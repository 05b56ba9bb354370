// What is recorded of a connection beside its calls: its begin and end, the server's tools, and what was kept from either
// peer. No call waits for these events.

import { INSTRUCTIONS } from '../events/pin-subject.ts'
import { type Connection, type OtherRequest, PROTOCOL_VERSION_KEY } from './connection.ts'
import { describeName } from './context.ts'
import type { Listing } from './listing-events.ts'
import { asObject, type Message, type MessageValue, memberBytes } from './message.ts'
import type { ListingTaker } from './pins.ts'
import type { Recorder } from './recorder.ts'
import { readServerStatement, readToolPage, UNREAD_PAGE, UNREAD_STATEMENT } from './tool-list.ts'

/** The most events about withheld or unanswered messages of one connection. */
const MAX_OBSERVED = 100
/** So many requests of a server are recorded one by one; then one of as many, with how many were left out. */
const MAX_ASKED = 100
/** The most requests of one answer that are looked at. */
const MAX_INPUT_REQUESTS = 16

const NO_CHANGE = { fresh: [], changed: [], removed: [] } as const

type Answer = Extract<Message, { kind: 'response' }>

/** What the notes of a connection are made from. */
export interface ConnectionNotesOptions {
  readonly connection: Connection
  readonly recorder: Pick<Recorder, 'note'>
  readonly pins: ListingTaker
  readonly transport: 'stdio' | 'http'
  /** Told of what should not happen: the run's chain ended before an event of this connection. */
  readonly fail: (error: unknown) => void
}

/** Writes the events of one connection. */
export class ConnectionNotes {
  readonly #options: ConnectionNotesOptions
  /** Digest of what the server says of its name and version. */
  #serverInfo: string | undefined
  /** What is being recorded of lists: a client may end right after it listed. */
  readonly #listings = new Set<Promise<void>>()
  #observed = 0
  /** Requests of the server so far. */
  #asked = 0
  #isOpen = false

  constructor(options: ConnectionNotesOptions) {
    this.#options = options
  }

  /** Takes an answer of the server; some say something of the connection. */
  answered({ method, isNextPage }: OtherRequest, { value, shape }: Answer, bytes: Buffer): void {
    if (method === 'initialize') this.#opened(asObject(value.result) ?? {})
    const result = memberBytes(bytes, shape, 'result')
    if (result === undefined) return
    if (shape.isCut) {
      // Read in part, nobody knows what of it the client took.
      if (method === 'tools/list') this.#options.connection.listed(UNREAD_PAGE, isNextPage)
      if (saysInstructions(method)) this.#options.connection.stated(UNREAD_STATEMENT)
      if (method === 'tools/list' || saysInstructions(method)) this.#listed({ ...NO_CHANGE, isUnread: true })
      return this.observed('server', `${method} with too many values`, bytes.length)
    }
    if (saysInstructions(method)) this.#stated(result)
    if (method === 'tools/list') this.#toolsListed(result, isNextPage)
  }

  /** Takes a request of protocol 2026-07-28, where no `initialize` opens the connection: the first one does. */
  modern(value: MessageValue): void {
    if (this.#isOpen) return
    this.#isOpen = true
    const { connection, transport } = this.#options
    const version = asObject(asObject(value.params)?._meta)?.[PROTOCOL_VERSION_KEY]
    const protocolVersion = describeName(version, 'unknown')
    this.#note({ type: 'session/open', ...connection.contextOf(value), transport, protocolVersion })
  }

  /** Notes a message that was kept from the other side. */
  observed(direction: 'client' | 'server', method: string, bytes: number): void {
    if (++this.#observed > MAX_OBSERVED) return
    const { context } = this.#options.connection
    this.#note({ type: 'request/observed', ...context, method: describeName(method, 'unknown'), direction, bytes })
  }

  /**
   * Takes a message that reaches the client and may ask something of it: a request of the server (sampling, elicitation,
   * roots), or an answer of protocol 2026-07-28 that asks for input. It is not held up: nothing runs at the server by it.
   */
  asked(message: Message, bytes: number): void {
    if (message.kind === 'request' && message.method !== 'ping') this.#askedFor(message.method, bytes)
    if (message.kind !== 'response') return
    for (const request of inputRequestsOf(message.value).slice(0, MAX_INPUT_REQUESTS)) {
      const method = asObject(request)?.method
      this.#askedFor(typeof method === 'string' ? method : 'input', Buffer.byteLength(JSON.stringify(request) ?? ''))
    }
  }

  #askedFor(method: string, bytes: number): void {
    const isNext = ++this.#asked <= MAX_ASKED
    if (!isNext && this.#asked % MAX_ASKED !== 0) return
    const { context } = this.#options.connection
    this.#note({
      ...{ type: 'request/observed', ...context, method: describeName(method, 'unknown'), direction: 'server', bytes },
      ...(isNext ? {} : { missed: MAX_ASKED - 1 }),
    })
  }

  /** Resolves once the connection's end is durable; a process that was never spoken to has no end. */
  async closed(reason: string): Promise<void> {
    const { connection, recorder } = this.#options
    await Promise.all(this.#listings)
    if (!this.#isOpen && connection.context.client === 'unknown' && connection.calls === 0) return
    await recorder.note({ type: 'session/close', ...connection.context, reason, calls: connection.calls })
  }

  #opened(result: MessageValue): void {
    this.#isOpen = true
    const { connection, transport } = this.#options
    connection.negotiated(result.protocolVersion)
    const info = asObject(result.serverInfo)
    const server = `${describeName(info?.name, 'unknown')}/${describeName(info?.version, 'unknown')}`
    this.#note({
      type: 'session/open',
      ...connection.context,
      transport,
      protocolVersion: describeName(result.protocolVersion, 'unknown'),
      serverVersion: describeName(server, 'unknown'),
    })
  }

  #toolsListed(result: Buffer, isNextPage: boolean): void {
    const page = readToolPage(result)
    const { fresh, changed, removed } = this.#options.connection.listed(page, isNextPage)
    if (fresh.length + removed.length > 0 || !page.isWhole)
      this.#listed({ fresh, changed, removed, isUnread: !page.isWhole })
  }

  /** Instructions are pinned as a tool is: they reach the model in the same way. */
  #stated(result: Buffer): void {
    const statement = readServerStatement(result)
    const { instructions, markers, serverInfo } = statement
    this.#serverInfo = serverInfo
    const isNews = this.#options.connection.stated(statement)
    if (statement.isUnread === true) return this.#listed({ ...NO_CHANGE, isUnread: true })
    if (!isNews || instructions === undefined) return
    const fresh = { tool: INSTRUCTIONS, digest: instructions, class: 'read' as const, hints: {}, markers, text: '' }
    this.#listed({ fresh: [fresh], changed: [], removed: [] })
  }

  #listed(change: Pick<Listing, 'fresh' | 'changed' | 'removed' | 'isUnread'>): void {
    const { connection, pins, fail } = this.#options
    const listing = pins
      .listed({ ...change, context: connection.context, serverInfo: this.#serverInfo })
      .catch(fail)
      .finally(() => this.#listings.delete(listing))
    this.#listings.add(listing)
  }

  #note(draft: Parameters<Recorder['note']>[0]): void {
    this.#options.recorder.note(draft).catch(this.#options.fail)
  }
}

function saysInstructions(method: string): boolean {
  return method === 'initialize' || method === 'server/discover'
}

/** What an answer asks of the client before the call goes on (multi round trip). */
function inputRequestsOf({ result }: MessageValue): readonly unknown[] {
  const requests = asObject(asObject(result)?.inputRequests)
  return requests === undefined ? [] : Object.values(requests)
}
