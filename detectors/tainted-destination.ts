// D2: a destination taken from an untrusted result. When the receipt arrives, its e-mails, hosts and accounts that nobody
// here has used yet bind the writes of the session that contain one. A destination that stood in an argument before the
// receipt is the user's own. Denied where the session goes familiar ways, else escalated: history decides the false alarms.
import type { EventOf } from '../events/event.ts'
import type { Predicate } from '../events/rule.ts'
import type { Signals } from '../events/signals.ts'
import { type Baseline, countSession, EMPTY_BASELINE, isBaselineMature, knowsTerm, learnTerms } from './baseline.ts'
import { type BoundedMap, emptyMap, findValue, putValue } from './bounded-map.ts'
import { addDistinct, type OpenCall, openCall, sessionKeyOf } from './call-book.ts'
import { isTrustedSource } from './classes.ts'
import type { Detector, Finding, Observation, ObservedEvent } from './detector.ts'
import type { DetectorSettings } from './settings.ts'

const MAX_SESSIONS = 10_000
const MAX_OWN = 400
const MAX_ARMED = 100
const MAX_PAIRS = 200
const MAX_TAKERS = 100
const MAX_SERVERS = 16
/** A predicate takes ten. */
const MAX_PREDICATES = 10
const HOUR_MS = 60 * 60 * 1000

interface Held {
  readonly server: string
  readonly destinations: readonly string[]
}

interface SessionDestinations {
  readonly open: readonly OpenCall[]
  /** Destinations and sites that stood in arguments. */
  readonly own: readonly string[]
  /** Destinations that a rule binds. */
  readonly armed: readonly string[]
  /** Those of them that came few at a time: a result full of new ones is a list, and is only held. */
  readonly deniable: readonly string[]
  /** What the session did with what: (server, tool, object). */
  readonly steps: readonly string[]
  readonly causes: readonly string[]
  /** Destinations that results held, by their server. */
  readonly held: readonly Held[]
  readonly isFamiliar: boolean
}

/** What the detector remembers. */
export interface TaintedDestinationState {
  readonly sessions: BoundedMap<SessionDestinations>
  /** Destinations, sites and steps of allowed calls, of all principals. */
  readonly known: Baseline
  /** Tools that took a destination from a result, by the server of the result. */
  readonly takers: BoundedMap<readonly string[]>
}

type Settings = DetectorSettings['taintedDestination']

interface Moment {
  readonly nowMs: number
  readonly settings: Settings
  readonly trusted: DetectorSettings['classes']
}

const NEW_SESSION: SessionDestinations = {
  open: [],
  own: [],
  armed: [],
  deniable: [],
  steps: [],
  causes: [],
  held: [],
  isFamiliar: false,
}

/** The detector of destinations that came from untrusted results. */
export function createTaintedDestination(
  settings: Settings,
  trusted: DetectorSettings['classes'],
): Detector<TaintedDestinationState> {
  return {
    name: 'tainted-destination',
    version: 1,
    initialState: { sessions: emptyMap(), known: EMPTY_BASELINE, takers: emptyMap() },
    observe: (state, observed, nowMs) => {
      const { event } = observed
      if (event.type === 'authorization/propose') return { state: propose(state, event, observed, nowMs), findings: [] }
      if (event.type === 'authorization/receipt') return settle(state, event, observed, { nowMs, settings, trusted })
      return { state, findings: [] }
    },
  }
}

function propose(
  state: TaintedDestinationState,
  event: EventOf<'authorization/propose'>,
  observed: ObservedEvent,
  nowMs: number,
): TaintedDestinationState {
  const known = findValue(state.sessions, sessionKeyOf(event))
  const session = known ?? NEW_SESSION
  const counted = known === undefined ? countSession(state.known, nowMs) : state.known
  const open = openCall(session.open, event, observed)
  return putSession({ ...state, known: counted }, event, { ...session, open }, nowMs)
}

