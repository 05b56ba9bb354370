// D5, first part: a session that reads more distinct objects than ordinary sessions do. Distinct, because retry loops
// reach 44 raw reads in benign sessions and 16 distinct ones at most. A read counts from the moment it is allowed, so
// that the rule can meet the very next call; it is taken back when the tool refused it or it was not forwarded.
import type { EventOf } from '../events/event.ts'
import { MAX_PREDICATE_VALUES } from '../events/rule.ts'
import { toolClassOf } from '../events/tool-class.ts'
import { type BoundedMap, emptyMap, findValue, putValue } from './bounded-map.ts'
import { sessionKeyOf, withNewest } from './call-book.ts'
import { type Detector, type Finding, MAX_CAUSES, type Observation, type ObservedEvent } from './detector.ts'
import { takeEnded } from './ended-sessions.ts'
import { addSession, EMPTY_HISTORY, isMature, quantileOf, type SessionHistory } from './session-history.ts'
import type { DetectorSettings } from './settings.ts'

/** About how many sessions and principals are remembered. */
const MAX_SESSIONS = 10_000
/** Calls of one session that may be open at once; the objects of the oldest count as read beyond that. */
const MAX_OPEN_READS = 256
const HOUR_MS = 60 * 60 * 1000

interface OpenRead {
  readonly call: string
  /** Hash of its propose. */
  readonly parent: string
  readonly objects: readonly string[]
  readonly allowed: boolean
}

interface SessionReads {
  readonly startedMs: number
  readonly lastMs: number
  /** Objects that were read, the newest last; at most MAX_PREDICATE_VALUES. */
  readonly read: readonly string[]
  readonly open: readonly OpenRead[]
  /** Hashes of the decides that let a new object be read. */
  readonly causes: readonly string[]
  readonly spiked: boolean
}

interface PrincipalReads {
  readonly history: SessionHistory
  /** Keys of sessions that have not ended. */
  readonly live: readonly string[]
}

/** What the detector remembers. */
export interface ReadSpikeState {
  readonly sessions: BoundedMap<SessionReads>
  readonly principals: BoundedMap<PrincipalReads>
}

type Settings = DetectorSettings['readSpike']
type CallEvent = EventOf<'authorization/propose' | 'authorization/decide' | 'authorization/receipt'>
/** Statuses after which the object was surely not read. */
const NOT_READ: readonly string[] = ['tool_error', 'protocol_error', 'not_forwarded']

/** The read-spike detector. */
export function createReadSpike(settings: Settings): Detector<ReadSpikeState> {
  return {
    name: 'read-spike',
    version: 1,
    initialState: { sessions: emptyMap(), principals: emptyMap() },
    observe: (state, observed, nowMs) => {
      switch (observed.event.type) {
        case 'authorization/propose':
          return { state: propose(state, observed, observed.event, nowMs), findings: [] }
        case 'authorization/decide':
          return decided(state, { event: observed.event, hash: observed.hash, nowMs, settings })
        case 'authorization/receipt':
          return { state: settle(state, observed.event, nowMs), findings: [] }
        default:
          return { state, findings: [] }
      }
    },
  }
}

function propose(
  state: ReadSpikeState,
  { hash, signals }: ObservedEvent,
  event: EventOf<'authorization/propose'>,
  nowMs: number,
): ReadSpikeState {
  if ((signals?.toolClass ?? toolClassOf(event.tool)) !== 'read') return state
  // Without signals the call as a whole is the object: less exact, and still no way round the count.
  const objects = signals === undefined || signals.objects.length === 0 ? [event.argumentsDigest] : signals.objects
  const known = findValue(state.sessions, sessionKeyOf(event))
  const opened = known === undefined ? startSession(state, event, nowMs) : state
  const session = known ?? { startedMs: nowMs, lastMs: nowMs, read: [], open: [], causes: [], spiked: false }
  const full = session.open.length < MAX_OPEN_READS ? undefined : session.open[0]
  const others = full === undefined ? session.open : session.open.slice(1)
  const open = [...others, { call: event.call, parent: hash, objects, allowed: false }]
  return putSession(opened, event, { ...session, read: addObjects(session.read, full?.objects ?? []), open }, nowMs)
}

interface Decided {
  readonly event: EventOf<'authorization/decide'>
  readonly hash: string
  readonly nowMs: number
  readonly settings: Settings
}

