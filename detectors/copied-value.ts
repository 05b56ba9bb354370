// D3: an argument of a write copied from an untrusted result, new for (source server, tool, argument). When a receipt
// arrives, its identifier-like values that nobody here has used yet hold the session's writes that contain one, but for the
// arguments by which values of that server are known to travel. Escalates; never denies by itself.
import type { EventOf } from '../events/event.ts'
import type { ArgumentPlace, Predicate } from '../events/rule.ts'
import { MAX_PREDICATE_PLACES, MAX_PREDICATE_VALUES } from '../events/rule.ts'
import type { Signals } from '../events/signals.ts'
import { type Baseline, countSession, EMPTY_BASELINE, knowsTerm, learnTerms } from './baseline.ts'
import { type BoundedMap, emptyMap, findValue, putValue } from './bounded-map.ts'
import { addDistinct, type OpenCall, openCall, sessionKeyOf } from './call-book.ts'
import { isTrustedSource } from './classes.ts'
import type { Detector, Finding, Observation, ObservedEvent } from './detector.ts'
import type { DetectorSettings } from './settings.ts'

const MAX_SESSIONS = 2_000
const MAX_OWN = 1_000
/** Values of one session and server that are remembered; the oldest go first. */
const MAX_VALUES = 1_500
/** Servers whose results one rule speaks of; a predicate takes ten. */
const MAX_SOURCES = 8
const MAX_CAUSES = 100
const HOUR_MS = 60 * 60 * 1000

/** What results of one server held. */
interface Source {
  readonly server: string
  readonly values: readonly string[]
}

interface SessionValues {
  readonly open: readonly OpenCall[]
  /** Values that stood in arguments. */
  readonly own: readonly string[]
  readonly sources: readonly Source[]
  readonly causes: readonly string[]
  /** When the rule in force was asked for, and for how many values. */
  readonly armed: number
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
  readonly trusted: DetectorSettings['classes']
}

const NEW_SESSION: SessionValues = { open: [], own: [], sources: [], causes: [], armed: 0 }

/** The detector of argument values that were copied from untrusted results. */
export function createCopiedValue(
  settings: Settings,
  trusted: DetectorSettings['classes'],
): Detector<CopiedValueState> {
  return {
    name: 'copied-value',
    version: 1,
    initialState: { sessions: emptyMap(), values: EMPTY_BASELINE, flows: EMPTY_BASELINE, places: emptyMap() },
    observe: (state, observed, nowMs) => {
      const { event } = observed
      if (event.type === 'authorization/propose') return { state: propose(state, event, observed, nowMs), findings: [] }
      if (event.type === 'authorization/receipt') return settle(state, event, observed, { nowMs, settings, trusted })
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
  const isSource = returned !== undefined && !isTrustedSource(moment.trusted, event)
  const sources = isSource
    ? addSource(session.sources, event.server, { values: returned.values, own })
    : session.sources
  const next = { ...session, open, own, sources }
  const predicate = sources === session.sources ? undefined : copiesOf(taught, next, moment)
  if (predicate === undefined) return { state: putSession(taught, event, next, moment.nowMs), findings: [] }
  const armed = { ...next, armed: next.armed + 1, causes: [...next.causes, hash].slice(-MAX_CAUSES) }
  const finding = findCopies(event, { causes: armed.causes, predicate, settings: moment.settings })
  return { state: putSession(taught, event, armed, moment.nowMs), findings: [finding] }
}

/** The values of a result that no argument held before it, the newest last. */
function addSource(
  sources: readonly Source[],
  server: string,
  { values, own }: { readonly values: readonly string[]; readonly own: readonly string[] },
): readonly Source[] {
  const mine = new Set(own)
  const before = sources.find((each) => each.server === server)?.values ?? []
  const after = addDistinct(
    before,
    values.filter((value) => !mine.has(value)),
    MAX_VALUES,
  )
  if (after === before) return sources
  return [...sources.filter((each) => each.server !== server), { server, values: after }].slice(-MAX_SOURCES)
}

/** What the session's writes may not contain; undefined where nothing new came in. */
function copiesOf(state: CopiedValueState, { sources, own }: SessionValues, moment: Moment): Predicate | undefined {
  const { nowMs, settings } = moment
  const mine = new Set(own)
  const predicates = sources.flatMap(({ server, values }): readonly Predicate[] => {
    const anyOf = values.filter((value) => !mine.has(value) && !knowsTerm(state.values, value, settings, nowMs))
    const except = (findValue(state.places, server) ?? []).filter((place) => {
      return knowsTerm(state.flows, flowOf(server, place), settings, nowMs)
    })
    return anyOf.length === 0 ? [] : [{ type: 'copied', anyOf: anyOf.slice(-MAX_PREDICATE_VALUES), except }]
  })
  return predicates.length === 0 ? undefined : { type: 'any', predicates }
}

function learn(
  state: CopiedValueState,
  event: EventOf<'authorization/receipt'>,
  { session, call, moment }: { readonly session: SessionValues; readonly call: OpenCall; readonly moment: Moment },
): CopiedValueState {
  const teaching = { principal: event.principal, nowMs: moment.nowMs, settings: moment.settings }
  const values = learnTerms(state.values, valuesOf(call.signals), teaching)
  // Few and coarse, other than values: a flow says nothing of what goes by it.
  const teachingFlows = { ...teaching, settings: { ...moment.settings, termsPerHour: moment.settings.flowsPerHour } }
  let { flows, places } = state
  for (const { server, values: held } of session.sources) {
    const came = new Set(held)
    const used = call.signals.fields.filter((each) => each.values.some((value) => came.has(value)))
    for (const { name } of used) {
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

function findCopies(
  { principal, session, server, tool }: EventOf<'authorization/receipt'>,
  {
    causes,
    predicate,
    settings,
  }: { readonly causes: readonly string[]; readonly predicate: Predicate; readonly settings: Settings },
): Finding {
  return {
    severity: 'low',
    score: 200,
    subject: `values from results in session ${session}`,
    scope: { session, principal, server, tool },
    explanation: `A result of ${tool} on server ${server} held values that nobody here has used before; writes of this session that copy one where such values are not known to go are held for approval.`,
    causes,
    isQuiet: true,
    response: {
      scope: { session, principal },
      tool: '*',
      toolClass: 'write',
      arguments: predicate,
      action: 'escalate',
      lifetimeMs: settings.ruleMinutes * 60 * 1000,
      reason: 'an argument was copied from a result of this session, which is new for this tool',
    },
  }
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
  const keepUntilMs = session.armed > 0 ? nowMs + HOUR_MS : 0
  const sessions = putValue(state.sessions, sessionKeyOf(event), session, { nowMs, limit: MAX_SESSIONS, keepUntilMs })
  return { ...state, sessions }
}
