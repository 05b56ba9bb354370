// The name of a server that was given none: the base name of its command, past launchers and their options.
import { basename } from 'node:path'

/** Launchers, and those of their options that take the next word. */
const LAUNCHERS: ReadonlyMap<string, readonly string[]> = new Map([
  ['npx', ['-p', '--package', '-c', '--prefix', '-w', '--workspace', '--registry']],
  ['npm', ['-p', '--package', '--prefix', '-w', '--workspace', '--registry']],
  ['pnpm', ['-C', '--dir', '--package', '--filter']],
  ['yarn', ['-p', '--package', '--cwd']],
  ['bunx', ['-p', '--package']],
  ['bun', ['--cwd', '-r', '--preload']],
  ['deno', ['--config', '-c', '--import-map']],
  ['node', ['-r', '--require', '--import', '--loader', '--env-file', '-C', '--conditions']],
  ['tsx', ['--tsconfig', '-r', '--require', '--import']],
  ['python', ['-X', '-W']],
  ['python3', ['-X', '-W']],
  ['uv', ['--directory', '--project', '--with', '--from', '-p', '--python', '--env-file', '--group', '--extra']],
  ['uvx', ['--with', '--from', '-p', '--python', '--index-url']],
  ['env', ['-u', '--unset', '-C', '--chdir']],
  ['docker', dockerOptions()],
  ['podman', dockerOptions()],
])
const LAUNCHER_WORDS = new Set(['exec', 'run', 'dlx', 'x', 'tool'])

const GENERIC = /^(?:(?:index|main|cli|server|app|__main__)(?:\.\w+)?|dist|build|src|bin|lib|out|\.+)$/i

/** A name for events and policy: `npx -y @modelcontextprotocol/server-filesystem /srv` is `server-filesystem`. */
export function serverNameOf(command: readonly string[]): string {
  const [program = '', ...args] = command
  const own = baseName(program)
  const takesNext = LAUNCHERS.get(own)
  if (takesNext === undefined) return own
  const place = args.findIndex(
    (arg, index) =>
      !arg.startsWith('-') &&
      !LAUNCHER_WORDS.has(arg) &&
      !(own === 'env' && arg.includes('=')) &&
      !takesNext.includes(args[index - 1] ?? ''),
  )
  const target = args[place]
  if (target === undefined) return own
  if (LAUNCHERS.has(baseName(target))) return serverNameOf(args.slice(place))
  return baseName(tellingPart(own === 'docker' || own === 'podman' ? target.replace(/:[^/:]*$/, '') : target))
}

function dockerOptions(): readonly string[] {
  return (
    '-e --env --env-file -v --volume --mount --name -h --hostname --network --net -p --publish -w --workdir -u --user ' +
    '-l --label --entrypoint --platform --pull --cpus -m --memory --add-host --cap-add --cap-drop --tmpfs --security-opt'
  ).split(' ')
}

/** The part of a path that tells servers apart: `…/server-filesystem/dist/index.js` is `server-filesystem`. */
function tellingPart(path: string): string {
  const parts = path.split(/[\\/]/).filter((part) => part !== '')
  return parts.findLast((part) => !GENERIC.test(part)) ?? path
}

/** Letters, digits and `._-`, as a writer's name needs it, without a package's version; at most 64. */
function baseName(path: string): string {
  const name = basename(path)
    .replace(/(?<=.)@.*$/, '')
    .replace(/\.(?:[cm]?[jt]s|py|exe|cmd)$/i, '')
    .replace(/[^A-Za-z0-9._@-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 64)
  return name === '' ? 'server' : name
}
