// The conformance server's part of MCP 2026-07-28: every request stands for itself, its fields mirror its body (SEP-2243),
// what is missing is asked for in a result, and changes are told on the streams of `subscriptions/listen`.
import type { IncomingHttpHeaders } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import {
  CONSTANT_TOOLS,
  complete,
  getPrompt,
  INVALID_PARAMS,
  type Json,
  listTools,
  MIRRORED_ARGUMENT,
  PROMPTS,
  RESOURCE_TEMPLATES,
  RESOURCES,
  RpcError,
  readResource,
  textResult,
} from './conformance-content.ts'
import { getRoundPrompt, ROUND_PROMPT, ROUND_TOOLS, type Round, readRound } from './conformance-rounds.ts'

const MODERN_VERSION = '2026-07-28'
const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion'
const CAPABILITIES_KEY = 'io.modelcontextprotocol/clientCapabilities'
const LOG_LEVEL_KEY = 'io.modelcontextprotocol/logLevel'
const SUBSCRIPTION_KEY = 'io.modelcontextprotocol/subscriptionId'
const SERVER_INFO = { 'io.modelcontextprotocol/serverInfo': { name: 'conformance', version: '1.0.0' } }

const METHOD_NOT_FOUND = -32601
const HEADER_MISMATCH = -32020
const MISSING_CAPABILITY = -32021
const UNSUPPORTED_VERSION = -32022
const STEP_MS = 50

const CAPABILITIES = { tools: { listChanged: true }, prompts: { listChanged: true }, resources: {}, completions: {} }
const OWN_TOOLS = [
  'test_tool_with_progress',
  'test_missing_capability',
  'test_logging_tool',
  'test_trigger_tool_change',
  'test_trigger_prompt_change',
  MIRRORED_ARGUMENT.tool,
]

/** What a subscriber is told, and how. */
interface Subscriber {
  readonly filter: Json
  readonly notify: (method: string) => void
}

/** The listening clients. */
export type Subscribers = Set<Subscriber>

/** One request with what carries it. */
export interface ModernRequest {
  readonly headers: IncomingHttpHeaders
  readonly message: Json
  readonly subscribers: Subscribers
  /** Sends a notification before the answer. */
  readonly notify: (method: string, params: Json) => void
  /** Resolves when the client is gone. */
  readonly gone: Promise<void>
}

/** Whether a message is of this era: it says so itself, or its field does. */
export function speaksModern(message: Json, headers: IncomingHttpHeaders): boolean {
  return metaOf(message)[VERSION_KEY] !== undefined || String(headers['mcp-protocol-version'] ?? '') >= MODERN_VERSION
}

/** The status of HTTP that an error goes with. */
export function statusOf({ code }: RpcError): number {
  return code === METHOD_NOT_FOUND ? 404 : 400
}

/** Answers one request; undefined where it ended with its client. Throws RpcError. */
export async function answerModern(request: ModernRequest): Promise<Json | undefined> {
  const { message, headers } = request
  checkMeta(metaOf(message), headers)
  checkMirrored(message, headers)
  const result = await resultOf(request, String(message.method), paramsOf(message))
  return result === undefined ? undefined : { resultType: 'complete', ...result, _meta: SERVER_INFO }
}

function checkMeta(meta: Json, headers: IncomingHttpHeaders): void {
  const { [VERSION_KEY]: version, [CAPABILITIES_KEY]: capabilities } = meta
  if (typeof version !== 'string' || typeof capabilities !== 'object')
    throw new RpcError(INVALID_PARAMS, 'The _meta of the request is not complete')
  if (headers['mcp-protocol-version'] !== version) throw mismatch('MCP-Protocol-Version')
  if (version !== MODERN_VERSION) {
    const data = { supported: [MODERN_VERSION], requested: version }
    throw new RpcError(UNSUPPORTED_VERSION, 'Unsupported protocol version', data)
  }
}

function checkMirrored(message: Json, headers: IncomingHttpHeaders): void {
  const params = paramsOf(message)
  if (headers['mcp-method'] !== message.method) throw mismatch('Mcp-Method')
  const name = message.method === 'resources/read' ? params.uri : params.name
  const isNamed = ['tools/call', 'prompts/get', 'resources/read'].includes(String(message.method))
  if (isNamed && decoded(headers['mcp-name']) !== name) throw mismatch('Mcp-Name')
  if (message.method !== 'tools/call' || params.name !== MIRRORED_ARGUMENT.tool) return
  const field = `Mcp-Param-${MIRRORED_ARGUMENT.field}`
  const { [MIRRORED_ARGUMENT.argument]: value } = (params.arguments ?? {}) as Json
  if (decoded(headers[field.toLowerCase()]) !== value) throw mismatch(field)
}

