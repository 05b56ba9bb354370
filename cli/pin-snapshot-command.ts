// `toolwarden pin --from-server <command|url>`: approves what a server lists now, before any client meets it.
import { ToolwardenError } from '../events/errors.ts'
import type { ServerProcess } from '../gateway/stdio/server-process.ts'
import { splitCommand } from './command-line.ts'
import { approveDefinitions, connect, type PinFlags } from './pin-command.ts'
import { type CurrentDefinition, readServerDefinitions } from './server-definitions.ts'
import { serverNameOf } from './server-name.ts'

/** Options as commander gives them. */
export interface SnapshotFlags extends PinFlags {
  readonly fromServer?: string
  readonly name?: string
}

const EXAMPLE =
  'toolwarden pin --from-server "npx -y @modelcontextprotocol/server-filesystem /srv" --reason "read them"'
/** How long a server may take to end once it was asked. */
const END_GRACE_MS = 2_000

/** Asks the server, approves, and prints what was approved. Throws USAGE, UPSTREAM_UNAVAILABLE, STORE_UNAVAILABLE. */
export async function pinFromServer(flags: SnapshotFlags): Promise<void> {
  const { fromServer, reason, json } = flags
  if (fromServer === undefined || fromServer.trim() === '')
    throw new ToolwardenError('USAGE', 'no server to ask', { where: '--from-server', fix: EXAMPLE })
  if (reason === undefined || reason.trim() === '')
    throw new ToolwardenError('USAGE', 'no reason', { where: '--reason', fix: EXAMPLE })
  // First of all: nothing is started for an approval that could not be recorded.
  const api = await connect(flags)
  const { name, server } = await openServer(fromServer, flags)
  const tools = await askAndEnd(server)
  if (tools.length === 0)
    throw new ToolwardenError('UPSTREAM_UNAVAILABLE', 'the server lists no tools', { where: fromServer })
  await approveDefinitions(api, { server: name, tools, reason, json: json === true })
}

async function openServer(
  text: string,
  { config, name }: SnapshotFlags,
): Promise<{ readonly name: string; readonly server: ServerProcess }> {
  if (/^https?:/i.test(text)) {
    const { openRemoteServer } = await import('./remote-server.ts')
    return openRemoteServer({
      upstream: text,
      ...(config === undefined ? {} : { config }),
      ...(name === undefined ? {} : { name }),
    })
  }
  const { startServer } = await import('../gateway/stdio/server-process.ts')
  const words = splitCommand(text)
  const [program, ...args] = words
  if (program === undefined) throw new ToolwardenError('USAGE', 'no server command', { fix: EXAMPLE })
  return { name: name ?? serverNameOf(words), server: await startServer(program, args, process.env) }
}

async function askAndEnd(server: ServerProcess): Promise<readonly CurrentDefinition[]> {
  try {
    return await readServerDefinitions(server)
  } finally {
    await end(server)
  }
}

/** As a client ends a server: its input first (MCP 2025-11-25, shutdown). */
async function end(server: ServerProcess): Promise<void> {
  server.input.end()
  const timer = setTimeout(() => server.kill('SIGKILL'), END_GRACE_MS)
  await server.ended
  clearTimeout(timer)
}
