// D2: a destination taken from an untrusted result. When the receipt arrives, its e-mails, hosts and accounts that nobody
// here has used yet bind the writes of the session that contain one. A destination that stood in an argument before the
// receipt is the user's own. Denied where the result addresses an agent (D9), or the session goes familiar ways; else
// escalated: history decides the false alarms. Which of them bind, and for how long, armed-destinations.ts says.
import type { EventOf } from '../events/event.ts'
import type { Predicate } from '../events/rule.ts'
import type { Signals } from '../events/signals.ts'
import { type ArmedDestination, addNamed, arm, boundOf, isLead } from './armed-destinations.ts'
import { type Baseline, countSession, EMPTY_BASELINE, isBaselineMature, knowsTerm, learnTerms } from './baseline.ts'
import { type BoundedMap, emptyMap, findValue, putValue } from './bounded-map.ts'
import { addDistinct, type CallEvent, type OpenCall, openCall, sessionKeyOf, withNewest } from './call-book.ts'
import { isTrustedSource } from './classes.ts'
import { findArmed } from './destination-rules.ts'
import { type Held, hold, learnWays, usualWays } from './destination-ways.ts'
import type { Detector, Observation, ObservedEvent } from './detector.ts'
import { isMarked, isRefusal } from './instruction-markers.ts'
import { issuedDigest } from './issued-digest.ts'
import { knownTargets, newDestinations } from './new-destinations.ts'
import type { DetectorSettings } from './settings.ts'

const MAX_SESSIONS = 10_000
const MAX_OWN = 400
const MAX_CAUSES = 100
const MAX_PAIRS = 200
/** A predicate takes ten. */
const MAX_PREDICATES = 10
const HOUR_MS = 60 * 60 * 1000

interface SessionDestinations {
  readonly open: readonly OpenCall[]
  /** Destinations and sites that stood in arguments. */
  readonly own: readonly string[]
  readonly armed: readonly ArmedDestination[]
  /** What results named, for a later call to follow. */
  readonly named: readonly string[]
  /** Calls that ran. */
  readonly calls: number
  /** A result addressed an agent, or a call was refused. */
  readonly isSuspect: boolean
  /** Digest of the rules in force, '' without any: they are issued again when they differ. */
  readonly issued: string
  /** Something of it is denied. */
  readonly hasDenial: boolean
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
  readonly classes: DetectorSettings['classes']
  readonly markers: DetectorSettings['instructionMarkers']
}

const NEW_SESSION: SessionDestinations = {
  open: [],
  own: [],
  armed: [],
  named: [],
  calls: 0,
  isSuspect: false,
  issued: '',
  hasDenial: false,
  steps: [],
  causes: [],
  held: [],
  isFamiliar: false,
}

