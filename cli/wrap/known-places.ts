// Where the clients keep their MCP configuration, per operating system, and in the directory that one works in.
import { posix, win32 } from 'node:path'

/** What the places depend on. */
export interface Surroundings {
  readonly platform: NodeJS.Platform
  readonly home: string
  readonly workingDirectory: string
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** A file and the client that reads it. */
export interface KnownPlace {
  readonly client: string
  readonly path: string
}

/** Every place, once; most are not there. */
export function knownPlaces(surroundings: Surroundings): readonly KnownPlace[] {
  const { home, workingDirectory, platform } = surroundings
  const { join } = platform === 'win32' ? win32 : posix
  const applications = applicationData(surroundings)
  const places: readonly KnownPlace[] = [
    { client: 'Claude Desktop', path: join(applications, 'Claude', 'claude_desktop_config.json') },
    { client: 'Claude Code', path: join(home, '.claude.json') },
    { client: 'Claude Code', path: join(workingDirectory, '.mcp.json') },
    { client: 'Cursor', path: join(home, '.cursor', 'mcp.json') },
    { client: 'Cursor', path: join(workingDirectory, '.cursor', 'mcp.json') },
    { client: 'VS Code', path: join(applications, 'Code', 'User', 'mcp.json') },
    { client: 'VS Code', path: join(workingDirectory, '.vscode', 'mcp.json') },
    { client: 'Windsurf', path: join(home, '.codeium', 'windsurf', 'mcp_config.json') },
    { client: 'Windsurf', path: join(home, '.codeium', 'mcp_config.json') },
    { client: 'mcp.json', path: join(workingDirectory, 'mcp.json') },
  ]
  // At home, the working directory's are those of the person.
  return places.filter(({ path }, index) => places.findIndex((other) => other.path === path) === index)
}

function applicationData({ platform, home, environment }: Surroundings): string {
  switch (platform) {
    case 'darwin':
      return posix.join(home, 'Library', 'Application Support')
    case 'win32':
      return environment.APPDATA || win32.join(home, 'AppData', 'Roaming')
    default:
      return environment.XDG_CONFIG_HOME || posix.join(home, '.config')
  }
}
