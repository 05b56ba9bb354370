// A server that is asked something before any client meets it: by its command or its URL, started for this and ended after.
import { ToolwardenError } from '../events/errors.ts'
import type { ServerProcess } from '../gateway/stdio/server-process.ts'
import { splitCommand } from './command-line.ts'
import { serverNameOf } from './server-name.ts'

/** How long a server may take to end once it was asked. */
const END_GRACE_MS = 2_000

/** What names a server beside its command or URL. */
export interface AskFlags {
  readonly config?: string
  /** Its name in events and policy. */
  readonly name?: string
}

/** A server's name, the words of its command (none of a URL), and what it answered. */
export interface ServerAnswer<Answer> {
  readonly name: string
  readonly command: readonly string[]
  readonly answer: Answer
}

/** Asks a server, named by its command as one string or by its URL. Throws USAGE, UPSTREAM_UNAVAILABLE. */
export async function askServer<Answer>(
  text: string,
  flags: AskFlags,
  ask: (server: ServerProcess) => Promise<Answer>,
): Promise<ServerAnswer<Answer>> {
  const { server, ...about } = await openServer(text, flags)
  try {
    return { ...about, answer: await ask(server) }
  } finally {
    await end(server)
  }
}

async function openServer(
  text: string,
  { config, name }: AskFlags,
): Promise<{ readonly name: string; readonly server: ServerProcess; readonly command: readonly string[] }> {
  if (/^https?:/i.test(text)) {
    const { openRemoteServer } = await import('./remote-server.ts')
    const opened = await openRemoteServer({
      upstream: text,
      ...(config === undefined ? {} : { config }),
      ...(name === undefined ? {} : { name }),
    })
    return { ...opened, command: [] }
  }
  const { startServer } = await import('../gateway/stdio/server-process.ts')
  const words = splitCommand(text)
  const [program, ...args] = words
  if (program === undefined)
    throw new ToolwardenError('USAGE', 'no server command', {
      where: '--from-server',
      fix: '--from-server "npx -y @modelcontextprotocol/server-filesystem /srv"',
    })
  const server = await startServer(program, args, process.env)
  return { name: name ?? serverNameOf(words), server, command: words }
}

/** As a client ends a server: its input first (MCP 2025-11-25, shutdown). */
async function end(server: ServerProcess): Promise<void> {
  server.input.end()
  const timer = setTimeout(() => server.kill('SIGKILL'), END_GRACE_MS)
  await server.ended
  clearTimeout(timer)
}
