// D5, sensitive objects: ten different ones of a class that the configuration calls sensitive, read within a minute.
import type { EventOf } from '../events/event.ts'
import { type BoundedMap, emptyMap, findValue, putValue } from './bounded-map.ts'
import { type OpenCall, openCall, sessionKeyOf } from './call-book.ts'
import { isSensitive } from './classes.ts'
import type { Detector, Finding, Observation } from './detector.ts'
import type { DetectorSettings } from './settings.ts'

const MAX_SESSIONS = 10_000
const WITHIN_MS = 60 * 1000
/** More than any threshold needs. */
const MAX_READS = 100

interface SensitiveRead {
  readonly object: string
  readonly atMs: number
  readonly cause: string
}

interface SessionSweep {
  readonly open: readonly OpenCall[]
  readonly reads: readonly SensitiveRead[]
}

/** What the detector remembers. */
export interface SensitiveSweepState {
  readonly sessions: BoundedMap<SessionSweep>
}

type Settings = DetectorSettings['sensitiveSweep']
type Decide = EventOf<'authorization/decide'>

/** The detector of sweeps over sensitive objects. */
export function createSensitiveSweep(
  settings: Settings,
  classes: DetectorSettings['classes'],
): Detector<SensitiveSweepState> {
  return {
    name: 'sensitive-sweep',
    version: 1,
    initialState: { sessions: emptyMap() },
    observe: (state, observed, nowMs) => {
      const { event, hash } = observed
      const isCall = event.type === 'authorization/propose' || event.type === 'authorization/decide'
      if (!isCall || !isSensitive(classes, event)) return { state, findings: [] }
      const session = findValue(state.sessions, sessionKeyOf(event)) ?? { open: [], reads: [] }
      if (event.type === 'authorization/decide') return decided(state, event, { session, hash, nowMs, settings })
      if (observed.signals?.toolClass !== 'read') return { state, findings: [] }
      return {
        state: put(state, event, { ...session, open: openCall(session.open, event, observed) }, nowMs),
        findings: [],
      }
    },
  }
}

interface Moment {
  readonly session: SessionSweep
  readonly hash: string
  readonly nowMs: number
  readonly settings: Settings
}

function decided(
  state: SensitiveSweepState,
  event: Decide,
  { session, hash, nowMs, settings }: Moment,
): Observation<SensitiveSweepState> {
  const call = session.open.find((each) => each.call === event.call && each.hash === event.parent)
  // An escalated call stays open: an approval may still allow it.
  if (call === undefined || event.decision === 'escalate') return { state, findings: [] }
  const open = session.open.filter((each) => each !== call)
  const read = event.decision === 'allow' ? call.signals.objects : []
  const recent = session.reads.filter(({ object, atMs }) => nowMs - atMs < WITHIN_MS && !read.includes(object))
  const reads = [...recent, ...read.map((object) => ({ object, atMs: nowMs, cause: hash }))].slice(-MAX_READS)
  const done = put(state, event, { open, reads }, nowMs)
  if (read.length === 0 || reads.length < settings.distinctReads) return { state: done, findings: [] }
  return { state: done, findings: [findSweep(event, reads, settings)] }
}

function findSweep(
  { principal, session, server, tool }: Decide,
  reads: readonly SensitiveRead[],
  settings: Settings,
): Finding {
  return {
    severity: 'high',
    score: 800,
    subject: `sensitive reads of session ${session} on server ${server}`,
    scope: { session, principal, server, tool },
    explanation: `${reads.length} different objects of a sensitive class were read within a minute by one session.`,
    causes: [...new Set(reads.map(({ cause }) => cause))],
    response: {
      scope: { session, principal, server },
      tool: '*',
      toolClass: 'read',
      arguments: {
        type: 'not',
        predicate: { type: 'within', field: 'objects', values: reads.map(({ object }) => object) },
      },
      action: 'deny',
      lifetimeMs: settings.ruleMinutes * 60 * 1000,
      reason: `this session has read ${reads.length} sensitive objects on ${server} within a minute; further ones are paused`,
    },
  }
}

function put(
  state: SensitiveSweepState,
  event: Parameters<typeof sessionKeyOf>[0],
  session: SessionSweep,
  nowMs: number,
): SensitiveSweepState {
  return { sessions: putValue(state.sessions, sessionKeyOf(event), session, { nowMs, limit: MAX_SESSIONS }) }
}