function mismatch(field: string): RpcError {
  return new RpcError(HEADER_MISMATCH, `${field} does not match the body`)
}

/** A mirrored value; undefined where it is not what its form promises. */
function decoded(value: string | readonly string[] | undefined): string | undefined {
  const text = String(value ?? '').trim()
  const encoded = /^=\?base64\?(.*)\?=$/.exec(text)?.[1]
  if (encoded === undefined) return value === undefined ? undefined : text
  const bytes = Buffer.from(encoded, 'base64')
  return bytes.toString('base64') === encoded ? bytes.toString('utf8') : undefined
}

async function resultOf(request: ModernRequest, method: string, params: Json): Promise<Json | undefined> {
  const round = (): Round => readRound(params, metaOf(request.message)[CAPABILITIES_KEY] as Json)
  const cached = { ttlMs: 0, cacheScope: 'private' }
  switch (method) {
    case 'server/discover':
      return { ...cached, supportedVersions: [MODERN_VERSION], capabilities: CAPABILITIES }
    case 'tools/list':
      return { ...cached, tools: listTools([...OWN_TOOLS, ...Object.keys(ROUND_TOOLS)]) }
    case 'tools/call':
      return callTool(request, params, round())
    case 'resources/list':
      return { ...cached, resources: RESOURCES }
    case 'resources/templates/list':
      return { ...cached, resourceTemplates: RESOURCE_TEMPLATES }
    case 'resources/read':
      return { ...cached, ...readResource(params.uri, 'modern') }
    case 'prompts/list':
      return { ...cached, prompts: [...PROMPTS, { name: ROUND_PROMPT, description: 'A prompt.' }] }
    case 'prompts/get':
      return params.name === ROUND_PROMPT
        ? getRoundPrompt(round())
        : getPrompt(params.name, (params.arguments ?? {}) as Json)
    case 'completion/complete':
      return complete(params)
    case 'subscriptions/listen':
      return listen(request, (params.notifications ?? {}) as Json)
    default:
      throw new RpcError(METHOD_NOT_FOUND, `Method not found: ${method}`)
  }
}

async function callTool(request: ModernRequest, params: Json, round: Round): Promise<Json> {
  const name = String(params.name)
  const { notify, subscribers } = request
  const meta = metaOf(request.message)
  switch (name) {
    case 'test_tool_with_progress':
      return showProgress(notify, meta.progressToken)
    case 'test_logging_tool':
      if (meta[LOG_LEVEL_KEY] !== undefined) notify('notifications/message', { level: 'info', data: 'A line' })
      return textResult('Logged where the request asked for it.')
    case 'test_missing_capability':
      if ('sampling' in round.capabilities) return textResult('The client can sample.')
      throw new RpcError(MISSING_CAPABILITY, 'The client cannot sample', { requiredCapabilities: { sampling: {} } })
    case 'test_trigger_tool_change':
      tell(subscribers, 'toolsListChanged', 'notifications/tools/list_changed')
      return textResult('Told.')
    case 'test_trigger_prompt_change':
      tell(subscribers, 'promptsListChanged', 'notifications/prompts/list_changed')
      return textResult('Told.')
    case MIRRORED_ARGUMENT.tool:
      return textResult('The field says what the argument says.')
  }
  const result = CONSTANT_TOOLS.get(name) ?? ROUND_TOOLS[name]?.(round)
  if (result === undefined) throw new RpcError(INVALID_PARAMS, 'No such tool')
  return result
}

async function showProgress(notify: ModernRequest['notify'], progressToken: unknown): Promise<Json> {
  for (const progress of [0, 50, 100]) {
    if (progressToken !== undefined) notify('notifications/progress', { progressToken, progress, total: 100 })
    await pause(STEP_MS)
  }
  return textResult('Done in three steps.')
}

function tell(subscribers: Subscribers, wish: string, method: string): void {
  for (const { filter, notify } of subscribers) if (filter[wish] === true) notify(method)
}

async function listen({ message, notify, subscribers, gone }: ModernRequest, filter: Json): Promise<undefined> {
  const meta = { _meta: { [SUBSCRIPTION_KEY]: message.id } }
  notify('notifications/subscriptions/acknowledged', { ...meta, notifications: filter })
  const subscriber = { filter, notify: (method: string) => notify(method, meta) }
  subscribers.add(subscriber)
  await gone
  subscribers.delete(subscriber)
}

function paramsOf(message: Json): Json {
  return (message.params ?? {}) as Json
}

function metaOf(message: Json): Json {
  return (paramsOf(message)._meta ?? {}) as Json
}
