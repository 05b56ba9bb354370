// D3: an argument of a write copied from an untrusted result, new for (source server, tool, argument). When a receipt
// arrives, its identifier-like values that nobody here has used yet hold the session's writes that contain one, but for the
// arguments by which values of that server are known to travel. A value counts for a few calls after the last result that
// held it; in a suspect session (D9) for good, and what came from a result that addresses an agent is denied.
import type { EventOf } from '../events/event.ts'
import type { ArgumentPlace, Predicate } from '../events/rule.ts'
import { MAX_PREDICATE_PLACES, MAX_PREDICATE_VALUES } from '../events/rule.ts'
import type { Signals } from '../events/signals.ts'
import { type Baseline, countSession, EMPTY_BASELINE, knowsTerm, learnTerms } from './baseline.ts'
import { type BoundedMap, emptyMap, findValue, putValue } from './bounded-map.ts'
import {
  addDistinct,
  type CallEvent,
  memberOf,
  type OpenCall,
  openCall,
  sessionKeyOf,
  withNewest,
} from './call-book.ts'
import { isTrustedSource } from './classes.ts'
import { addSource, freshValues, type Source } from './copied-source.ts'
import type { Detector, Finding, Observation, ObservedEvent } from './detector.ts'
import { isMarked, isRefusal } from './instruction-markers.ts'
import { issuedDigest } from './issued-digest.ts'
import type { DetectorSettings } from './settings.ts'

const MAX_SESSIONS = 2_000
const MAX_OWN = 1_000
const MAX_CAUSES = 100
/** A predicate takes ten. */
const MAX_PREDICATES = 10
const HOUR_MS = 60 * 60 * 1000

interface SessionValues {
  readonly open: readonly OpenCall[]
  /** Values that stood in arguments. */
  readonly own: readonly string[]
  readonly sources: readonly Source[]
  readonly causes: readonly string[]
  /** Calls that ran. */
  readonly calls: number
  /** A result addressed an agent, or a call was refused. */
  readonly isSuspect: boolean
  /** Digests of the rules in force, '' without one: they are issued again when they differ. */
  readonly issued: readonly [held: string, denied: string]
}

/** What the detector remembers. */
export interface CopiedValueState {
  readonly sessions: BoundedMap<SessionValues>
  /** Values that allowed calls used, of all principals and tools. */
  readonly values: Baseline
  /** (source server, tool, argument) by which values went. */
  readonly flows: Baseline
  /** By source server: the places its values are known to go to. */
  readonly places: BoundedMap<readonly ArgumentPlace[]>
}

type Settings = DetectorSettings['copiedValue']

interface Moment {
  readonly nowMs: number
  readonly settings: Settings
  readonly classes: DetectorSettings['classes']
  readonly markers: DetectorSettings['instructionMarkers']
}

const NEW_SESSION: SessionValues = {
  open: [],
  own: [],
  sources: [],
  causes: [],
  calls: 0,
  isSuspect: false,
  issued: ['', ''],
}

