// D6: a principal uses a server or a tool that it has not used within the window. Weak as a sign of an attack
// (recall 1.8% at 10 false alarms per 1,000 sessions), so a tool only alerts. While a principal's own history is young
// the group's baseline judges; while that is young too there is nothing to judge by, and a fresh start raises nothing.
// How loud it is goes by the surprise: what one in two principals here uses says little, what nobody uses says more.
import type { EventOf } from '../events/event.ts'
import { isRecent } from './baseline.ts'
import { type BoundedMap, emptyMap, findValue, putValue } from './bounded-map.ts'
import { sessionKeyOf } from './call-book.ts'
import type { Detector, Finding, Observation } from './detector.ts'
import { isMature } from './session-history.ts'
import type { DetectorSettings } from './settings.ts'

const MAX_PRINCIPALS = 10_000
/** Terms (a server, or a tool of a server) of one principal, and of the group. */
const MAX_TERMS = 2_000
/** Sessions of one principal, or of the group, that are told apart when they are counted. */
const MAX_TOLD_SESSIONS = 64
const MAX_NOTICED = 10_000
/** Principals of a term that are told apart; a term with as many surprises nobody. */
const MAX_USERS = 32
const HOUR_MS = 60 * 60 * 1000

interface Baseline {
  readonly sinceMs: number
  readonly sessions: number
  /** The newest sessions, so that each counts once. */
  readonly told: readonly string[]
  /** When each term was last used, milliseconds since 1970. */
  readonly terms: BoundedMap<number>
  /** When a mature baseline last learned a term: at most one an hour, so that it can't be taught in a burst. */
  readonly learnedMs: number
}

/** What the detector remembers. */
export interface FirstSeenState {
  readonly principals: BoundedMap<Baseline>
  /** All principals together. */
  readonly group: Baseline
  /** By principal and term: the session in which it was first found. That session does not teach it, a later one may. */
  readonly noticed: BoundedMap<string>
  /** By term: who used it, the newest last. */
  readonly users: BoundedMap<readonly string[]>
  /** How many principals were met. */
  readonly met: number
}

type Settings = DetectorSettings['firstSeenTool']
type Context = Pick<EventOf<'authorization/decide'>, 'principal' | 'session' | 'server' | 'tool'>

const EMPTY_BASELINE: Baseline = { sinceMs: 0, sessions: 0, told: [], terms: emptyMap(), learnedMs: 0 }

/** The first-seen-tool detector. */
export function createFirstSeenTool(settings: Settings): Detector<FirstSeenState> {
  return {
    name: 'first-seen-tool',
    version: 2,
    initialState: { principals: emptyMap(), group: EMPTY_BASELINE, noticed: emptyMap(), users: emptyMap(), met: 0 },
    observe: (state, { event, hash }, nowMs) => {
      // Denied calls have had their answer; what they name is not new by having been tried.
      if (event.type === 'authorization/decide' && event.decision !== 'deny')
        return judge(state, event, { hash, nowMs, settings })
      if (event.type === 'authorization/receipt' && event.status === 'ok')
        return { state: learn(state, event, { nowMs, settings }), findings: [] }
      return { state, findings: [] }
    },
  }
}

interface Moment {
  readonly nowMs: number
  readonly settings: Settings
}

function judge(
  state: FirstSeenState,
  call: Context,
  { hash, ...moment }: Moment & { readonly hash: string },
): Observation<FirstSeenState> {
  const own = findValue(state.principals, call.principal) ?? EMPTY_BASELINE
  const { nowMs, settings } = moment
  const judged = [own, state.group].find((baseline) => isMature(baseline, settings, nowMs))
  if (judged === undefined) return { state, findings: [] }
  const term = termsOf(call).find((each) => !knows(judged, each, moment))
  if (term === undefined) return { state, findings: [] }
  const noticedKey = JSON.stringify([call.principal, term])
  const noticedIn = findValue(state.noticed, noticedKey) ?? sessionKeyOf(call)
  const keeping = { nowMs, limit: MAX_NOTICED, keepUntilMs: nowMs + HOUR_MS }
  const knownToGroup = judged === own && knows(state.group, term, moment)
  return {
    state: { ...state, noticed: putValue(state.noticed, noticedKey, noticedIn, keeping) },
    findings: [
      findNewTerm(call, {
        hash,
        knownToGroup,
        byGroup: judged !== own,
        isServer: term === termsOf(call)[0],
        settings,
        users: findValue(state.users, term)?.length ?? 0,
        met: state.met,
      }),
    ],
  }
}

