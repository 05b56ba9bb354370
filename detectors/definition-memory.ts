// What the tool-definition detector remembers: which definitions of each tool it takes for the server's own, since when, and
// which servers a session sees together. Plain JSON, bounded.
import type { EventOf } from '../events/event.ts'
import { foldName } from '../events/name-likeness.ts'
import { type BoundedMap, emptyMap, findValue, listEntries, putValue } from './bounded-map.ts'

const MAX_SERVERS = 500
/** Tools of one server. */
const MAX_TOOLS = 2_000
/** Definitions of one tool that count as its own: gateways of two hosts may stand before two versions of a server. */
const MAX_VARIANTS = 4
const MAX_SESSIONS = 5_000
/** Servers of one session. */
const MAX_CATALOGUE = 20

/** A tool as it is known. */
export interface KnownTool {
  readonly digests: readonly string[]
  /** The session in which it was seen first: what came with it in the same one is no incumbent to it. */
  readonly session: string
  readonly folded: string
}

/** Everything that is remembered of definitions. */
export interface DefinitionMemory {
  readonly servers: BoundedMap<BoundedMap<KnownTool>>
  /** The servers that each session listed. */
  readonly sessions: BoundedMap<readonly string[]>
}

/** Who saw a list, and when. */
export interface Sighting extends Pick<EventOf<'tools/listed'>, 'server' | 'principal' | 'session'> {
  readonly nowMs: number
}

/** A tool of another server in the same session. */
export interface Neighbour extends KnownTool {
  readonly server: string
  readonly tool: string
}

/** Nothing seen yet. */
export const EMPTY_MEMORY: DefinitionMemory = { servers: emptyMap(), sessions: emptyMap() }

/** A tool, if it is known. */
export function findKnown({ servers }: DefinitionMemory, server: string, tool: string): KnownTool | undefined {
  const tools = findValue(servers, server)
  return tools === undefined ? undefined : findValue(tools, tool)
}

/** The key of a session: no principal is judged by another's. */
export function sessionOf({ principal, session }: Pick<Sighting, 'principal' | 'session'>): string {
  return JSON.stringify([principal, session])
}

/** Takes a definition for the tool's own from now on; `isOnly` forgets the others. */
export function learn(
  memory: DefinitionMemory,
  { server, tool, digest, isOnly = false }: { server: string; tool: string; digest: string; isOnly?: boolean },
  { session, nowMs }: { readonly session: string; readonly nowMs: number },
): DefinitionMemory {
  const tools = findValue(memory.servers, server) ?? emptyMap<KnownTool>()
  const known = findValue(tools, tool)
  const before = isOnly ? [] : (known?.digests ?? []).filter((each) => each !== digest)
  const digests = [...before, digest].slice(-MAX_VARIANTS)
  const next = { digests, session: isOnly ? session : (known?.session ?? session), folded: foldName(tool) }
  const kept = putValue(tools, tool, next, { nowMs, limit: MAX_TOOLS })
  return { ...memory, servers: putValue(memory.servers, server, kept, { nowMs, limit: MAX_SERVERS }) }
}

/** Notes that a session sees a server. */
export function noteServer(memory: DefinitionMemory, sighting: Sighting): DefinitionMemory {
  const key = sessionOf(sighting)
  const before = findValue(memory.sessions, key) ?? []
  if (before.includes(sighting.server)) return memory
  const servers = [...before, sighting.server].slice(-MAX_CATALOGUE)
  const keeping = { nowMs: sighting.nowMs, limit: MAX_SESSIONS }
  return { ...memory, sessions: putValue(memory.sessions, key, servers, keeping) }
}

/** The tools of the other servers that the session sees. */
export function neighboursOf(memory: DefinitionMemory, sighting: Sighting): readonly Neighbour[] {
  const others = (findValue(memory.sessions, sessionOf(sighting)) ?? []).filter((name) => name !== sighting.server)
  return others.flatMap((server) => {
    const tools = findValue(memory.servers, server)
    return tools === undefined ? [] : listEntries(tools).map(([tool, known]) => ({ ...known, server, tool }))
  })
}
