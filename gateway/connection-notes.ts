// What is recorded of a connection beside its calls: its begin and end, the server's tools, and what was kept from either
// peer. No call waits for these events.
import { type Connection, PROTOCOL_VERSION_KEY } from './connection.ts'
import { describeName } from './context.ts'
import { asObject, type MessageValue } from './message.ts'
import type { Recorder } from './recorder.ts'

/** The most events about withheld or unanswered messages of one connection. */
const MAX_OBSERVED = 100
/** The most names and digests of one `tools/listed`, bytes; more go into further events, so that none is too large. */
const MAX_LIST_BYTES = 32 * 1024
/** What a listed tool costs beside its name, which stands there twice: digest, class and keys. */
const TOOL_BYTES = 160
/** The most tools of one connection whose definitions are compared with what was seen before. */
const MAX_TOOLS = 10_000

type ListedTool = ReturnType<Connection['listed']>[number]

/** What the notes of a connection are made from. */
export interface ConnectionNotesOptions {
  readonly connection: Connection
  readonly recorder: Pick<Recorder, 'note'>
  readonly transport: 'stdio' | 'http'
  /** Told of what should not happen: the run's chain ended before an event of this connection. */
  readonly fail: (error: unknown) => void
}

/** Writes the events of one connection. */
export class ConnectionNotes {
  readonly #options: ConnectionNotesOptions
  /** Digest of each tool's definition as it was last recorded. */
  readonly #listed = new Map<string, string>()
  #observed = 0
  #isOpen = false

  constructor(options: ConnectionNotesOptions) {
    this.#options = options
  }

  /** Takes an answer of the server; those to `initialize` and `tools/list` say something of the connection. */
  answered(method: string, value: MessageValue): void {
    if (method === 'initialize') this.#opened(asObject(value.result) ?? {})
    if (method === 'tools/list') this.#toolsListed(value)
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

  /** Resolves once the connection's end is durable; a process that was never spoken to has no end. */
  async closed(reason: string): Promise<void> {
    const { connection, recorder } = this.#options
    if (!this.#isOpen && connection.context.client === 'unknown' && connection.calls === 0) return
    await recorder.note({ type: 'session/close', ...connection.context, reason, calls: connection.calls })
  }

  #opened(result: MessageValue): void {
    this.#isOpen = true
    const { connection, transport } = this.#options
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

  /** Pages of one list arrive as answers of their own, so nothing counts as removed here. */
  #toolsListed(value: MessageValue): void {
    const { connection } = this.#options
    const fresh = connection.listed(value).filter(({ tool, digest }) => this.#listed.get(tool) !== digest)
    const known = new Set(this.#listed.keys())
    for (const { tool, digest } of fresh) {
      if (known.has(tool) || this.#listed.size < MAX_TOOLS) this.#listed.set(tool, digest)
    }
    for (const tools of splitList(fresh)) {
      const names = tools.map(({ tool }) => tool)
      this.#note({
        type: 'tools/listed',
        ...connection.context,
        tools: [...tools],
        added: names.filter((tool) => !known.has(tool)),
        removed: [],
        changed: names.filter((tool) => known.has(tool)),
      })
    }
  }

  #note(draft: Parameters<Recorder['note']>[0]): void {
    this.#options.recorder.note(draft).catch(this.#options.fail)
  }
}

function splitList(tools: readonly ListedTool[]): readonly (readonly ListedTool[])[] {
  const parts: ListedTool[][] = []
  let left = 0
  for (const tool of tools) {
    const bytes = TOOL_BYTES + 2 * Buffer.byteLength(JSON.stringify(tool.tool))
    if (bytes > left) {
      parts.push([])
      left = MAX_LIST_BYTES
    }
    left -= bytes
    parts.at(-1)?.push(tool)
  }
  return parts
}
