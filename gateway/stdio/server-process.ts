// The MCP server as a child process: started in the same directory with the same environment less this program's own
// secrets; its exit, signals and stderr are passed on as they are.
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { ToolwardenError } from '../../events/errors.ts'

/** How long a server may take to end after SIGTERM; MCP clients send SIGKILL two seconds after theirs. */
export const KILL_GRACE_MS = 1_500

/** How a process ended. */
export type ProcessEnd = { readonly code: number } | { readonly signal: NodeJS.Signals }

/** A running server. */
export interface ServerProcess {
  readonly input: Writable
  readonly output: Readable
  /** Resolves when the process has ended and its output is read to the end. */
  readonly ended: Promise<ProcessEnd>
  kill(signal: NodeJS.Signals): void
}

const OWN_VARIABLES = /^(?:TOOLWARDEN_|KAFKA_|CLICKHOUSE_)/

/** The environment of the server: the gateway's own settings and secrets stay here. */
export function serverEnvironment(
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
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once('close', (code, signal) => resolve(signal === null ? { code: code ?? 1 } : { signal }))
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (cause) => {
      const fix = `check the command: ${command} --help`
      reject(
        new ToolwardenError('UPSTREAM_UNAVAILABLE', `the server command could not be started: ${cause.message}`, {
          where: command,
          fix,
          cause,
        }),
      )
    })
  })
  return {
    input: child.stdin,
    output: child.stdout,
    ended,
    kill: (signal) => {
      child.kill(signal)
    },
  }
}
