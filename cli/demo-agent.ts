// The demo's agent: a real MCP client that starts a gateway as MCP clients do, before a real file server.
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { ToolwardenError } from '../events/errors.ts'
import type { DemoStage } from './demo-stage.ts'

/** The name of the server in events and rules. */
const DEMO_SERVER = 'files'
/** Who calls. */
export const DEMO_PRINCIPAL = 'agent:demo'

/** What came back from one call. */
export interface DemoAnswer {
  readonly isError: boolean
  readonly text: string
}

/** A connected agent. */
export interface DemoAgent {
  call(tool: string, args: Readonly<Record<string, unknown>>): Promise<DemoAnswer>
  listTools(): Promise<readonly string[]>
  close(): Promise<void>
}

/** Starts gateway and server, and connects. Throws DEPENDENCY_MISSING where the file server is not installed. */
export async function connectAgent(stage: DemoStage, environment: NodeJS.ProcessEnv): Promise<DemoAgent> {
  const main = fileURLToPath(new URL('./main.js', import.meta.url))
  const gateway = [
    main,
    'gateway',
    '--policy',
    stage.policy,
    '--name',
    DEMO_SERVER,
    '--principal',
    DEMO_PRINCIPAL,
    '--session',
    'demo',
  ]
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [...gateway, '--', process.execPath, fileServerPath(), stage.project],
    env: definedOnly(environment),
    stderr: 'ignore',
  })
  const client = new Client({ name: 'demo-agent', version: '1.0.0' })
  await client.connect(transport)
  return {
    call: async (name, args) => {
      const result = await client.callTool({ name, arguments: args })
      const content = Array.isArray(result.content)
        ? (result.content as readonly { readonly type: string; readonly text?: string }[])
        : []
      return { isError: result.isError === true, text: content.map(({ text = '' }) => text).join('\n') }
    },
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    close: () => client.close(),
  }
}

function fileServerPath(): string {
  try {
    return createRequire(import.meta.url).resolve('@modelcontextprotocol/server-filesystem/dist/index.js')
  } catch (cause) {
    throw new ToolwardenError('DEPENDENCY_MISSING', 'the demo needs @modelcontextprotocol/server-filesystem', {
      fix: 'npm install @modelcontextprotocol/server-filesystem',
      cause,
    })
  }
}

function definedOnly(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}