function settle(
  state: TaintedDestinationState,
  event: EventOf<'authorization/receipt'>,
  { hash, signals: returned }: ObservedEvent,
  moment: Moment,
): Observation<TaintedDestinationState> {
  const { nowMs, settings } = moment
  const session = findValue(state.sessions, sessionKeyOf(event)) ?? NEW_SESSION
  const call = session.open.find((each) => each.call === event.call)
  const used = call === undefined ? [] : termsOf(call.signals)
  const steps = call === undefined ? [] : stepsOf(event, call.signals)
  // It ran, and no rule of ours stood against it: what it used is the user's own, or was approved.
  const learned =
    event.status === 'ok' && call !== undefined
      ? learn(state, event, { held: session.held, signals: call.signals, terms: [...used, ...steps], moment })
      : state
  const next: SessionDestinations = {
    ...session,
    open: session.open.filter((each) => each !== call),
    own: addDistinct(session.own, used, MAX_OWN),
    steps: addDistinct(session.steps, steps, MAX_PAIRS),
    held: returned === undefined ? session.held : hold(session.held, event.server, returned.destinations),
  }
  const isSource = returned !== undefined && !isTrustedSource(moment.trusted, event)
  const fresh = isSource ? newDestinations(state.known, next, returned, moment) : []
  const armed: SessionDestinations = {
    ...next,
    armed: addDistinct(next.armed, fresh, MAX_ARMED),
    deniable: fresh.length > settings.deniedPerResult ? next.deniable : addDistinct(next.deniable, fresh, MAX_ARMED),
    causes: fresh.length === 0 ? next.causes : [...next.causes, hash].slice(-MAX_ARMED),
    isFamiliar: isFamiliar(state.known, next, moment),
  }
  const done = putSession(learned, event, armed, nowMs)
  // A session that leaves familiar ways is denied no longer, only held: the rule is issued again.
  const isSame = fresh.length === 0 && (armed.armed.length === 0 || armed.isFamiliar === session.isFamiliar)
  return {
    state: done,
    findings: isSame ? [] : findArmed(event, armed, { denials: denialsOf(state, armed, moment), settings }),
  }
}

/** Destinations that neither the session nor the group has used, nor lie in the own domains. */
function newDestinations(
  known: Baseline,
  session: SessionDestinations,
  returned: Signals,
  { nowMs, settings }: Moment,
): readonly string[] {
  const own = new Set([...session.own, ...session.armed])
  const isUsed = (term: string | undefined): boolean => {
    return term !== undefined && (own.has(term) || knowsTerm(known, term, settings, nowMs))
  }
  return returned.destinations
    .filter((destination, index) => {
      return !isUsed(destination) && !isUsed(returned.sites[index]) && !returned.own.includes(index)
    })
    .slice(0, settings.destinationsPerResult)
}

/** Whether enough of what the session did was done before, in a baseline that is old enough to judge. */
function isFamiliar(known: Baseline, { steps }: SessionDestinations, { nowMs, settings }: Moment): boolean {
  const taken = steps.filter((step) => knowsTerm(known, step, settings, nowMs)).length
  return isBaselineMature(known, settings, nowMs) && taken * 1000 >= steps.length * settings.familiarThousandths
}

/** For each source of the session: its destinations at the tools that are known to take some from there. */
function denialsOf(
  state: TaintedDestinationState,
  { held, deniable }: SessionDestinations,
  { nowMs, settings }: Moment,
): readonly Predicate[] {
  return held.flatMap(({ server, destinations }): readonly Predicate[] => {
    const takers = findValue(state.takers, server) ?? []
    const tools = takers.filter((tool) => knowsTerm(state.known, flowOf(server, tool), settings, nowMs))
    const named = destinations.filter((each) => deniable.includes(each))
    if (tools.length === 0 || named.length === 0) return []
    const source: Predicate = { type: 'signal', field: 'destinations', anyOf: named }
    return [{ type: 'all', predicates: [source, { type: 'tool', anyOf: tools }] }]
  })
}

