// The tools of the probe server: each shows one feature, most of them by what the server asks or tells its client meanwhile.
import type { Server } from '@modelcontextprotocol/sdk/server/index.js'
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js'
import {
  type CallToolRequest,
  CallToolRequestSchema,
  CreateMessageResultSchema,
  ElicitResultSchema,
  EmptyResultSchema,
  ListRootsResultSchema,
  McpError,
  type ServerNotification,
  type ServerRequest,
} from '@modelcontextprotocol/sdk/types.js'

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>
type Params = CallToolRequest['params']
type Tool = (params: Params, extra: Extra) => Promise<Record<string, unknown>>

/** The error that the tool `fail` answers with. */
export const PROBE_ERROR = { code: -31_999, data: { hint: 'not today' } } as const
/** Bytes of the text of the tool `large`. */
export const LARGE_BYTES = 4 * 1024 * 1024

/** Answers `tools/call`. */
export function answerProbeCalls(server: Server): void {
  let aborted = 0
  const tools: Readonly<Record<string, Tool>> = {
    ...ASKING,
    ...TELLING,
    wait: async (params, extra) => {
      await progress(params, extra, 1)
      await new Promise<void>((resolve) => extra.signal.addEventListener('abort', () => resolve()))
      aborted++
      return text('aborted')
    },
    aborted: async () => text(String(aborted)),
  }
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const tool = tools[params.name]
    if (tool === undefined) throw new McpError(-32_602, `no tool ${params.name}`)
    return tool(params, extra)
  })
}

/** Tools that ask the client for something. */
const ASKING: Readonly<Record<string, Tool>> = {
  sample: async (_, { sendRequest }) => {
    const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: 'Say blue' } }]
    const params = { messages, maxTokens: 10 }
    const answer = await sendRequest({ method: 'sampling/createMessage', params }, CreateMessageResultSchema)
    return text(JSON.stringify(answer.content))
  },
  elicit: async (_, { sendRequest }) => {
    const requestedSchema = { type: 'object' as const, properties: { colour: { type: 'string' as const } } }
    const params = { mode: 'form' as const, message: 'Which colour?', requestedSchema }
    const answer = await sendRequest({ method: 'elicitation/create', params }, ElicitResultSchema)
    return text(JSON.stringify(answer))
  },
  roots: async (_, { sendRequest }) => {
    const { roots } = await sendRequest({ method: 'roots/list' }, ListRootsResultSchema)
    return text(roots.map(({ uri }) => uri).join(' '))
  },
  ping: async (_, { sendRequest }) => {
    await sendRequest({ method: 'ping' }, EmptyResultSchema)
    return text('pong')
  },
}

/** Tools that tell the client something, or answer in a form of their own. */
const TELLING: Readonly<Record<string, Tool>> = {
  echo: async ({ arguments: args }) => text(JSON.stringify(args)),
  structured: async () => ({ ...text('{"sum":5}'), structuredContent: { sum: 5 } }),
  progress: async (params, extra) => {
    for (const step of [1, 2, 3]) await progress(params, extra, step)
    // The SDK's client drops progress that it reads together with the answer, so the answer waits until it was seen.
    await extra.sendRequest({ method: 'ping' }, EmptyResultSchema)
    return text('done')
  },
  'change-tools': async (_, { sendNotification }) => {
    await sendNotification({ method: 'notifications/tools/list_changed' })
    return text('changed')
  },
  'update-resource': async (_, { sendNotification }) => {
    await sendNotification({ method: 'notifications/resources/updated', params: { uri: 'probe://page/0' } })
    return text('updated')
  },
  log: async (_, { sendNotification }) => {
    const params = { level: 'warning' as const, logger: 'probe', data: { at: 'tool' } }
    await sendNotification({ method: 'notifications/message', params })
    return text('logged')
  },
  meta: async (params) => ({ ...text('meta'), _meta: { 'example.org/seen': params._meta?.['example.org/sent'] } }),
  fail: async () => {
    throw new McpError(PROBE_ERROR.code, 'refused', PROBE_ERROR.data)
  },
  large: async () => text('x'.repeat(LARGE_BYTES)),
  binary: async () => ({
    content: [
      { type: 'image', data: everyByte(), mimeType: 'image/png' },
      { type: 'audio', data: everyByte(), mimeType: 'audio/wav' },
      { type: 'resource', resource: { uri: 'probe://blob', blob: everyByte(), mimeType: 'application/octet-stream' } },
    ],
  }),
  task: async (_, { taskStore, taskRequestedTtl }) => {
    if (taskStore === undefined) throw new McpError(-32_603, 'no task was asked for')
    const task = await taskStore.createTask({ ttl: taskRequestedTtl ?? null })
    await taskStore.storeTaskResult(task.taskId, 'completed', { content: [{ type: 'text', text: 'task done' }] })
    return { task }
  },
}

/** Base64 of all 256 bytes. */
export function everyByte(): string {
  return Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('base64')
}

function text(content: string): { readonly content: readonly object[] } {
  return { content: [{ type: 'text', text: content }] }
}

async function progress({ _meta }: Params, { sendNotification }: Extra, step: number): Promise<void> {
  if (_meta?.progressToken === undefined) return
  const params = { progressToken: _meta.progressToken, progress: step, total: 3, message: `step ${step}` }
  await sendNotification({ method: 'notifications/progress', params })
}
