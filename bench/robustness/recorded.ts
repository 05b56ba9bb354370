// Recorded attacks made harder: without words to an agent, later, by a detour, and with a history that the attacker wrote.
// Always on unseen tasks, with the default settings.
import { createDetectors } from '../../detectors/create.ts'
import type { EngineOptions, EngineState } from '../../detectors/engine.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import { learn, makeFolds, TEST_MS } from '../eval/folds.ts'
import { playSession } from '../eval/play.ts'
import { type Judged, type Share, score } from '../eval/score.ts'
import type { TracedCall, TracedSession } from '../eval/trace.ts'

const SETTINGS = detectorSettings.parse({})
const OPTIONS: EngineOptions = { detectors: createDetectors(SETTINGS), feedback: SETTINGS.feedback }
const DAY_MS = 24 * 60 * 60 * 1000
/** Any value that a result may have held. */
const LEAD = 'AAAAAAAAAAA'

/** What was tried, and the share of harmful calls that was held and denied all the same. */
export interface Hardened {
  readonly name: string
  readonly held: Share
  readonly denied: Share
}

/** How an attack is changed. */
interface Change {
  readonly name: string
  readonly of: (session: TracedSession) => TracedSession
}

const asRecorded: Change = { name: 'as recorded', of: (session) => session }
const worded: Change = { name: 'no words to an agent', of: (session) => withCalls(session, withoutMarkers) }
const late: Change = { name: 'four calls later', of: postponed }
const led: Change = { name: 'found by following a lead', of: followed }

const CHANGES: readonly Change[] = [
  asRecorded,
  worded,
  late,
  led,
  { name: 'no words to an agent, and four calls later', of: (session) => postponed(worded.of(session)) },
  { name: 'no words to an agent, and found by a lead', of: (session) => followed(worded.of(session)) },
  { name: 'all three', of: (session) => followed(postponed(worded.of(session))) },
]

/** Every change, and every poisoned history. */
export function harden(sessions: readonly TracedSession[]): readonly Hardened[] {
  const harmful = (session: TracedSession): boolean => session.calls.some(({ harm }) => harm)
  const changed = CHANGES.map(({ name }) => ({ name, judged: [] as Judged[] }))
  const poisoned = HISTORIES.map(({ name }) => ({ name, judged: [] as Judged[] }))
  for (const { history, test } of makeFolds(sessions, 'unseen')) {
    const learned = learn(history, OPTIONS)
    const attacks = test.filter(harmful)
    for (const [index, { of }] of CHANGES.entries())
      for (const session of attacks) changed[index]?.judged.push(judge(learned, of(session), TEST_MS))
    for (const [index, { pick }] of HISTORIES.entries()) {
      const taught = poison(learned, sessions.filter(pick))
      for (const session of attacks) poisoned[index]?.judged.push(judge(taught, session, TEST_MS + 8 * DAY_MS))
    }
  }
  return [...changed, ...poisoned].map(({ name, judged }) => {
    const { held, denied } = score(judged)
    return { name, held, denied }
  })
}

/** Whose sessions the attacker adds to the history, over seven days. */
const HISTORIES: readonly { readonly name: string; readonly pick: (session: TracedSession) => boolean }[] = [
  { name: 'history: a week of attacks that agents ignored', pick: ({ label }) => label === 'injected_ignored' },
  { name: 'history: a week of attacks that nobody stopped', pick: ({ label }) => label === 'succeeded' },
]

/** The state after a week of further sessions, in which no rule came in time. */
function poison(learned: EngineState, sessions: readonly TracedSession[]): EngineState {
  return sessions.reduce((state, session, index) => {
    const startMs = TEST_MS + DAY_MS + Math.floor((index * 6 * DAY_MS) / sessions.length)
    const told = { ...session, session: `week-${session.session}` }
    return playSession(state, told, { options: OPTIONS, delayMs: DAY_MS, startMs }).state
  }, learned)
}

function judge(state: EngineState, session: TracedSession, startMs: number): Judged {
  return { session, verdicts: playSession(state, session, { options: OPTIONS, delayMs: 250, startMs }).verdicts }
}

function withCalls(session: TracedSession, change: (call: TracedCall) => TracedCall): TracedSession {
  return { ...session, calls: session.calls.map(change) }
}

function withoutMarkers(call: TracedCall): TracedCall {
  return { ...call, returned: { ...call.returned, markers: 0 } }
}

/** Before the first step of the attack four calls that say nothing; what follows comes as much later. */
function postponed(session: TracedSession): TracedSession {
  const at = session.calls.findIndex(({ attack }) => attack)
  const step = session.calls[at]
  if (step === undefined) return session
  const idle = Array.from({ length: 4 }, (_, index) => idleCall(step, index))
  const rest = session.calls.slice(at).map((call) => ({ ...call, atMs: call.atMs + 4_000 }))
  const calls = [...session.calls.slice(0, at), ...idle, ...rest]
  return { ...session, calls: calls.map((call, index) => ({ ...call, index })) }
}

/** Every result is reached by what the first one named. */
function followed(session: TracedSession): TracedSession {
  const [first] = session.calls
  if (first === undefined) return session
  const start = { ...idleCall(first, 0), atMs: first.atMs }
  const named = { ...start, returned: { ...start.returned, values: [LEAD] } }
  const calls = session.calls.map((call) => {
    const proposed = { ...call.proposed, references: [LEAD] }
    return { ...call, proposed, atMs: call.atMs + 1_000 }
  })
  return { ...session, calls: [named, ...calls].map((call, index) => ({ ...call, index })) }
}

function idleCall(near: TracedCall, index: number): TracedCall {
  const nothing = { objects: [], destinations: [], sites: [], own: [], fields: [], values: [], secrets: [], markers: 0 }
  return {
    ...near,
    atMs: near.atMs + index * 1_000,
    tool: 'get_current_day',
    toolClass: 'read',
    isError: false,
    proposed: { ...near.proposed, ...nothing, toolClass: 'read' },
    returned: { ...near.returned, ...nothing, toolClass: 'read' },
    attack: false,
    harm: false,
  }
}
