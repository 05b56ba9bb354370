// The conformance server's part of MCP 2025-11-25: one session, whatever carries it. It asks the client and notifies it
// while a call is under way, on the channel of that call.
import { setTimeout as pause } from 'node:timers/promises'
import {
  CONSTANT_TOOLS,
  complete,
  getPrompt,
  INVALID_PARAMS,
  type Json,
  listTools,
  PROMPTS,
  RESOURCE_TEMPLATES,
  RESOURCES,
  RpcError,
  readResource,
  textResult,
} from './conformance-content.ts'

/** Where the messages that belong to one request go. */
export interface Channel {
  send(message: Json): void
  /** Lets the client go in the middle of the call: it comes back for the rest. */
  drop(): void
}

const VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']
const METHOD_NOT_FOUND = -32601
const STEP_MS = 50

const CAPABILITIES = {
  tools: { listChanged: true },
  resources: { subscribe: true, listChanged: true },
  prompts: { listChanged: true },
  completions: {},
  logging: {},
}

/** What a tool can do while it runs. */
interface Call {
  readonly args: Json
  readonly progressToken: unknown
  notify(method: string, params: Json): void
  /** Resolves with the client's result. */
  ask(method: string, params: Json): Promise<Json>
  drop(): void
}

const TOOLS: Readonly<Record<string, (call: Call) => Promise<Json>>> = {
  test_tool_with_logging: async ({ notify }) => {
    const log = (data: string): void => notify('notifications/message', { level: 'info', logger: 'conformance', data })
    log('Tool execution started')
    await pause(STEP_MS)
    log('Tool processing data')
    await pause(STEP_MS)
    log('Tool execution completed')
    return textResult('Logged three times.')
  },
  test_tool_with_progress: async ({ progressToken, notify }) => {
    for (const progress of [0, 50, 100]) {
      if (progressToken !== undefined) notify('notifications/progress', { progressToken, progress, total: 100 })
      await pause(STEP_MS)
    }
    return textResult('Done in three steps.')
  },
  test_sampling: async ({ args, ask }) => {
    const messages = [{ role: 'user', content: { type: 'text', text: args.prompt } }]
    const { content } = await ask('sampling/createMessage', { messages, maxTokens: 100 })
    return textResult(`LLM response: ${(content as Json).text}`)
  },
  test_elicitation: ({ args, ask }) =>
    elicit(ask, String(args.message), {
      properties: {
        username: { type: 'string', description: "User's response" },
        email: { type: 'string', description: "User's email address" },
      },
      required: ['username', 'email'],
    }),
  test_elicitation_sep1034_defaults: ({ ask }) =>
    elicit(ask, 'Please look at the defaults', {
      properties: {
        name: { type: 'string', default: 'John Doe' },
        age: { type: 'integer', default: 30 },
        score: { type: 'number', default: 95.5 },
        status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
        verified: { type: 'boolean', default: true },
      },
    }),
  test_elicitation_sep1330_enums: ({ ask }) =>
    elicit(ask, 'Please choose', {
      properties: {
        untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
        titledSingle: { type: 'string', oneOf: titled('First Option', 'Second Option') },
        legacyEnum: { type: 'string', enum: ['opt1', 'opt2'], enumNames: ['Option One', 'Option Two'] },
        untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
        titledMulti: { type: 'array', items: { anyOf: titled('First Choice', 'Second Choice') } },
      },
    }),
  test_reconnection: async ({ drop }) => {
    await pause(STEP_MS)
    drop()
    await pause(STEP_MS)
    return textResult('Here after the stream was closed.')
  },
}

async function elicit(ask: Call['ask'], message: string, schema: Json): Promise<Json> {
  const { action, content } = await ask('elicitation/create', {
    message,
    requestedSchema: { type: 'object', ...schema },
  })
  return textResult(`Elicitation completed: action=${action}, content=${JSON.stringify(content)}`)
}

function titled(...titles: readonly string[]): readonly Json[] {
  return titles.map((title, index) => ({ const: `value${index + 1}`, title }))
}

/** Begins a session; what it gives back takes each message of the client and resolves once a request is answered. */
export function createLegacySession(): (message: Json, channel: Channel) => Promise<void> {
  const waiting = new Map<unknown, (answer: Json) => void>()
  let asked = 0

  async function callTool(params: Json, channel: Channel): Promise<Json> {
    const constant = CONSTANT_TOOLS.get(String(params.name))
    if (constant !== undefined) return constant
    const run = TOOLS[String(params.name)]
    if (run === undefined) throw new RpcError(INVALID_PARAMS, 'No such tool')
    return run({
      args: (params.arguments ?? {}) as Json,
      progressToken: (params._meta as Json | undefined)?.progressToken,
      notify: (method, notified) => channel.send({ jsonrpc: '2.0', method, params: notified }),
      ask: async (method, question) => {
        const id = `asked-${++asked}`
        const answer = new Promise<Json>((resolve) => waiting.set(id, resolve))
        channel.send({ jsonrpc: '2.0', id, method, params: question })
        const { result, error } = await answer
        if (result === undefined) throw new RpcError(INVALID_PARAMS, 'The client refused', error as Json)
        return result as Json
      },
      drop: () => channel.drop(),
    })
  }

  return async (message, channel) => {
    const { id, method } = message
    const params = (message.params ?? {}) as Json
    if (method === undefined) waiting.get(id)?.(message)
    if (method === undefined || id === undefined) return
    try {
      const result = method === 'tools/call' ? await callTool(params, channel) : answerFor(String(method), params)
      channel.send({ jsonrpc: '2.0', id, result })
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      const { code, message: text, data } = error
      channel.send({ jsonrpc: '2.0', id, error: { code, message: text, ...(data === undefined ? {} : { data }) } })
    }
  }
}

function answerFor(method: string, params: Json): Json {
  switch (method) {
    case 'initialize':
      return {
        protocolVersion: VERSIONS.find((version) => version === params.protocolVersion) ?? VERSIONS[0],
        capabilities: CAPABILITIES,
        serverInfo: { name: 'conformance', version: '1.0.0' },
      }
    case 'tools/list':
      return { tools: listTools(Object.keys(TOOLS)) }
    case 'resources/list':
      return { resources: RESOURCES }
    case 'resources/templates/list':
      return { resourceTemplates: RESOURCE_TEMPLATES }
    case 'resources/read':
      return readResource(params.uri, 'legacy')
    case 'prompts/list':
      return { prompts: PROMPTS }
    case 'prompts/get':
      return getPrompt(params.name, (params.arguments ?? {}) as Json)
    case 'completion/complete':
      return complete(params)
    case 'ping':
    case 'logging/setLevel':
    case 'resources/subscribe':
    case 'resources/unsubscribe':
      return {}
    default:
      throw new RpcError(METHOD_NOT_FOUND, `Method not found: ${method}`)
  }
}