interface NewTerm {
  readonly hash: string
  readonly knownToGroup: boolean
  readonly byGroup: boolean
  readonly isServer: boolean
  readonly settings: Settings
  /** Of the principals that were met, those that use it. */
  readonly users: number
  readonly met: number
}

function findNewTerm(
  { principal, session, server, tool }: Context,
  { hash, knownToGroup, byGroup, isServer, settings, users, met }: NewTerm,
): Finding {
  const what = isServer ? `server ${server}` : `tool ${tool} of server ${server}`
  const others = knownToGroup
    ? `Others use it: ${users} of ${Math.max(met, users)} principals.`
    : 'Nobody else here uses it either.'
  const bits = surpriseOf(users, met)
  const text = byGroup
    ? `${what} was used, which nobody here used in the last ${settings.windowDays} days. This principal's own history is still short.`
    : `${what} was used, for the first time by this principal in ${settings.windowDays} days. ${others}`
  return {
    severity: (knownToGroup && bits < LOUD_BITS) || (byGroup && !isServer) ? 'low' : 'medium',
    score: Math.min(1000, (isServer ? 300 : 200) + Math.round(80 * bits)),
    subject: `first use of ${what}`,
    scope: { principal, session, server, ...(isServer ? {} : { tool }) },
    explanation: text.charAt(0).toUpperCase() + text.slice(1),
    causes: [hash],
    ...(isServer && settings.newServer === 'escalate'
      ? {
          response: {
            scope: { session, principal, server },
            tool: '*',
            action: 'escalate',
            lifetimeMs: settings.ruleMinutes * 60 * 1000,
            reason: byGroup
              ? `nobody here has used the server ${server} before`
              : `${principal} has not used the server ${server} before`,
          },
        }
      : {}),
  }
}

/** From so many bits on, one in sixteen, that others use it makes it no quieter. */
const LOUD_BITS = 4

/** How surprising it is that a principal uses a term, bits; with few principals nothing surprises much. */
function surpriseOf(users: number, met: number): number {
  if (users >= MAX_USERS) return 0
  return Math.log2((Math.max(met, users) + 1) / (users + 1))
}

function learn(state: FirstSeenState, call: Context, moment: Moment): FirstSeenState {
  const terms = termsOf(call).filter((term) => {
    return findValue(state.noticed, JSON.stringify([call.principal, term])) !== sessionKeyOf(call)
  })
  const known = findValue(state.principals, call.principal)
  const own = known ?? EMPTY_BASELINE
  const keeping = { nowMs: moment.nowMs, limit: MAX_PRINCIPALS }
  const users = terms.reduce((map, term) => {
    const before = findValue(map, term) ?? []
    if (before.length >= MAX_USERS || before.includes(call.principal)) return map
    return putValue(map, term, [...before, call.principal], { nowMs: moment.nowMs, limit: MAX_TERMS })
  }, state.users)
  return {
    ...state,
    users,
    met: state.met + (known === undefined ? 1 : 0),
    principals: putValue(state.principals, call.principal, learnTerms(own, { call, terms }, moment), keeping),
    group: learnTerms(state.group, { call, terms }, moment),
  }
}

function learnTerms(
  baseline: Baseline,
  { call, terms: used }: { readonly call: Context; readonly terms: readonly string[] },
  moment: Moment,
): Baseline {
  const { nowMs, settings } = moment
  const key = sessionKeyOf(call)
  const isTold = baseline.told.includes(key)
  let { terms, learnedMs } = baseline
  for (const term of used) {
    const usedMs = findValue(terms, term)
    // To the hour is exact enough, where terms are kept for days.
    if (usedMs !== undefined && usedMs <= nowMs && nowMs - usedMs < HOUR_MS) continue
    if (!isRecent(usedMs, settings, nowMs) && isMature(baseline, settings, nowMs)) {
      if (nowMs - learnedMs < HOUR_MS) continue
      learnedMs = nowMs
    }
    terms = putValue(terms, term, nowMs, { nowMs, limit: MAX_TERMS })
  }
  return {
    sinceMs: baseline.sessions === 0 ? nowMs : Math.min(baseline.sinceMs, nowMs),
    sessions: baseline.sessions + (isTold ? 0 : 1),
    told: isTold ? baseline.told : [...baseline.told, key].slice(-MAX_TOLD_SESSIONS),
    terms,
    learnedMs,
  }
}

function knows(baseline: Baseline | undefined, term: string, { nowMs, settings }: Moment): boolean {
  return baseline !== undefined && isRecent(findValue(baseline.terms, term), settings, nowMs)
}

/** The server, then the tool of the server. */
function termsOf({ server, tool }: Context): readonly [string, string] {
  return [JSON.stringify([server]), JSON.stringify([server, tool])]
}
