// One MCP connection as the gateway knows it, whatever the transport: who speaks, which requests wait for an answer,
// what the server said of its tools. No I/O.
import { type ToolClass, type ToolHints, toolClassOf } from '../events/tool-class.ts'
import type { OpenCall } from './call-gate.ts'
import { type ConnectionContext, describeName } from './context.ts'
import { Elicitations, takesForms } from './elicitations.ts'
import { asObject, idKey, type Message, type MessageValue, type RequestId } from './message.ts'
import { type ShownChange, type ShownDefinition, ShownTools } from './shown-tools.ts'
import { type DefinedTool, MAX_TOOLS, type ServerStatement, type ToolPage } from './tool-list.ts'
import type { Withdrawal } from './withdrawal.ts'

/** A request of the client that waits for its answer. */
export type Waiting =
  | { readonly kind: 'deciding'; readonly withdrawal: Withdrawal }
  | { readonly kind: 'call'; readonly call: OpenCall; cancelled: boolean }
  | OtherRequest

/** A request that no call waits for; `isNextPage` where it asks for a further page of a list. */
export interface OtherRequest {
  readonly kind: 'other'
  readonly method: string
  readonly isNextPage: boolean
}

/** A tool that was shown to a connection as it was not before. */
export type FreshTool = DefinedTool & { readonly class: ToolClass }

/** The most sessions of one connection that rules are compared with; the oldest is forgotten first. */
const MAX_SESSIONS = 1_000
/** W3C Trace Context, section 3.2.2; a trace id of zeros says nothing. */
const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/
/** The member of `params._meta` that makes a request one of protocol 2026-07-28. */
export const PROTOCOL_VERSION_KEY = 'io.modelcontextprotocol/protocolVersion'
const CLIENT_INFO_KEY = 'io.modelcontextprotocol/clientInfo'

/** What a connection starts from. */
export type ConnectionBase = Omit<ConnectionContext, 'client'> & {
  /** True where the operator named the session: no `traceparent` of the client changes it. */
  readonly isSessionFixed: boolean
  /** True where nobody knows how many clients it has. */
  readonly isShared?: boolean
}

/** State of one connection. */
export class Connection {
  /** By type and value of the request's id; written by the transport as requests come and answers go. */
  readonly waiting = new Map<string, Waiting>()
  readonly #base: Omit<ConnectionContext, 'client'>
  readonly #isSessionFixed: boolean
  readonly #hints = new Map<string, ToolHints>()
  readonly #shown: ShownTools
  /** Sessions seen here, oldest first; the connection's own is the first. */
  readonly #sessions: Set<string>
  #client = 'unknown'
  /** What the client said it can do; read with the protocol's version, which the server chooses. */
  #capabilities: unknown
  #protocolVersion: unknown
  /** The gateway's own questions to this client's user. */
  readonly elicitations = new Elicitations()
  /** Governed requests so far. */
  calls = 0

  constructor({ isSessionFixed, isShared = false, ...base }: ConnectionBase) {
    this.#base = base
    this.#shown = new ShownTools({ isShared })
    this.#isSessionFixed = isSessionFixed
    this.#sessions = new Set([base.session])
  }

  /** The context of the connection's own events. */
  get context(): ConnectionContext {
    return { client: this.#client, ...this.#base }
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
    return { origin: this.#base.session, ...context, session }
  }

  /** Takes the client's name, and what it can do, from `initialize`. */
  initialized(value: MessageValue): void {
    const params = asObject(value.params)
    this.#client = clientOf(asObject(params?.clientInfo))
    this.#capabilities = params?.capabilities
  }

  /** Takes the protocol's version from the answer to `initialize`. */
  negotiated(protocolVersion: unknown): void {
    this.#protocolVersion = protocolVersion
  }

  /** Whether the client can put a form before its user. */
  get takesForms(): boolean {
    return takesForms(this.#capabilities, this.#protocolVersion)
  }

  /** Takes a page of `tools/list`. */
  listed(page: ToolPage, isNextPage: boolean): ShownChange & { readonly fresh: readonly FreshTool[] } {
    for (const { tool, hints } of page.tools)
      if (this.#hints.size < MAX_TOOLS || this.#hints.has(tool)) this.#hints.set(tool, hints)
    const change = this.#shown.take(page, !isNextPage)
    return { ...change, fresh: change.fresh.map((tool) => ({ ...tool, class: this.classOf(tool.tool) })) }
  }

  /** Takes what the server says of itself; false where it said the same before. */
  stated(statement: ServerStatement): boolean {
    return this.#shown.takeStatement(statement)
  }

  /** What the client was shown of a tool. */
  shownOf(tool: string): ShownDefinition {
    return this.#shown.shownOf(tool)
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

/** What is remembered of a request that needs no decision. */
export function otherRequest({
  method,
  value,
}: Pick<Extract<Message, { kind: 'request' }>, 'method' | 'value'>): OtherRequest {
  return { kind: 'other', method, isNextPage: asObject(value.params)?.cursor !== undefined }
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
