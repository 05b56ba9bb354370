// By which ways destinations are known to travel: from the results of a server to a tool. Learned from calls that ran. Pure.
import type { Predicate } from '../events/rule.ts'
import { type BoundedMap, findValue, putValue } from './bounded-map.ts'
import { addDistinct, withNewest } from './call-book.ts'

const MAX_SERVERS_KNOWN = 10_000
const MAX_TAKERS = 100
/** Of one session. */
const MAX_SERVERS = 16
const MAX_HELD = 400

/** Destinations that results of one server held, in one session. */
export interface Held {
  readonly server: string
  readonly destinations: readonly string[]
}

/** Tools that took a destination from a result, by the server of the result. */
export type Takers = BoundedMap<readonly string[]>

/** What a session's results held, with one more. */
export function hold(held: readonly Held[], server: string, destinations: readonly string[]): readonly Held[] {
  if (destinations.length === 0) return held
  const before = held.find((each) => each.server === server)?.destinations ?? []
  const others = held.filter((each) => each.server !== server)
  return withNewest(others, { server, destinations: addDistinct(before, destinations, MAX_HELD) }, MAX_SERVERS)
}

/** The takers after a call that ran, and the ways that its destinations came by, as terms of a baseline. */
export function learnWays(
  takers: Takers,
  held: readonly Held[],
  call: { readonly tool: string; readonly destinations: readonly string[]; readonly nowMs: number },
): { readonly takers: Takers; readonly ways: readonly string[] } {
  const sources = held.filter(({ destinations }) => call.destinations.some((each) => destinations.includes(each)))
  const taught = sources.reduce((map, { server }) => {
    const known = addDistinct(findValue(map, server) ?? [], [call.tool], MAX_TAKERS)
    return putValue(map, server, known, { nowMs: call.nowMs, limit: MAX_SERVERS_KNOWN })
  }, takers)
  return { takers: taught, ways: sources.map(({ server }) => wayOf(server, call.tool)) }
}

/** For each source its bound destinations at the tools that are known to take some from there. */
export function usualWays(
  held: readonly Held[],
  { takers, bound }: { readonly takers: Takers; readonly bound: ReadonlySet<string> },
  isKnown: (way: string) => boolean,
): readonly Predicate[] {
  return held.flatMap(({ server, destinations }): readonly Predicate[] => {
    const tools = (findValue(takers, server) ?? []).filter((tool) => isKnown(wayOf(server, tool)))
    const named = destinations.filter((each) => bound.has(each))
    if (tools.length === 0 || named.length === 0) return []
    const source: Predicate = { type: 'signal', field: 'destinations', anyOf: named }
    return [{ type: 'all', predicates: [source, { type: 'tool', anyOf: tools }] }]
  })
}

function wayOf(server: string, tool: string): string {
  return JSON.stringify(['flow', server, tool])
}
