// What a reader of `control` holds to be in force. Pure: `evolve` takes a checked record and the time.
// A record replaces what stands under its subject only with a higher revision, so that a replayed older one changes nothing.
import { expiryOf, isLongOver } from './control-expiry.ts'
import { type ControlEvent, type ControlRecord, type ControlState, liveDigest } from './control-record.ts'
import type { Rule } from './rule.ts'
import { SubjectMap } from './subject-map.ts'
import { parseTime } from './time.ts'

/** The newest record of one subject. */
export interface LiveSubject {
  readonly subject: string
  readonly revision: number
  readonly hash: string
  readonly event: ControlEvent
}

/** Everything that a reader knows of `control`. */
export interface ControlView {
  readonly subjects: ReadonlyMap<string, LiveSubject>
  /** By control writer: the newest state it signed, and when one last agreed with `subjects` (its own time, microseconds). */
  readonly states: ReadonlyMap<string, { readonly state: ControlState; readonly agreedMicros: number | undefined }>
  /** The highest revision seen. */
  readonly revision: number
}

/** Nothing known yet. */
export const EMPTY_CONTROL: ControlView = { subjects: new Map(), states: new Map(), revision: 0 }

/** What a record did to the view: `refused` changes nothing and is worth an event. */
export type ControlOutcome =
  | { readonly outcome: 'applied'; readonly view: ControlView }
  | { readonly outcome: 'duplicate'; readonly view: ControlView }
  | { readonly outcome: 'refused'; readonly view: ControlView; readonly reason: string }

/** Takes one checked record into the view. */
export function evolveControl(view: ControlView, record: ControlRecord): ControlOutcome {
  return record.kind === 'state' ? evolveState(view, record.state) : evolveSubject(view, record)
}

/**
 * How control stands for a gateway that needs the states of certain writers, none older than `maxAgeMicros`. One dated
 * further ahead than that is stale too: else a writer whose clock runs ahead would stay fresh after its end.
 */
export function controlFreshness(
  view: ControlView,
  need: { readonly writers: readonly string[]; readonly maxAgeMicros: number; readonly nowMicros: number },
): 'fresh' | 'stale' | 'none' {
  const agreed = need.writers.map((writer) => view.states.get(writer)?.agreedMicros)
  if (agreed.every((micros) => micros === undefined)) return 'none'
  return agreed.every((micros) => micros !== undefined && Math.abs(need.nowMicros - micros) <= need.maxAgeMicros)
    ? 'fresh'
    : 'stale'
}

/** The rules in force at a time: added, not lifted, not expired. */
export function liveRules(view: ControlView, nowMicros: number): readonly Rule[] {
  const rules: Rule[] = []
  for (const { event } of view.subjects.values()) {
    if (event.type === 'rule/added' && parseTime(event.rule.expiresAt) > nowMicros) rules.push(event.rule)
  }
  return rules
}

/** The subjects whose newest record a writer wrote and that were not expired at a time: what its `control/state` counts. */
export function subjectsOf(view: ControlView, writer: string, micros: number): readonly LiveSubject[] {
  return Array.from(view.subjects.values()).filter(
    ({ event }) => event.writer === writer && (expiryOf(event) ?? micros + 1) > micros,
  )
}

/** The view without some subjects: what a key said that is revoked. */
export function withoutSubjects(view: ControlView, gone: ReadonlySet<string>): ControlView {
  return { ...view, subjects: new Map([...view.subjects].filter(([subject]) => !gone.has(subject))) }
}

function evolveSubject(
  view: ControlView,
  { subject, event, hash }: Extract<ControlRecord, { kind: 'event' }>,
): ControlOutcome {
  const current = view.subjects.get(subject)
  if (current?.hash === hash) return { outcome: 'duplicate', view }
  if (current !== undefined && event.revision <= current.revision) {
    return {
      outcome: 'refused',
      view,
      reason: `revision ${event.revision} is not above ${current.revision}: an older record, replayed`,
    }
  }
  const subjects = SubjectMap.of(view.subjects).with({ subject, revision: event.revision, hash, event })
  return { outcome: 'applied', view: { ...view, subjects, revision: Math.max(view.revision, event.revision) } }
}

function evolveState(view: ControlView, state: ControlState): ControlOutcome {
  const known = view.states.get(state.writer)
  if (known !== undefined && isOlder(state, known.state)) {
    return { outcome: 'refused', view, reason: 'a state older than the newest one, replayed' }
  }
  const own = subjectsOf(view, state.writer, parseTime(state.time))
  const agrees = own.length === state.count && liveDigest(own) === state.digest
  const agreedMicros = agrees ? parseTime(state.time) : known?.agreedMicros
  const states = new Map(view.states).set(state.writer, { state, agreedMicros })
  const subjects = withoutLongOver(view.subjects, state.writer, parseTime(state.time))
  return { outcome: 'applied', view: { subjects, states, revision: Math.max(view.revision, state.revision) } }
}

/** Of the writer that says what time it is alone: a clock that runs ahead must not drop another writer's rules. */
function withoutLongOver(
  subjects: ControlView['subjects'],
  writer: string,
  nowMicros: number,
): ControlView['subjects'] {
  const expired = Array.from(subjects.values()).filter(
    ({ event }) => event.writer === writer && isLongOver(event, nowMicros),
  )
  if (expired.length === 0) return subjects
  const kept = new Map(subjects)
  for (const { subject } of expired) kept.delete(subject)
  return kept
}

function isOlder(state: ControlState, than: ControlState): boolean {
  return state.instance < than.instance || (state.instance === than.instance && state.time < than.time)
}