function decided(state: ReadSpikeState, { event, hash, nowMs, settings }: Decided): Observation<ReadSpikeState> {
  const session = findValue(state.sessions, sessionKeyOf(event))
  const call = session?.open.find((each) => each.call === event.call && each.parent === event.parent)
  // An escalated call stays open: an approval may still allow it.
  if (session === undefined || call === undefined || event.decision === 'escalate') return { state, findings: [] }
  if (event.decision === 'deny') {
    const open = session.open.filter((each) => each !== call)
    return { state: putSession(state, event, { ...session, open }, nowMs), findings: [] }
  }
  const before = distinctReads(session)
  const open = session.open.map((each) => (each === call ? { ...call, allowed: true } : each))
  const isNew = call.objects.some((object) => !before.has(object))
  const causes = isNew ? withNewest(session.causes, hash, MAX_CAUSES) : session.causes
  const allowed = { ...session, open, causes }
  const history = findValue(state.principals, event.principal)?.history ?? EMPTY_HISTORY
  const threshold = Math.max(settings.distinctReads, isMature(history, settings, nowMs) ? quantileOf(history, 999) : 0)
  const objects = isNew ? distinctReads(allowed) : before
  if (!isNew || objects.size <= threshold) return { state: putSession(state, event, allowed, nowMs), findings: [] }
  const spiked = { ...allowed, spiked: true }
  return {
    state: putSession(state, event, spiked, nowMs),
    findings: [findSpike({ event, session: spiked, objects, threshold, history, nowMs, settings })],
  }
}

interface Spike {
  readonly event: EventOf<'authorization/decide'>
  readonly session: SessionReads
  readonly objects: ReadonlySet<string>
  readonly threshold: number
  readonly history: SessionHistory
  readonly nowMs: number
  readonly settings: Settings
}

function findSpike({ event, session, objects, threshold, history, nowMs, settings }: Spike): Finding {
  const { principal, server } = event
  const seconds = Math.max(1, Math.round((nowMs - session.startedMs) / 1000))
  const usual =
    history.sessions === 0
      ? `ordinary sessions stay at ${threshold} or fewer`
      : `this principal's usual most is ${quantileOf(history, 999)}, the limit ${threshold}`
  const mature = isMature(history, settings, nowMs)
  return {
    severity: 'high',
    score: Math.min(1000, Math.round((500 * objects.size) / threshold)),
    subject: `reads of session ${event.session} on server ${server}`,
    scope: { session: event.session, principal, server, tool: event.tool },
    explanation: `${objects.size} different objects read in ${seconds} s by one session; ${usual}.`,
    causes: session.causes,
    response: {
      scope: { session: event.session, principal, server },
      tool: '*',
      toolClass: 'read',
      // Never broader than its evidence: what was read already may be read again.
      arguments: {
        type: 'not',
        predicate: { type: 'within', field: 'objects', values: [...objects].slice(-MAX_PREDICATE_VALUES) },
      },
      action: mature ? 'deny' : settings.immatureAction,
      lifetimeMs: settings.ruleMinutes * 60 * 1000,
      reason: `this session has read ${objects.size} different objects on ${server}; reading further ones is paused`,
    },
  }
}

function settle(state: ReadSpikeState, event: EventOf<'authorization/receipt'>, nowMs: number): ReadSpikeState {
  const session = findValue(state.sessions, sessionKeyOf(event))
  const call = session?.open.find((each) => each.call === event.call)
  if (session === undefined || call === undefined) return state
  const open = session.open.filter((each) => each !== call)
  // Objects are added by each call that read them: a failing call beside it takes nothing away.
  const read = NOT_READ.includes(event.status) ? session.read : addObjects(session.read, call.objects)
  return putSession(state, event, { ...session, open, read }, nowMs)
}

function distinctReads({ read, open }: SessionReads): Set<string> {
  return new Set([...read, ...open.filter(({ allowed }) => allowed).flatMap(({ objects }) => objects)])
}

function addObjects(read: readonly string[], objects: readonly string[]): readonly string[] {
  const added = objects.filter((object) => !read.includes(object))
  return added.length === 0 ? read : [...read, ...added].slice(-MAX_PREDICATE_VALUES)
}

function putSession(state: ReadSpikeState, event: CallEvent, session: SessionReads, nowMs: number): ReadSpikeState {
  const keepUntilMs = session.spiked ? nowMs + HOUR_MS : 0
  const keeping = { nowMs, limit: MAX_SESSIONS, keepUntilMs }
  return { ...state, sessions: putValue(state.sessions, sessionKeyOf(event), { ...session, lastMs: nowMs }, keeping) }
}

/** Takes the sessions that have ended into the principal's history; none that spiked: an attack is no habit. */
function startSession(state: ReadSpikeState, event: CallEvent, nowMs: number): ReadSpikeState {
  const known = findValue(state.principals, event.principal) ?? { history: EMPTY_HISTORY, live: [] }
  const { ended, live, sessions } = takeEnded(state.sessions, known.live, { begun: sessionKeyOf(event), nowMs })
  const history = ended
    .filter(({ spiked }) => !spiked)
    .reduce((sum, { read, startedMs }) => addSession(sum, read.length, startedMs), known.history)
  const principals = putValue(state.principals, event.principal, { history, live }, { nowMs, limit: MAX_SESSIONS })
  return { sessions, principals }
}