/** The detector of argument values that were copied from untrusted results. */
export function createCopiedValue(
  settings: Settings,
  { classes, instructionMarkers: markers }: Pick<DetectorSettings, 'classes' | 'instructionMarkers'>,
): Detector<CopiedValueState> {
  return {
    name: 'copied-value',
    version: 4,
    initialState: { sessions: emptyMap(), values: EMPTY_BASELINE, flows: EMPTY_BASELINE, places: emptyMap() },
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
  state: CopiedValueState,
  event: EventOf<'authorization/propose'>,
  observed: ObservedEvent,
  nowMs: number,
): CopiedValueState {
  const known = findValue(state.sessions, sessionKeyOf(event))
  const session = known ?? NEW_SESSION
  const counted =
    known === undefined
      ? { ...state, values: countSession(state.values, nowMs), flows: countSession(state.flows, nowMs) }
      : state
  return putSession(counted, event, { ...session, open: openCall(session.open, event, observed) }, nowMs)
}

function suspect(
  state: CopiedValueState,
  event: EventOf<'authorization/decide'>,
  moment: Moment,
): Observation<CopiedValueState> {
  const session = findValue(state.sessions, sessionKeyOf(event))
  if (session === undefined || session.isSuspect) return { state, findings: [] }
  return issue(state, { event, session: { ...session, isSuspect: true }, moment })
}

function settle(
  state: CopiedValueState,
  event: EventOf<'authorization/receipt'>,
  { hash, signals: returned }: ObservedEvent,
  moment: Moment,
): Observation<CopiedValueState> {
  const session = findValue(state.sessions, sessionKeyOf(event)) ?? NEW_SESSION
  const call = session.open.find((each) => each.call === event.call)
  const taught = event.status === 'ok' && call !== undefined ? learn(state, event, { session, call, moment }) : state
  const own = addDistinct(session.own, call === undefined ? [] : valuesOf(call.signals), MAX_OWN)
  const open = session.open.filter((each) => each !== call)
  // Only what ran: a call that is refused and tried again makes nothing pass sooner.
  const calls = session.calls + (event.status === 'not_forwarded' ? 0 : 1)
  const next = { ...session, open, own, calls }
  if (returned === undefined || isTrustedSource(moment.classes, event))
    return issue(taught, { event, session: next, moment })
  const isAddressed = isMarked(returned, moment.markers)
  const isMine = memberOf(own, returned.values.length)
  const values = returned.values.filter((value) => !isMine(value))
  const sources = addSource(session.sources, event.server, {
    values,
    unused: values.filter((value) => !isUsed(taught, value, moment)),
    isAddressed,
    addressed: (isAddressed ? (returned.addressed ?? []) : []).filter((value) => !isMine(value)),
    calls,
    freshCalls: moment.settings.freshCalls,
  })
  const causes = sources === session.sources ? session.causes : withNewest(session.causes, hash, MAX_CAUSES)
  const told = { ...next, sources, causes, isSuspect: session.isSuspect || isAddressed }
  return issue(taught, { event, session: told, moment })
}

/** The state with the session, and its rules where they are others than before: those in force are replaced. */
function issue(
  state: CopiedValueState,
  { event, session, moment }: { readonly event: CallEvent; readonly session: SessionValues; readonly moment: Moment },
): Observation<CopiedValueState> {
  const fresh = copiesOf(state, session, moment, (source) => {
    if (!session.isSuspect) return freshValues(source, session.calls, moment.settings.freshCalls)
    return source.values.filter((value) => !isUsed(state, value, moment))
  })
  // Known or not: a known folder can be deleted too. By a known way a known value is everybody's work.
  const held = [...fresh, ...copiesOf(state, session, moment, ({ addressed }) => addressed)].slice(0, MAX_PREDICATES)
  const denied = [...copiesOf(state, session, moment, ({ marked }) => marked), ...addressedOf(session)].slice(
    -MAX_PREDICATES,
  )
  const issued = [issuedDigest(held), issuedDigest(denied)] as const
  const done = putSession(state, event, { ...session, issued }, moment.nowMs)
  const findings = [
    ...(issued[0] === session.issued[0] ? [] : [findCopies(event, { session, predicates: held, action: 'escalate' })]),
    ...(issued[1] === session.issued[1] ? [] : [findCopies(event, { session, predicates: denied, action: 'deny' })]),
  ]
  return { state: done, findings: findings.map((finding) => finding(moment.settings)) }
}

/** What the session's writes may not contain, by source. */
function copiesOf(
  state: CopiedValueState,
  { sources, own }: SessionValues,
  { nowMs, settings }: Moment,
  pick: (source: Source) => readonly string[],
): readonly Predicate[] {
  return sources.flatMap((source): readonly Predicate[] => {
    const { server } = source
    const values = pick(source)
    if (values.length === 0) return []
    const isMine = memberOf(own, values.length)
    const anyOf = values.filter((value) => !isMine(value))
    if (anyOf.length === 0) return []
    const except = (findValue(state.places, server) ?? []).filter((place) => {
      return knowsTerm(state.flows, flowOf(server, place), settings, nowMs)
    })
    return [{ type: 'copied', anyOf: anyOf.slice(-MAX_PREDICATE_VALUES), except }]
  })
}

/** What of the values that an agent was told to use nobody had used: by whatever way it goes. */
function addressedOf({ sources, own }: SessionValues): readonly Predicate[] {
  const told = sources.filter(({ addressed }) => addressed.length > 0)
  if (told.length === 0) return []
  const mine = new Set(own)
  const anyOf = told.flatMap(({ marked, addressed }) => {
    const unused = new Set(marked)
    return addressed.filter((value) => unused.has(value) && !mine.has(value))
  })
  return anyOf.length === 0 ? [] : [{ type: 'copied', anyOf: anyOf.slice(-MAX_PREDICATE_VALUES), except: [] }]
}

function isUsed(state: CopiedValueState, value: string, { nowMs, settings }: Moment): boolean {
  return knowsTerm(state.values, value, settings, nowMs)
}

function learn(
  state: CopiedValueState,
  event: EventOf<'authorization/receipt'>,
  { session, call, moment }: { readonly session: SessionValues; readonly call: OpenCall; readonly moment: Moment },
): CopiedValueState {
  const teaching = { principal: event.principal, nowMs: moment.nowMs, settings: moment.settings }
  // What a result gave orders about becomes nobody's habit, even where it got through.
  const marked = session.sources.flatMap((each) => [...each.marked, ...each.addressed])
  const isMarkedValue = memberOf(marked, valuesOf(call.signals).length)
  const used = call.signals.fields.map(({ name, values: all }) => {
    return { name, values: all.filter((value) => !isMarkedValue(value)) }
  })
  const terms = used.flatMap((each) => each.values)
  const values = learnTerms(state.values, terms, teaching)
  // Few and coarse, other than values: a flow says nothing of what goes by it.
  const teachingFlows = { ...teaching, settings: { ...moment.settings, termsPerHour: moment.settings.flowsPerHour } }
  let { flows, places } = state
  for (const { server, values: held } of session.sources) {
    const hasCome = memberOf(held, terms.length)
    for (const { name } of used.filter((each) => each.values.some(hasCome))) {
      const place = { tool: event.tool, argument: name }
      const known = findValue(places, server) ?? []
      const others = known.filter((each) => each.tool !== place.tool || each.argument !== place.argument)
      flows = learnTerms(flows, [flowOf(server, place)], teachingFlows)
      places = putValue(places, server, [...others, place].slice(-MAX_PREDICATE_PLACES), {
        nowMs: moment.nowMs,
        limit: MAX_SESSIONS,
      })
    }
  }
  return { ...state, values, flows, places }
}

interface Copies {
  readonly session: SessionValues
  readonly predicates: readonly Predicate[]
  readonly action: 'deny' | 'escalate'
}

/** A rule on copies; one without predicates takes the place of one that counts no longer. */
function findCopies(
  { principal, session: id, server, tool }: CallEvent,
  { session, predicates, action }: Copies,
): (settings: Settings) => Finding {
  const isDenied = action === 'deny'
  const nothing: Predicate = { type: 'copied', anyOf: [], except: [] }
  return ({ ruleMinutes }) => ({
    severity: 'low',
    score: isDenied ? 400 : 200,
    subject: `${isDenied ? 'values from instructing results' : 'values from results'} in session ${id}`,
    scope: { session: id, principal, server, tool },
    explanation: `Results of this session, the last of ${tool} on server ${server}, held values that nobody here has used before; writes of this session that copy one where such values are not known to go are ${isDenied ? 'denied' : 'held for approval'}.`,
    causes: session.causes,
    isQuiet: true,
    response: {
      scope: { session: id, principal },
      tool: '*',
      toolClass: 'write',
      arguments: predicates.length === 0 ? nothing : { type: 'any', predicates },
      action,
      lifetimeMs: ruleMinutes * 60 * 1000,
      reason: isDenied
        ? 'an argument was copied from a result of this session that addresses an agent'
        : 'an argument was copied from a result of this session, which is new for this tool',
    },
  })
}

function valuesOf(signals: Signals): readonly string[] {
  return signals.fields.flatMap(({ values }) => values)
}

function flowOf(server: string, { tool, argument }: ArgumentPlace): string {
  return JSON.stringify([server, tool, argument])
}

function putSession(
  state: CopiedValueState,
  event: Parameters<typeof sessionKeyOf>[0],
  session: SessionValues,
  nowMs: number,
): CopiedValueState {
  const keepUntilMs = session.causes.length > 0 ? nowMs + HOUR_MS : 0
  const sessions = putValue(state.sessions, sessionKeyOf(event), session, { nowMs, limit: MAX_SESSIONS, keepUntilMs })
  return { ...state, sessions }
}
