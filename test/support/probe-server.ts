// A server that shows one behaviour for each feature of MCP 2025-11-25 that a go-between can lose, written with the SDK.
// `probe-server.js` on stdio, `probe-server.js http` on Streamable HTTP.
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import {
  CompleteRequestSchema,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { answerProbeCalls } from './probe-tools.ts'

const INSTRUCTIONS = 'Ask for one feature at a time.'
const PAGES = 3
const NOT_FOUND = -32_002

const TOOLS = [
  'echo',
  'structured',
  'progress',
  'wait',
  'aborted',
  'sample',
  'elicit',
  'roots',
  'ping',
  'change-tools',
  'update-resource',
  'log',
  'meta',
  'fail',
  'large',
  'binary',
  'task',
]

function createProbeServer(): Server {
  const capabilities = {
    tools: { listChanged: true },
    resources: { subscribe: true, listChanged: true },
    prompts: { listChanged: true },
    completions: {},
    logging: {},
    tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } },
  }
  const server = new Server(
    { name: 'probe', title: 'Probe', version: '1.2.3' },
    { capabilities, instructions: INSTRUCTIONS, taskStore: new InMemoryTaskStore() },
  )
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: TOOLS.map(toolOf) }))
  answerProbeCalls(server)
  answerResources(server)
  server.setRequestHandler(ListPromptsRequestSchema, () => ({
    prompts: [{ name: 'greet', arguments: [{ name: 'who', required: true }] }],
  }))
  server.setRequestHandler(GetPromptRequestSchema, ({ params }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Greet ${params.arguments?.who}` } }],
  }))
  server.setRequestHandler(CompleteRequestSchema, ({ params }) => ({
    completion: { values: [`${params.argument.value}ris`], total: 1, hasMore: false },
  }))
  return server
}

function toolOf(name: string): { name: string; inputSchema: { type: 'object' }; [key: string]: unknown } {
  const inputSchema = { type: 'object' as const }
  if (name === 'structured')
    return { name, inputSchema, outputSchema: { type: 'object', properties: { sum: { type: 'number' } } } }
  return name === 'task' ? { name, inputSchema, execution: { taskSupport: 'optional' } } : { name, inputSchema }
}

function answerResources(server: Server): void {
  server.setRequestHandler(ListResourcesRequestSchema, ({ params }) => {
    const page = Number(params?.cursor ?? 0)
    const resources = [{ uri: `probe://page/${page}`, name: `page ${page}` }]
    return page + 1 < PAGES ? { resources, nextCursor: String(page + 1) } : { resources }
  })
  server.setRequestHandler(ReadResourceRequestSchema, ({ params: { uri } }) => {
    if (!uri.startsWith('probe://page/')) throw new McpError(NOT_FOUND, 'no such resource', { uri })
    return { contents: [{ uri, mimeType: 'text/plain', text: `this is ${uri}` }] }
  })
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [{ uriTemplate: 'probe://page/{number}', name: 'pages' }],
  }))
  server.setRequestHandler(SubscribeRequestSchema, () => ({}))
  server.setRequestHandler(UnsubscribeRequestSchema, () => ({}))
}

async function serveHttp(): Promise<void> {
  const transports = new Map<string, StreamableHTTPServerTransport>()
  const server = createServer((request, response) => {
    const id = request.headers['mcp-session-id']
    const known = typeof id === 'string' ? transports.get(id) : undefined
    if (known !== undefined) return void known.handleRequest(request, response)
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (session) => void transports.set(session, transport),
    })
    createProbeServer()
      .connect(transport as Transport)
      .then(() => transport.handleRequest(request, response))
      .catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    if (address !== null && typeof address === 'object')
      console.log(`listening on http://127.0.0.1:${address.port}/mcp`)
  })
}

if (process.argv[2] === 'http') await serveHttp()
else {
  await createProbeServer().connect(new StdioServerTransport())
  // The timers of tasks would keep it alive for as long as tasks are kept.
  process.stdin.once('end', () => process.exit(0))
}
