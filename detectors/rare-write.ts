// D7: a destructive write that a principal's sessions hardly ever make. Its call is the harm, so the rule comes before it:
// when a session first calls a server, destructive tools of that server that fewer than one in fifty of the principal's
// sessions used are held for approval. While the principal's own history is young, the group's judges.
import type { EventOf } from '../events/event.ts'
import { MAX_PREDICATE_PLACES } from '../events/rule.ts'
import { type BoundedMap, emptyMap, findValue, putValue } from './bounded-map.ts'
import { sessionKeyOf, withNewest } from './call-book.ts'
import type { Detector, Finding, Observation } from './detector.ts'
import { isMature } from './session-history.ts'
import type { DetectorSettings } from './settings.ts'

const MAX_SESSIONS = 10_000
const MAX_SUBJECTS = 20_000
const MAX_TOOLS = 200

interface ServerUse {
  readonly sinceMs: number
  readonly sessions: number
  /** In how many sessions each tool was used. */
  readonly tools: readonly (readonly [tool: string, sessions: number])[]
}

/** What the detector remembers. */
export interface RareWriteState {
  /** By session and server: tools that ran. */
  readonly seen: BoundedMap<readonly string[]>
  /** By principal and server, and by group and server. */
  readonly uses: BoundedMap<ServerUse>
}

type Settings = DetectorSettings['rareWrite']
type CallEvent = EventOf<'authorization/propose' | 'authorization/receipt'>

const NO_USE: ServerUse = { sinceMs: 0, sessions: 0, tools: [] }

/** The detector of rare destructive writes. */
export function createRareWrite(settings: Settings): Detector<RareWriteState> {
  return {
    name: 'rare-write',
    version: 1,
    initialState: { seen: emptyMap(), uses: emptyMap() },
    observe: (state, { event, hash }, nowMs) => {
      if (event.type === 'authorization/propose') return begin(state, event, { hash, nowMs, settings })
      if (event.type === 'authorization/receipt' && event.status === 'ok')
        return { state: learn(state, event, nowMs), findings: [] }
      return { state, findings: [] }
    },
  }
}

function begin(
  state: RareWriteState,
  event: EventOf<'authorization/propose'>,
  { hash, nowMs, settings }: { readonly hash: string; readonly nowMs: number; readonly settings: Settings },
): Observation<RareWriteState> {
  const key = seenKey(event)
  if (findValue(state.seen, key) !== undefined) return { state, findings: [] }
  const uses = subjectsOf(event).map((subject) => findValue(state.uses, subject) ?? NO_USE)
  const judge = uses.find((use) => isMature(use, settings, nowMs))
  const counted = subjectsOf(event).reduce((map, subject) => {
    const use = findValue(map, subject) ?? NO_USE
    const sinceMs = use.sessions === 0 ? nowMs : Math.min(use.sinceMs, nowMs)
    return putValue(map, subject, { ...use, sinceMs, sessions: use.sessions + 1 }, { nowMs, limit: MAX_SUBJECTS })
  }, state.uses)
  const seen = putValue(state.seen, key, [], { nowMs, limit: MAX_SESSIONS })
  const findings = judge === undefined ? [] : [findRare(event, { hash, use: judge, settings })]
  return { state: { seen, uses: counted }, findings }
}

function findRare(
  { principal, session, server, tool }: CallEvent,
  { hash, use, settings }: { readonly hash: string; readonly use: ServerUse; readonly settings: Settings },
): Finding {
  const usual = use.tools
    .filter(([, sessions]) => sessions * 1000 >= use.sessions * settings.rareThousandths)
    .map(([each]) => each)
  return {
    severity: 'low',
    score: 200,
    subject: `rare writes of session ${session} on server ${server}`,
    scope: { session, principal, server, tool },
    explanation: `Destructive tools of server ${server} that fewer than ${settings.rareThousandths / 10}% of ${use.sessions} sessions used are held for approval in this session.`,
    causes: [hash],
    isQuiet: true,
    response: {
      scope: { session, principal, server },
      tool: '*',
      toolClass: 'destructive',
      arguments: { type: 'not', predicate: { type: 'tool', anyOf: usual.slice(0, MAX_PREDICATE_PLACES) } },
      action: 'escalate',
      lifetimeMs: settings.ruleMinutes * 60 * 1000,
      reason: 'this destructive tool is hardly ever used here',
    },
  }
}

function learn(state: RareWriteState, event: EventOf<'authorization/receipt'>, nowMs: number): RareWriteState {
  const key = seenKey(event)
  const before = findValue(state.seen, key)
  if (before === undefined || before.includes(event.tool)) return state
  const seen = putValue(state.seen, key, withNewest(before, event.tool, MAX_TOOLS), { nowMs, limit: MAX_SESSIONS })
  const uses = subjectsOf(event).reduce((map, subject) => {
    const use = findValue(map, subject) ?? NO_USE
    const sessions = use.tools.find(([tool]) => tool === event.tool)?.[1] ?? 0
    const others = use.tools.filter(([tool]) => tool !== event.tool)
    const tools = withNewest(others, [event.tool, sessions + 1] as const, MAX_TOOLS)
    return putValue(map, subject, { ...use, tools }, { nowMs, limit: MAX_SUBJECTS })
  }, state.uses)
  return { seen, uses }
}

/** The principal at the server, then the group there. */
function subjectsOf({ principal, server }: CallEvent): readonly string[] {
  return [JSON.stringify([principal, server]), JSON.stringify([server])]
}

function seenKey(event: CallEvent): string {
  // The key is whole JSON, so nothing that follows it can be taken for a part of it.
  return `${sessionKeyOf(event)} ${event.server}`
}
