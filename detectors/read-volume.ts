// D5, the volume: a session whose results are larger together than those of the principal's own sessions ever are. Judged by
// the principal's history alone, once that is mature, and never below a floor: what is large is different everywhere.
import type { EventOf } from '../events/event.ts'
import { type BoundedMap, emptyMap, findValue, putValue } from './bounded-map.ts'
import { sessionKeyOf } from './call-book.ts'
import { type Detector, type Finding, MAX_CAUSES, type Observation } from './detector.ts'
import { takeEnded } from './ended-sessions.ts'
import { addSession, EMPTY_HISTORY, isMature, quantileOf, type SessionHistory } from './session-history.ts'
import type { DetectorSettings } from './settings.ts'

const MAX_SESSIONS = 10_000
/** A figure of the history is a size in eighths of a power of two of 1 KiB: 9% apart. */
const STEPS = 8

interface SessionVolume {
  readonly startedMs: number
  readonly lastMs: number
  readonly bytes: number
  readonly causes: readonly string[]
  readonly isFound: boolean
}

interface PrincipalVolume {
  readonly history: SessionHistory
  readonly live: readonly string[]
}

/** What the detector remembers. */
export interface ReadVolumeState {
  readonly sessions: BoundedMap<SessionVolume>
  readonly principals: BoundedMap<PrincipalVolume>
}

type Settings = DetectorSettings['readVolume']
type Receipt = EventOf<'authorization/receipt'>

/** The detector of sessions that read too much. */
export function createReadVolume(settings: Settings): Detector<ReadVolumeState> {
  return {
    name: 'read-volume',
    version: 1,
    initialState: { sessions: emptyMap(), principals: emptyMap() },
    observe: (state, { event, hash }, nowMs) => {
      if (event.type !== 'authorization/receipt' || event.result === undefined) return { state, findings: [] }
      return settle(state, event, { hash, nowMs, settings, bytes: event.result.bytes })
    },
  }
}

interface Moment {
  readonly hash: string
  readonly nowMs: number
  readonly settings: Settings
  readonly bytes: number
}

function settle(before: ReadVolumeState, event: Receipt, moment: Moment): Observation<ReadVolumeState> {
  const { hash, nowMs, settings, bytes } = moment
  const key = sessionKeyOf(event)
  const known = findValue(before.sessions, key)
  const state = known === undefined ? startSession(before, event, nowMs) : before
  const session = known ?? { startedMs: nowMs, lastMs: nowMs, bytes: 0, causes: [], isFound: false }
  const history = findValue(state.principals, event.principal)?.history ?? EMPTY_HISTORY
  const sum = session.bytes + bytes
  const usual = sizeOf(quantileOf(history, 999))
  const isOver = isMature(history, settings, nowMs) && sum > Math.max(settings.floorBytes, usual)
  const next: SessionVolume = {
    ...session,
    lastMs: nowMs,
    bytes: sum,
    causes: [...session.causes, hash].slice(-MAX_CAUSES),
    isFound: session.isFound || isOver,
  }
  const keeping = { nowMs, limit: MAX_SESSIONS, ...(next.isFound ? { keepUntilMs: nowMs + 60 * 60 * 1000 } : {}) }
  const done = { ...state, sessions: putValue(state.sessions, key, next, keeping) }
  if (!isOver || session.isFound) return { state: done, findings: [] }
  return { state: done, findings: [findVolume(event, { session: next, usual, settings })] }
}

function findVolume(
  { principal, session: id, server, tool }: Receipt,
  {
    session,
    usual,
    settings,
  }: { readonly session: SessionVolume; readonly usual: number; readonly settings: Settings },
): Finding {
  return {
    severity: 'medium',
    score: 500,
    subject: `volume of session ${id}`,
    scope: { session: id, principal, server, tool },
    explanation: `${kibibytes(session.bytes)} KiB of results in one session; this principal's usual most is ${kibibytes(usual)} KiB.`,
    causes: session.causes,
    response: {
      scope: { session: id, principal, server },
      tool: '*',
      toolClass: 'read',
      action: 'escalate',
      lifetimeMs: settings.ruleMinutes * 60 * 1000,
      reason: `this session has read more than this principal's sessions do: further reads on ${server} need approval`,
    },
  }
}

/** Takes the sessions that have ended into the history; none that was found: an attack is no habit. */
function startSession(state: ReadVolumeState, event: Receipt, nowMs: number): ReadVolumeState {
  const known = findValue(state.principals, event.principal) ?? { history: EMPTY_HISTORY, live: [] }
  const { ended, live, sessions } = takeEnded(state.sessions, known.live, { begun: sessionKeyOf(event), nowMs })
  const history = ended
    .filter(({ isFound }) => !isFound)
    .reduce((sum, { bytes, startedMs }) => addSession(sum, figureOf(bytes), startedMs), known.history)
  const principals = putValue(state.principals, event.principal, { history, live }, { nowMs, limit: MAX_SESSIONS })
  return { sessions, principals }
}

function figureOf(bytes: number): number {
  return Math.ceil(STEPS * Math.log2(1 + bytes / 1024))
}

/** The largest size of a figure, bytes. */
function sizeOf(figure: number): number {
  return Math.round((2 ** (figure / STEPS) - 1) * 1024)
}

function kibibytes(bytes: number): number {
  return Math.round(bytes / 1024)
}
