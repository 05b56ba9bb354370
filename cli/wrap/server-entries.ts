// Where the clients keep their servers: `mcpServers` (Claude Desktop, Claude Code, Cursor, Windsurf), `servers` (VS Code),
// `mcp.servers` (VS Code's settings.json) and `projects.<directory>.mcpServers` (Claude Code's ~/.claude.json).
import { basename } from 'node:path'
import { findMember, findObject, findStrings } from './json-look.ts'
import type { JsonNode } from './json-text.ts'

/** One server of a configuration file. */
export interface ServerEntry {
  /** Keys from the root to the entry; the last one is the server's name for the client. */
  readonly path: readonly string[]
  readonly key: string
  readonly node: JsonNode
}

const PLACES: readonly (readonly string[])[] = [['mcpServers'], ['servers'], ['mcp', 'servers']]

/** The servers of a file, in groups of those that a client starts together. */
export function findServerEntries(root: JsonNode): readonly (readonly ServerEntry[])[] {
  const projects = findObject(root, ['projects'])?.members ?? []
  const places = [...PLACES, ...projects.map(({ key }) => ['projects', key, 'mcpServers'])]
  return places.map((place) =>
    (findObject(root, place)?.members ?? []).map(({ key, value }) => ({ path: [...place, key], key, node: value })),
  )
}

/** How many words may stand before `toolwarden gateway`: `npx --yes toolwarden gateway`, `node …/cli/main.js gateway`. */
const MAX_LAUNCHER_WORDS = 4

/** Whether an entry starts a toolwarden gateway already. */
export function isCovered(entry: JsonNode): boolean {
  const command = findMember(entry, 'command')?.value
  if (command?.type !== 'string') return false
  return startsGateway([command.value, ...(findStrings(findMember(entry, 'args')?.value) ?? [])])
}

/** Whether a command line is one of `toolwarden gateway`. */
export function startsGateway(words: readonly string[]): boolean {
  return words
    .slice(0, MAX_LAUNCHER_WORDS)
    .some((word, index) => isProgram(word) && /^(?:--)?gateway$/.test(words[index + 1] ?? ''))
}

function isProgram(word: string): boolean {
  return /^toolwarden(?:@[\w.-]+)?(?:\.(?:cmd|exe))?$/.test(basename(word)) || /[\\/]cli[\\/]main\.js$/.test(word)
}
