// One MCP connection as the gateway knows it, whatever the transport: who speaks, which requests wait for an answer,
// what the server said of its tools. No I/O.
import { createHash } from 'node:crypto'
import { type ToolClass, type ToolHints, toolClassOf } from '../events/tool-class.ts'
import type { OpenCall } from './call-gate.ts'
import { type ConnectionContext, describeName, MAX_NAME_LENGTH } from './context.ts'
import { asObject, idKey, type Message, type MessageValue, type RequestId } from './message.ts'

/** A request of the client that waits for its answer. */
export type Waiting =
  | { readonly kind: 'deciding'; withdrawn: boolean }
  | { readonly kind: 'call'; readonly call: OpenCall; cancelled: boolean }
  | { readonly kind: 'other'; readonly method: string }

/** The most sessions of one connection that rules are compared with; the oldest is forgotten first. */
const MAX_SESSIONS = 1_000
/** The most tools whose hints are kept. */
const MAX_TOOLS = 10_000
/** W3C Trace Context, section 3.2.2; a trace id of zeros says nothing. */
const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/
/** The member of `params._meta` that makes a request one of protocol 2026-07-28. */
export const PROTOCOL_VERSION_KEY = 'io.modelcontextprotocol/protocolVersion'
const CLIENT_INFO_KEY = 'io.modelcontextprotocol/clientInfo'

/** What a connection starts from. */
export type ConnectionBase = Omit<ConnectionContext, 'client'> & {
  /** True where the operator named the session: no `traceparent` of the client changes it. */
  readonly isSessionFixed: boolean
}

/** State of one connection. */
export class Connection {
  /** By type and value of the request's id; written by the transport as requests come and answers go. */
  readonly waiting = new Map<string, Waiting>()
  readonly #base: Omit<ConnectionContext, 'client'>
  readonly #isSessionFixed: boolean
  readonly #hints = new Map<string, ToolHints>()
  /** Sessions seen here, oldest first; the connection's own is the first. */
  readonly #sessions: Set<string>
  #client = 'unknown'
  /** Governed requests so far. */
  calls = 0

  constructor({ isSessionFixed, ...base }: ConnectionBase) {
    this.#base = base
    this.#isSessionFixed = isSessionFixed
    this.#sessions = new Set([base.session])
  }

  /** The context of the connection's own events. */
  get context(): ConnectionContext {
    return { ...this.#base, client: this.#client }
  }

  /** Every session seen on this connection. */
  get sessions(): readonly string[] {
    return [...this.#sessions]
  }

  /**
   * The context of one request: its `traceparent`, where the host sends one, names the conversation; without `initialize`
   * (2026-07-28) it names the client itself.
   */
  contextOf(value: MessageValue): ConnectionContext {
    const meta = metaOf(value)
    const named = asObject(meta?.[CLIENT_INFO_KEY])
    const context = named === undefined ? this.context : { ...this.context, client: clientOf(named) }
    const traceparent = this.#isSessionFixed ? undefined : meta?.traceparent
    const traceId = typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent)?.[1] : undefined
    if (traceId === undefined) return context
    const session = `trace:${traceId}`
    this.#sessions.add(session)
    const oldest = this.#sessions.size > MAX_SESSIONS ? [...this.#sessions][1] : undefined
    if (oldest !== undefined) this.#sessions.delete(oldest)
    return { ...context, session, origin: this.#base.session }
  }

  /** Takes the client's name from `initialize`. */
  initialized(value: MessageValue): void {
    this.#client = clientOf(asObject(asObject(value.params)?.clientInfo))
  }

  /** Takes what a `tools/list` answer says of each tool. */
  listed(
    value: MessageValue,
  ): readonly { readonly tool: string; readonly digest: string; readonly class: ToolClass }[] {
    const tools = asObject(value.result)?.tools
    if (!Array.isArray(tools)) return []
    const named = (tools as unknown[]).map(asObject).filter((tool) => tool !== undefined)
    return named.slice(0, MAX_TOOLS).flatMap((definition) => {
      const { name: tool } = definition
      if (typeof tool !== 'string' || tool === '' || tool.length > MAX_NAME_LENGTH || !tool.isWellFormed()) return []
      if (this.#hints.size < MAX_TOOLS || this.#hints.has(tool)) this.#hints.set(tool, hintsOf(definition))
      return [{ tool, digest: digestOf(definition), class: this.classOf(tool) }]
    })
  }

  /** The class of a tool of this server. */
  classOf(tool: string): ToolClass {
    return toolClassOf(tool, this.#hints.get(tool))
  }

  /** Whether an id already waits for an answer. */
  isWaiting(id: RequestId): boolean {
    return this.waiting.has(idKey(id))
  }
}

/** Whether a message speaks protocol 2026-07-28: each of its requests says so. */
export function isModern({ value }: Pick<Message, 'value'>): boolean {
  return typeof metaOf(value)?.[PROTOCOL_VERSION_KEY] === 'string'
}

function metaOf(value: MessageValue): MessageValue | undefined {
  return asObject(asObject(value.params)?._meta)
}

function clientOf(info: MessageValue | undefined): string {
  return describeName(`${describeName(info?.name, 'unknown')}/${describeName(info?.version, 'unknown')}`, 'unknown')
}

function hintsOf(definition: MessageValue): ToolHints {
  const annotations = asObject(definition.annotations)
  const flag = (value: unknown): boolean | undefined => (typeof value === 'boolean' ? value : undefined)
  return { readOnlyHint: flag(annotations?.readOnlyHint), destructiveHint: flag(annotations?.destructiveHint) }
}

function digestOf(definition: MessageValue): string {
  // Definitions may hold floats, which canonical JSON here refuses, so keys are sorted by hand (same order as RFC 8785).
  return createHash('sha256').update(JSON.stringify(definition, sortKeys)).digest('hex')
}

function sortKeys(_: string, value: unknown): unknown {
  const object = asObject(value)
  return object === undefined
    ? value
    : Object.fromEntries(Object.entries(object).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
