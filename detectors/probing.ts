// D8: a session that tries doors, or runs in circles: denials over several tools, one call again and again, errors in a
// row. Errors are muted while several principals fail on one server, which is then the one that is ill.
import type { EventOf } from '../events/event.ts'
import { type BoundedMap, emptyMap, findValue, putValue } from './bounded-map.ts'
import { addDistinct, sessionKeyOf, withNewest } from './call-book.ts'
import type { Detector, Finding, Observation } from './detector.ts'
import type { DetectorSettings } from './settings.ts'

const MAX_SESSIONS = 10_000
const MAX_SERVERS = 1_000
const MAX_CAUSES = 50
/** Calls of a session that are told apart. */
const MAX_TOLD_CALLS = 100
/** Principals that fail on one server within this time are counted together. */
const OUTAGE_MS = 10 * 60 * 1000
const HOUR_MS = 60 * 60 * 1000

interface SessionConduct {
  readonly deniedTools: readonly string[]
  readonly denials: readonly string[]
  readonly errors: readonly string[]
  /** How often each call was proposed: tool and arguments. */
  readonly calls: readonly (readonly [call: string, times: number])[]
}

/** What the detector remembers. */
export interface ProbingState {
  readonly sessions: BoundedMap<SessionConduct>
  /** By server: principals and when they last failed there. */
  readonly failing: BoundedMap<readonly (readonly [principal: string, atMs: number])[]>
}

type Settings = DetectorSettings['probing']
type CallEvent = EventOf<'authorization/propose' | 'authorization/decide' | 'authorization/receipt'>

interface Moment {
  readonly hash: string
  readonly nowMs: number
  readonly settings: Settings
}

const NO_CONDUCT: SessionConduct = { deniedTools: [], denials: [], errors: [], calls: [] }

/** The detector of probing, loops and error bursts. */
export function createProbing(settings: Settings): Detector<ProbingState> {
  return {
    name: 'probing',
    version: 1,
    initialState: { sessions: emptyMap(), failing: emptyMap() },
    observe: (state, { event, hash }, nowMs) => {
      const moment = { hash, nowMs, settings }
      if (event.type === 'authorization/propose') return propose(state, event, moment)
      if (event.type === 'authorization/decide' && isDenied(event)) return deny(state, event, moment)
      if (event.type === 'authorization/receipt' && event.status === 'tool_error') return fail(state, event, moment)
      return { state, findings: [] }
    },
  }
}

/** A call that waited for a person in vain was denied nothing, unless the person did. */
function isDenied({ decision, reason }: EventOf<'authorization/decide'>): boolean {
  return decision === 'deny' && (reason === 'approval_denied' || !reason.startsWith('approval_'))
}

function propose(
  state: ProbingState,
  event: EventOf<'authorization/propose'>,
  moment: Moment,
): Observation<ProbingState> {
  const conduct = findValue(state.sessions, sessionKeyOf(event)) ?? NO_CONDUCT
  const call = JSON.stringify([event.server, event.tool, event.argumentsDigest])
  const times = (conduct.calls.find(([each]) => each === call)?.[1] ?? 0) + 1
  const others = conduct.calls.filter(([each]) => each !== call)
  const next = { ...conduct, calls: withNewest(others, [call, times] as const, MAX_TOLD_CALLS) }
  const done = putSession(state, event, next, moment.nowMs)
  if (times !== moment.settings.identicalCalls) return { state: done, findings: [] }
  const explanation = `The same call of ${event.tool} on server ${event.server} was made ${times} times in one session.`
  return { state: done, findings: [find(event, { kind: 'loop', severity: 'low', explanation, causes: [moment.hash] })] }
}

function deny(state: ProbingState, event: EventOf<'authorization/decide'>, moment: Moment): Observation<ProbingState> {
  const { settings, nowMs, hash } = moment
  const conduct = findValue(state.sessions, sessionKeyOf(event)) ?? NO_CONDUCT
  const next = {
    ...conduct,
    denials: [...conduct.denials, hash].slice(-MAX_CAUSES),
    deniedTools: addDistinct(conduct.deniedTools, [JSON.stringify([event.server, event.tool])], MAX_TOLD_CALLS),
  }
  const done = putSession(state, event, next, nowMs)
  if (next.denials.length < settings.denials || next.deniedTools.length < settings.deniedTools)
    return { state: done, findings: [] }
  const explanation = `${next.denials.length} calls over ${next.deniedTools.length} tools were denied in one session.`
  const found = find(event, { kind: 'denials', severity: 'high', explanation, causes: next.denials })
  if (settings.onDenials === 'alert') return { state: done, findings: [found] }
  const { principal, session } = event
  const response = {
    scope: { session, principal },
    tool: '*',
    toolClass: 'write',
    action: 'deny',
    lifetimeMs: settings.ruleMinutes * 60 * 1000,
    reason: 'several tools were denied in this session: its writes are paused',
  } as const
  return { state: done, findings: [{ ...found, response }] }
}

function fail(state: ProbingState, event: EventOf<'authorization/receipt'>, moment: Moment): Observation<ProbingState> {
  const { settings, nowMs, hash } = moment
  const conduct = findValue(state.sessions, sessionKeyOf(event)) ?? NO_CONDUCT
  const errors = [...conduct.errors, hash].slice(-MAX_CAUSES)
  const recent = (findValue(state.failing, event.server) ?? []).filter(([principal, atMs]) => {
    return principal !== event.principal && nowMs - atMs < OUTAGE_MS
  })
  const failing = [...recent, [event.principal, nowMs] as const].slice(-MAX_TOLD_CALLS)
  const noted = {
    ...state,
    failing: putValue(state.failing, event.server, failing, { nowMs, limit: MAX_SERVERS }),
  }
  const done = putSession(noted, event, { ...conduct, errors }, nowMs)
  const isOutage = failing.length > settings.outagePrincipals
  if (errors.length < settings.errors || isOutage) return { state: done, findings: [] }
  const explanation = `${errors.length} calls of one session failed, the last of ${event.tool} on server ${event.server}.`
  return { state: done, findings: [find(event, { kind: 'errors', severity: 'low', explanation, causes: errors })] }
}

function find(
  { principal, session, server, tool }: CallEvent,
  { kind, ...said }: { readonly kind: string } & Pick<Finding, 'severity' | 'explanation' | 'causes'>,
): Finding {
  return { ...said, score: 400, subject: `${kind} of session ${session}`, scope: { session, principal, server, tool } }
}

function putSession(state: ProbingState, event: CallEvent, conduct: SessionConduct, nowMs: number): ProbingState {
  const keepUntilMs = conduct.denials.length > 0 ? nowMs + HOUR_MS : 0
  const sessions = putValue(state.sessions, sessionKeyOf(event), conduct, { nowMs, limit: MAX_SESSIONS, keepUntilMs })
  return { ...state, sessions }
}