/** The detector of destinations that came from untrusted results. */
export function createTaintedDestination(
  settings: Settings,
  { classes, instructionMarkers: markers }: Pick<DetectorSettings, 'classes' | 'instructionMarkers'>,
): Detector<TaintedDestinationState> {
  return {
    name: 'tainted-destination',
    version: 3,
    initialState: { sessions: emptyMap(), known: EMPTY_BASELINE, takers: emptyMap() },
    observe: (state, observed, nowMs) => {
      const { event } = observed
      const moment = { nowMs, settings, classes, markers }
      if (event.type === 'authorization/propose') return { state: propose(state, event, observed, nowMs), findings: [] }
      if (event.type === 'authorization/decide' && isRefusal(event)) return suspect(state, event, moment)
      if (event.type === 'authorization/receipt') return settle(state, event, observed, moment)
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

function suspect(
  state: TaintedDestinationState,
  event: EventOf<'authorization/decide'>,
  moment: Moment,
): Observation<TaintedDestinationState> {
  const session = findValue(state.sessions, sessionKeyOf(event))
  if (session === undefined || session.isSuspect) return { state, findings: [] }
  return issue(state, { event, session: { ...session, isSuspect: true }, moment })
}

function settle(
  state: TaintedDestinationState,
  event: EventOf<'authorization/receipt'>,
  { hash, signals: returned }: ObservedEvent,
  moment: Moment,
): Observation<TaintedDestinationState> {
  const session = findValue(state.sessions, sessionKeyOf(event)) ?? NEW_SESSION
  const call = session.open.find((each) => each.call === event.call)
  const used = call === undefined ? [] : termsOf(call.signals)
  const steps = call === undefined ? [] : stepsOf(event, call.signals)
  const next: SessionDestinations = {
    ...session,
    open: session.open.filter((each) => each !== call),
    // Only what ran: a call that is refused and tried again makes nothing pass sooner.
    calls: session.calls + (event.status === 'not_forwarded' ? 0 : 1),
    own: addDistinct(session.own, used, MAX_OWN),
    steps: addDistinct(session.steps, steps, MAX_PAIRS),
    held: returned === undefined ? session.held : hold(session.held, event.server, returned.destinations),
    named: returned === undefined ? session.named : addNamed(session.named, returned),
  }
  const isSource = returned !== undefined && !isTrustedSource(moment.classes, event)
  const isLed = call !== undefined && isLead(call.signals, session.named)
  const armed = isSource ? armWith(state.known, next, { returned, hash, isLed, moment }) : next
  // It says what is denied of what is armed.
  const isFamiliarNow = armed.armed.length > 0 && isFamiliar(state.known, armed, moment)
  const judged = issue(state, { event, session: { ...armed, isFamiliar: isFamiliarNow }, moment })
  if (event.status !== 'ok' || call === undefined) return judged
  // It ran, and no rule of ours stood against it: what it used is the user's own, or was approved.
  const taught = learn(judged.state, event, { session, signals: call.signals, steps, moment })
  return { state: taught, findings: judged.findings }
}

interface Arrival {
  readonly returned: Signals
  readonly hash: string
  readonly isLed: boolean
  readonly moment: Moment
}

/** The session after an untrusted result. */
function armWith(
  known: Baseline,
  session: SessionDestinations,
  { returned, hash, isLed, moment }: Arrival,
): SessionDestinations {
  const isAddressed = isMarked(returned, moment.markers)
  const fresh = newDestinations(known, session, returned, { isMarked: isAddressed, ...moment })
  const isDeniable = fresh.length <= moment.settings.deniedPerResult
  const told = isAddressed ? knownTargets(known, session, returned, moment) : []
  const all = returned.destinations.filter((each) => !told.includes(each))
  const named = { namedAt: session.calls, isLed, isDeniable, isMarked: isAddressed, all }
  const armed = arm(session.armed, fresh, named)
  const isNothing = fresh.length + told.length === 0
  return {
    ...session,
    isSuspect: session.isSuspect || isAddressed,
    // Whom people here write to is only held, whoever says so.
    armed: told.length === 0 ? armed : arm(armed, told, { ...named, isDeniable: false, isMarked: false, all: [] }),
    causes: isNothing ? session.causes : withNewest(session.causes, hash, MAX_CAUSES),
  }
}

/** The state with the session, and its rules where they are others than before: those in force are replaced. */
function issue(
  state: TaintedDestinationState,
  {
    event,
    session,
    moment,
  }: { readonly event: CallEvent; readonly session: SessionDestinations; readonly moment: Moment },
): Observation<TaintedDestinationState> {
  const bound = boundOf(session, moment.settings)
  const names = bound.map(({ name }) => name)
  const denials = denialsOf(state, { session, bound }, moment)
  const issued = bound.length === 0 ? '' : issuedDigest([names, denials])
  const done = putSession(state, event, { ...session, issued, hasDenial: denials.length > 0 }, moment.nowMs)
  const { causes, hasDenial: hadDenial } = session
  const findings =
    issued === session.issued
      ? []
      : findArmed(event, { names, denials, hadDenial, causes, ruleMinutes: moment.settings.ruleMinutes })
  return { state: done, findings }
}

/** Whether enough of what the session did, and of where it went, is known, in a baseline that is old enough to judge. */
function isFamiliar(known: Baseline, { steps, own }: SessionDestinations, { nowMs, settings }: Moment): boolean {
  if (!isBaselineMature(known, settings, nowMs)) return false
  const taken = [...steps, ...own]
  const usual = taken.filter((term) => knowsTerm(known, term, settings, nowMs)).length
  return usual * 1000 >= taken.length * settings.familiarThousandths
}

/** What is denied of the bound destinations: those of results that address an agent, and what familiar ways lead to. */
function denialsOf(
  state: TaintedDestinationState,
  { session, bound }: { readonly session: SessionDestinations; readonly bound: readonly ArmedDestination[] },
  { nowMs, settings }: Moment,
): readonly Predicate[] {
  const marked = bound.filter((each) => each.isMarked).map(({ name }) => name)
  const addressed: readonly Predicate[] =
    marked.length === 0 ? [] : [{ type: 'signal', field: 'destinations', anyOf: marked }]
  if (!session.isFamiliar || session.held.length === 0) return addressed
  const deniable = new Set(bound.filter((each) => each.isDeniable).map(({ name }) => name))
  const usual = usualWays(session.held, { takers: state.takers, bound: deniable }, (way) => {
    return knowsTerm(state.known, way, settings, nowMs)
  })
  return [...addressed, ...usual.slice(addressed.length - MAX_PREDICATES)]
}

function learn(
  state: TaintedDestinationState,
  { principal, tool }: EventOf<'authorization/receipt'>,
  { session, signals, steps, moment: { nowMs, settings } }: Lesson,
): TaintedDestinationState {
  // What a result gave orders about becomes nobody's habit, even where it got through.
  const marked = session.armed.filter((each) => each.isMarked).map(({ name }) => name)
  const used = signals.destinations.map((name, index) => ({ name, site: signals.sites[index] ?? name }))
  const innocent = used.filter(({ name }) => !marked.includes(name))
  const destinations = innocent.map(({ name }) => name)
  // A rule that denies binds reads too, so a way is one to a write.
  const taken = signals.toolClass === 'read' ? [] : destinations
  const taught = learnWays(state.takers, session.held, { tool, destinations: taken, nowMs })
  const terms = [...destinations, ...innocent.map(({ site }) => site), ...steps, ...taught.ways]
  const known = learnTerms(state.known, terms, { principal, nowMs, settings })
  return { ...state, takers: taught.takers, known }
}

interface Lesson {
  readonly session: SessionDestinations
  readonly signals: Signals
  readonly steps: readonly string[]
  readonly moment: Moment
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