function learn(
  state: TaintedDestinationState,
  { principal, tool }: EventOf<'authorization/receipt'>,
  { held, signals, terms, moment: { nowMs, settings } }: Lesson,
): TaintedDestinationState {
  const sources = held.filter(({ destinations }) => signals.destinations.some((each) => destinations.includes(each)))
  const flows = sources.map(({ server }) => flowOf(server, tool))
  const takers = sources.reduce((map, { server }) => {
    const known = addDistinct(findValue(map, server) ?? [], [tool], MAX_TAKERS)
    return putValue(map, server, known, { nowMs, limit: MAX_SESSIONS })
  }, state.takers)
  return { ...state, takers, known: learnTerms(state.known, [...terms, ...flows], { principal, nowMs, settings }) }
}

interface Lesson {
  readonly held: readonly Held[]
  readonly signals: Signals
  readonly terms: readonly string[]
  readonly moment: Moment
}

function flowOf(server: string, tool: string): string {
  return JSON.stringify(['flow', server, tool])
}

function hold(held: readonly Held[], server: string, destinations: readonly string[]): readonly Held[] {
  if (destinations.length === 0) return held
  const before = held.find((each) => each.server === server)?.destinations ?? []
  const others = held.filter((each) => each.server !== server)
  return [...others, { server, destinations: addDistinct(before, destinations, MAX_OWN) }].slice(-MAX_SERVERS)
}

/** One rule that holds writes to any of the destinations, and where the session is familiar one that denies them. */
function findArmed(
  { principal, session, server, tool }: EventOf<'authorization/receipt'>,
  { armed, causes, isFamiliar }: SessionDestinations,
  { denials, settings }: { readonly denials: readonly Predicate[]; readonly settings: Settings },
): readonly Finding[] {
  const named: Predicate = { type: 'signal', field: 'destinations', anyOf: armed }
  const finding = (action: 'deny' | 'escalate', predicate: Predicate, subject: string): Finding => ({
    severity: 'low',
    score: 300,
    subject: `${subject} in session ${session}`,
    scope: { session, principal, server, tool },
    explanation: `Results of this session, the last of ${tool} on server ${server}, named ${armed.length} destination(s) that nobody here has used before; its writes to one of them are ${action === 'deny' ? 'denied' : 'held for approval'}.`,
    causes,
    isQuiet: true,
    response: {
      scope: { session, principal },
      tool: '*',
      toolClass: 'write',
      arguments: predicate,
      action,
      lifetimeMs: settings.ruleMinutes * 60 * 1000,
      reason: 'the destination comes from a result of this session, and nobody here has used it before',
    },
  })
  const mayDeny = isFamiliar && denials.length > 0
  const denial: Predicate = { type: 'any', predicates: denials.slice(-MAX_PREDICATES) }
  return [
    finding('escalate', named, 'destinations from results'),
    // A session that leaves familiar ways is denied no longer: the rule is issued again, and only holds.
    finding(mayDeny ? 'deny' : 'escalate', mayDeny ? denial : named, 'unfamiliar destinations from results'),
  ]
}

function stepsOf(
  { server, tool }: Parameters<typeof sessionKeyOf>[0] & { readonly server: string; readonly tool: string },
  { objects }: Signals,
): readonly string[] {
  return objects.map((object) => JSON.stringify([server, tool, object]))
}

function termsOf({ destinations, sites }: Signals): readonly string[] {
  return [...destinations, ...sites]
}

function putSession(
  state: TaintedDestinationState,
  event: Parameters<typeof sessionKeyOf>[0],
  session: SessionDestinations,
  nowMs: number,
): TaintedDestinationState {
  const keepUntilMs = session.armed.length > 0 ? nowMs + HOUR_MS : 0
  const sessions = putValue(state.sessions, sessionKeyOf(event), session, { nowMs, limit: MAX_SESSIONS, keepUntilMs })
  return { ...state, sessions }
}
