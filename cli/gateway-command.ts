// `toolwarden gateway`: between an MCP client on stdin and stdout and the server that it starts. The client waits for the
// first answer, so the server is started before anything else is loaded (carry-connection.ts).
import { ToolwardenError } from '../events/errors.ts'
import { systemClock, uuidv7 } from '../events/time.ts'
import type { ConnectionBase } from '../gateway/connection.ts'
import { MAX_NAME_LENGTH } from '../gateway/context.ts'
import { type ProcessEnd, type ServerProcess, startServer } from '../gateway/stdio/server-process.ts'
import { splitCommand } from './command-line.ts'
import { checkRoot } from './server-directories.ts'
import { serverNameOf } from './server-name.ts'
import { clientSession, defaultPrincipal } from './session.ts'

/** The command's options as commander gives them. */
export interface GatewayFlags {
  readonly config?: string
  readonly policy?: string
  readonly name?: string
  readonly principal?: string
  readonly session?: string
  readonly root?: string
  readonly upstream?: string
  readonly listen?: string
  readonly anonymous?: boolean
  /** `Field=VARIABLE`, for a server over HTTP. */
  readonly header?: readonly string[]
}

type Command = readonly [program: string, ...args: string[]]

/** As a writer's name and a folder need it. */
const SERVER_NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/

/** Runs until the server has ended; then this process ends the same way. */
export async function runGateway(flags: GatewayFlags, rest: readonly string[]): Promise<ProcessEnd> {
  const { server, ...opened } = await openServer(flags, rest)
  try {
    const { carryConnection } = await import('./carry-connection.ts')
    return await carryConnection(flags, { server, ...opened, context: connectionContext(flags, opened.name) })
  } catch (error) {
    // Bad configuration, say: no governed request has passed, and no process is left behind.
    server.kill('SIGKILL')
    process.stdin.destroy()
    throw error
  }
}

/** A server that runs, or is reached. */
export interface OpenedServer {
  readonly name: string
  readonly server: ServerProcess
  readonly isRemote: boolean
  readonly command: readonly string[]
}

/** A process by its command, or a server over HTTP by its URL or by its name in the configuration. */
async function openServer(flags: GatewayFlags, rest: readonly string[]): Promise<OpenedServer> {
  const isNamed = flags.upstream === undefined && rest.length === 0 && flags.name !== undefined
  if (isNamed || (rest.length === 0 && /^https?:/i.test(flags.upstream ?? ''))) {
    const { openRemoteServer } = await import('./remote-server.ts')
    return { ...(await openRemoteServer(flags)), isRemote: true, command: [] }
  }
  if (flags.header !== undefined)
    throw new ToolwardenError('USAGE', 'only a server over HTTP takes header fields', {
      where: '--header',
      fix: 'toolwarden gateway --upstream https://mcp.example.com/mcp --header Authorization=MY_TOKEN',
    })
  const command = serverCommand(flags, rest)
  checkRoot(flags.root, command)
  const [program, ...args] = command
  const name = flags.name ?? serverNameOf(command)
  return { name, server: await startServer(program, args, process.env), isRemote: false, command }
}

function serverCommand({ upstream, name, principal, session }: GatewayFlags, rest: readonly string[]): Command {
  const fix = 'toolwarden gateway --policy policy.yaml -- npx -y @modelcontextprotocol/server-filesystem /srv'
  if (upstream !== undefined && rest.length > 0)
    throw new ToolwardenError('USAGE', 'two server commands: --upstream and the words after --', { fix })
  const [program, ...args] = rest.length > 0 ? rest : splitCommand(upstream ?? '')
  if (program === undefined || program === '') throw new ToolwardenError('USAGE', 'no server command', { fix })
  if (name !== undefined && !SERVER_NAME.test(name))
    throw new ToolwardenError('USAGE', 'a name has 1 to 64 letters, digits and . _ @ -', {
      where: '--name',
      fix: 'toolwarden gateway --name files -- <command>',
    })
  for (const [flag, value] of [['--principal', principal] as const, ['--session', session] as const]) {
    if (value !== undefined && (value === '' || value.length > MAX_NAME_LENGTH))
      throw new ToolwardenError('USAGE', `expected 1 to ${MAX_NAME_LENGTH} characters`, {
        where: flag,
        fix: `toolwarden gateway ${flag} <text> -- <command>`,
      })
  }
  return [program, ...args]
}

function connectionContext({ principal = defaultPrincipal(), session }: GatewayFlags, server: string): ConnectionBase {
  // Clients set empty variables for options that were left blank: empty is not set.
  const named = session ?? (process.env.TOOLWARDEN_SESSION || undefined)
  return {
    session: named?.slice(0, MAX_NAME_LENGTH) ?? clientSession(principal, process.ppid),
    isSessionFixed: named !== undefined,
    connection: uuidv7(systemClock().nowMicros()),
    principal,
    principalSource: 'declared',
    server,
  }
}
