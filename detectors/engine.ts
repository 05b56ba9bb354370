// All detectors together, and what their findings lead to: one pure step from a verified event to the alerts and rules
// to publish. The runner drives it over the live log, a replay over history. A detector that throws is never silent:
// the session is escalated, and after repeated failures the detector is switched off with a critical alert.
import { describeError } from '../events/errors.ts'
import { adapt, type Issue } from './adapt.ts'
import { bindOrigin } from './continuation.ts'
import type { Detector, Finding, Observation, ObservedEvent } from './detector.ts'
import { EMPTY_FEEDBACK, type FeedbackState } from './feedback.ts'
import { restoreState } from './saved-state.ts'
import type { DetectorSettings } from './settings.ts'

/** A detector that failed this often is switched off. */
const MAX_FAILURES = 3
const FAILURE_RULE_MS = 15 * 60 * 1000

interface DetectorEntry {
  readonly name: string
  readonly version: number
  readonly state: unknown
  readonly failures: number
}

/** The state of all detectors and of the feedback; plain JSON. */
export interface EngineState {
  readonly detectors: readonly DetectorEntry[]
  readonly feedback: FeedbackState
}

/** What one event led to. */
export interface Step {
  readonly state: EngineState
  readonly issues: readonly Issue[]
}

/** What an engine consists of. */
export interface EngineOptions {
  readonly detectors: readonly Detector<unknown>[]
  readonly feedback: DetectorSettings['feedback']
}

/** The state to begin with: what was saved, as far as its detectors are still here in the same version. */
export function initialEngineState(detectors: readonly Detector<unknown>[], saved?: EngineState): EngineState {
  const entries = detectors.map(({ name, version, initialState }) => {
    const known = saved?.detectors.find((entry) => entry.name === name && entry.version === version)
    return known === undefined
      ? { name, version, state: initialState, failures: 0 }
      : { ...known, state: restoreState(known.state) }
  })
  const feedback = saved === undefined ? EMPTY_FEEDBACK : (restoreState(saved.feedback) as FeedbackState)
  return { detectors: entries, feedback }
}

/** The names of detectors that failed so often that they see nothing any more. */
export function isolatedDetectors({ detectors }: EngineState): readonly string[] {
  return detectors.filter(({ failures }) => failures >= MAX_FAILURES).map(({ name }) => name)
}

/** Lets every detector see an event. */
export function stepEngine(
  state: EngineState,
  observed: ObservedEvent,
  { nowMs, options }: { readonly nowMs: number; readonly options: EngineOptions },
): Step {
  const issues: Issue[] = []
  let { feedback } = state
  const detectors = state.detectors.map((entry, index) => {
    // They stand in the same order, but where the state has one that is switched off since.
    const beside = options.detectors[index]
    const detector = beside?.name === entry.name ? beside : options.detectors.find(({ name }) => name === entry.name)
    if (detector === undefined || entry.failures >= MAX_FAILURES) return entry
    const { findings, state: after, failures } = observe(detector, entry, observed, nowMs)
    for (const finding of findings) {
      const bound = bindOrigin(finding, observed)
      const adapted = adapt(feedback, { detector: entry.name, finding: bound, nowMs }, options.feedback)
      feedback = adapted.state
      if (adapted.issue !== undefined) issues.push(adapted.issue)
    }
    return after === entry.state && failures === entry.failures ? entry : { ...entry, state: after, failures }
  })
  return { state: { detectors, feedback }, issues }
}

function observe(
  detector: Detector<unknown>,
  { state, failures }: DetectorEntry,
  observed: ObservedEvent,
  nowMs: number,
): Observation<unknown> & Pick<DetectorEntry, 'failures'> {
  try {
    const next = detector.observe(state, observed, nowMs)
    return { state: next.state, findings: next.findings, failures }
  } catch (error) {
    const failed = { error, failures: failures + 1 }
    return { state, failures: failed.failures, findings: failureFindings(detector, observed, failed) }
  }
}

function failureFindings(
  { name }: Detector<unknown>,
  { event, hash }: ObservedEvent,
  { error, failures }: { readonly error: unknown; readonly failures: number },
): readonly Finding[] {
  const session = 'session' in event ? event.session : undefined
  const principal = 'principal' in event ? event.principal : undefined
  const scope = { ...(session === undefined ? {} : { session }), ...(principal === undefined ? {} : { principal }) }
  const failed: Finding = {
    severity: 'high',
    score: 800,
    subject: `failure of detector ${name}${session === undefined ? '' : ` in session ${session}`}`,
    scope,
    explanation: `The detector ${name} failed on an event of type ${event.type} (${describeError(error)}), so this session is not judged by it.`,
    causes: [hash],
    ...(session === undefined || principal === undefined
      ? {}
      : {
          response: {
            scope: { session, principal },
            tool: '*',
            action: 'escalate',
            lifetimeMs: FAILURE_RULE_MS,
            reason: `the detector ${name} failed on this session: its calls need approval`,
          },
        }),
  }
  if (failures < MAX_FAILURES) return [failed]
  const isolated: Finding = {
    severity: 'critical',
    score: 1000,
    subject: `detector ${name} is switched off`,
    scope: {},
    explanation: `The detector ${name} failed ${failures} times and is switched off; the others go on. It begins anew with its next version.`,
    causes: [hash],
  }
  return [failed, isolated]
}
