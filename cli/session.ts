// The identity of a stdio gateway (events.md, "Context"): principal, and the session that all servers of one agent
// conversation share, although each has a gateway process of its own.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { basename } from 'node:path'
import { systemCode } from '../events/errors.ts'
import { derivedId } from '../events/time.ts'

/** What is known of a process. */
interface ProcessInfo {
  readonly parent: number
  readonly started: string
  readonly command: readonly string[]
}

/** How many launchers (npx, sh -c …) may stand between a client and its gateway. */
const MAX_LAUNCHERS = 6

/** `agent:<os user>@<host>`: the principal of a gateway that is told no other; in containers a user may have no name. */
export function defaultPrincipal(userName: () => string = () => userInfo().username): string {
  try {
    return `agent:${userName()}@${hostname()}`
  } catch (error) {
    if (systemCode(error) !== 'ERR_SYSTEM_ERROR') throw error
    return `agent:uid-${process.getuid?.() ?? 'unknown'}@${hostname()}`
  }
}

/** The session of the client that started this process: host, client process, its start time, principal. */
export function clientSession(
  principal: string,
  parent: number,
  lookUp: (pid: number) => ProcessInfo | undefined = readProcess,
): string {
  let pid = parent
  let info = lookUp(pid)
  for (let step = 0; step < MAX_LAUNCHERS && info !== undefined && isLauncher(info.command); step++) {
    pid = info.parent
    info = lookUp(pid)
  }
  return `process:${derivedId(hostname(), String(pid), info?.started ?? 'unknown', principal).slice(0, 32)}`
}

/** Whether a process only starts another one: each server of a client would have its own. */
function isLauncher(command: readonly string[]): boolean {
  const [program = '', ...args] = command
  const name = basename(program).replace(/\.(?:exe|cmd)$/i, '')
  if (['npx', 'npm', 'pnpm', 'yarn', 'bunx', 'env', 'cmd'].includes(name) || /^npm (?:exec|run)/.test(program))
    return true
  if (['sh', 'bash', 'dash', 'zsh'].includes(name)) return args.some((arg) => /^-[a-z]*c$/.test(arg))
  return name === 'node' && /(?:^|\/)(?:npx|npm|pnpm|yarn)(?:-cli)?(?:\.c?js)?$/.test(args[0] ?? '')
}

function readProcess(pid: number): ProcessInfo | undefined {
  try {
    return process.platform === 'linux' ? fromProc(pid) : fromPs(pid)
  } catch {
    // The process is gone or not ours to see: the session is then made without it.
    return undefined
  }
}

function fromProc(pid: number): ProcessInfo {
  const status = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name in parentheses may hold blanks; fields 4 and 22 (parent, start time) count from behind it (proc_pid_stat(5)).
  const fields = status.slice(status.lastIndexOf(')') + 2).split(' ')
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1)
  return { parent: Number(fields[1]), started: fields[19] ?? 'unknown', command }
}

function fromPs(pid: number): ProcessInfo {
  const text = execFileSync('ps', ['-o', 'ppid=,lstart=,command=', '-p', String(pid)], {
    encoding: 'utf8',
    timeout: 1_000,
  }).trim()
  const match = /^(\d+)\s+(\w+\s+\w+\s+\d+\s+[\d:]+\s+\d+)\s+(.*)$/.exec(text)
  return { parent: Number(match?.[1] ?? 0), started: match?.[2] ?? 'unknown', command: (match?.[3] ?? '').split(' ') }
}
