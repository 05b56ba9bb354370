// The name of a server that was given none: the base name of its command, past launchers and their options.
import { basename } from 'node:path'

const LAUNCHERS = new Set([
  'npx',
  'bunx',
  'uvx',
  'uv',
  'pnpm',
  'yarn',
  'npm',
  'node',
  'bun',
  'deno',
  'python',
  'python3',
  'docker',
  'env',
  'tsx',
])
const LAUNCHER_WORDS = new Set(['exec', 'run', 'dlx', 'x', 'tool'])

const GENERIC = /^(?:(?:index|main|cli|server|app|__main__)(?:\.\w+)?|dist|build|src|bin|lib|out|\.+)$/i

/** A name for events and policy: `npx -y @modelcontextprotocol/server-filesystem /srv` is `server-filesystem`. */
export function serverNameOf(command: readonly string[]): string {
  const [program = '', ...args] = command
  const own = baseName(program)
  if (!LAUNCHERS.has(own)) return own
  const target = args.find((arg) => !arg.startsWith('-') && !LAUNCHER_WORDS.has(arg))
  return target === undefined ? own : baseName(tellingPart(target))
}

/** The part of a path that tells servers apart: `…/server-filesystem/dist/index.js` is `server-filesystem`. */
function tellingPart(path: string): string {
  const parts = path.split(/[\\/]/).filter((part) => part !== '')
  return parts.findLast((part) => !GENERIC.test(part)) ?? path
}

/** Letters, digits and `._@-`, as a writer's name needs it; at most 64. */
function baseName(path: string): string {
  const name = basename(path)
    .replace(/@[\d.]+$/, '')
    .replace(/\.(?:[cm]?[jt]s|py|exe|cmd)$/i, '')
    .replace(/[^A-Za-z0-9._@-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 64)
  return name === '' ? 'server' : name
}
