// The MCP server as a child process: started in the same directory with the same environment less this program's own
// secrets; its exit, signals and stderr are passed on as they are.
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { ToolwardenError } from '../../events/errors.ts'

/** How long a server may take to end after SIGTERM; MCP clients send SIGKILL two seconds after theirs. */
export const KILL_GRACE_MS = 1_300
/** How long the output of a server that was told to end is read after its exit: a process of its own may hold the pipe. */
const OUTPUT_GRACE_MS = 200

/** How a process ended. */
export type ProcessEnd = { readonly code: number } | { readonly signal: NodeJS.Signals }

/** A running server. */
export interface ServerProcess {
  readonly input: Writable
  readonly output: Readable
  /** Resolves when the process has ended and its output is read to the end; after `kill`, soon after the former. */
  readonly ended: Promise<ProcessEnd>
  kill(signal: NodeJS.Signals): void
}

/** Variables of the gateway itself; no server gets them. */
export const OWN_VARIABLES = /^(?:TOOLWARDEN_|KAFKA_|CLICKHOUSE_)/

/** The environment of the server: the gateway's own settings and secrets stay here. */
function serverEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !OWN_VARIABLES.test(name)))
}

/** Starts the server. Throws UPSTREAM_UNAVAILABLE where the command can't be run. */
export async function startServer(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ServerProcess> {
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(command, [...args], {
    env: serverEnvironment(environment),
    stdio: ['pipe', 'pipe', 'inherit'],
    windowsHide: true,
  })
  const { ended, kill } = followEnd(child)
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.on('error', (cause) => {
      const fix = `check the command: ${command} --help`
      const message = `the server command could not be started: ${cause.message}`
      reject(new ToolwardenError('UPSTREAM_UNAVAILABLE', message, { where: command, fix, cause }))
    })
  })
  return { input: child.stdin, output: child.stdout, ended, kill }
}

function followEnd(child: ChildProcessByStdio<Writable, Readable, null>): Pick<ServerProcess, 'ended' | 'kill'> {
  let isKilled = false
  let exit: ProcessEnd | undefined
  let resolveEnd: (end: ProcessEnd) => void = () => undefined
  const ended = new Promise<ProcessEnd>((resolve) => {
    resolveEnd = resolve
  })
  const endSoon = (): void => {
    const known = exit
    if (isKilled && known !== undefined) setTimeout(() => resolveEnd(known), OUTPUT_GRACE_MS)
  }
  child.once('exit', (code, signal) => {
    exit = signal === null ? { code: code ?? 1 } : { signal }
    endSoon()
  })
  child.once('close', () => resolveEnd(exit ?? { code: 1 }))
  const kill = (signal: NodeJS.Signals): void => {
    isKilled = true
    child.kill(signal)
    endSoon()
  }
  return { ended, kill }
}
