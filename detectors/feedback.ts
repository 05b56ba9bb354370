// What was raised and what rules were issued, so that feedback stays bounded: one alert an hour a subject, a limit of live
// rules and of automatic denial a principal, no return of what an operator lifted. Pure; times are the log's, milliseconds.
import { alertGroupOf } from '../events/alert-tags.ts'
import type { EventOf } from '../events/event.ts'
import { isArmedRule, type Predicate, type Rule } from '../events/rule.ts'
import { parseTime } from '../events/time.ts'
import { type BoundedMap, emptyMap, findValue, listEntries, putValue } from './bounded-map.ts'

const MAX_KEYS = 20_000
const MAX_PRINCIPALS = 10_000
/** Rules of one principal that are remembered. */
const MAX_SPANS = 500
const DAY_MS = 24 * 60 * 60 * 1000
/** The longest that a lifted rule stays away. */
const MAX_LIFT_MS = 90 * DAY_MS
/** How far the log's times of two chains may be apart; a rule from further ahead is of a clock that was wrong. */
const MAX_AHEAD_MS = 5 * 60 * 1000

/** A rule as the feedback remembers it. */
export interface IssuedRule {
  readonly id: string
  readonly principal: string
  readonly action: Rule['action']
  readonly fromMs: number
  readonly untilMs: number
  /** It only meets values that came from results, so it can't lock the principal out and costs no denial. */
  readonly isNarrow?: boolean
  /** It lies in wait (events/rule.ts), and is not counted among the live ones. */
  readonly isArmed?: boolean
}

/** The last alert under a key. */
export interface RaisedAlert {
  readonly alert: string
  readonly atMs: number
}

/** Everything that bounds the feedback. Keys are `feedbackKey`s. */
export interface FeedbackState {
  readonly raised: BoundedMap<RaisedAlert>
  /** The newest rule under each key. */
  readonly rules: BoundedMap<IssuedRule>
  /** Until when a lifted rule stays away. */
  readonly lifted: BoundedMap<number>
  /** By principal: its rules, for the limits. */
  readonly spans: BoundedMap<readonly IssuedRule[]>
  /** By detector: alerts without a rule in the running hour of the log. */
  readonly hours: BoundedMap<{ readonly hour: number; readonly alerts: number }>
}

/** Nothing raised yet. */
export const EMPTY_FEEDBACK: FeedbackState = {
  raised: emptyMap(),
  rules: emptyMap(),
  lifted: emptyMap(),
  spans: emptyMap(),
  hours: emptyMap(),
}

/** Under which alerts are the same: detector, subject and principal, all of which an `alert/raised` carries. */
export function feedbackKey(alert: {
  readonly detector: string
  readonly subject: string
  readonly principal?: string | undefined
}): string {
  return alertGroupOf(alert)
}

/** The rules of a principal that are in force, but for those that lie in wait. */
export function liveRulesOf(state: FeedbackState, principal: string, nowMs: number): readonly IssuedRule[] {
  return (findValue(state.spans, principal) ?? []).filter((rule) => rule.isArmed !== true && isInForce(rule, nowMs))
}

/**
 * Whether a rule is in force at a time of the log. One of a clock that ran ahead is not: gateways refuse it, and for as long
 * as it ran ahead it would keep away every other under its key.
 */
export function isInForce(rule: IssuedRule | undefined, nowMs: number): boolean {
  return rule !== undefined && rule.untilMs > nowMs && rule.fromMs <= nowMs + MAX_AHEAD_MS
}

/** For how long a principal was and is denied automatically in the 24 hours before a time; overlaps count once. */
export function deniedMs(state: FeedbackState, principal: string, nowMs: number): number {
  const denials = (findValue(state.spans, principal) ?? [])
    .filter(({ action, isNarrow }) => action === 'deny' && isNarrow !== true)
    .filter(({ fromMs, untilMs }) => untilMs > nowMs - DAY_MS && fromMs <= nowMs + MAX_AHEAD_MS)
    .toSorted((left, right) => left.fromMs - right.fromMs)
  let total = 0
  let coveredMs = nowMs - DAY_MS
  for (const { fromMs, untilMs } of denials) {
    total += Math.max(0, untilMs - Math.max(fromMs, coveredMs))
    coveredMs = Math.max(coveredMs, untilMs)
  }
  return total
}

/** Takes an alert into account; one that the log already holds wins over one that is only intended. */
export function noteAlert(state: FeedbackState, key: string, alert: RaisedAlert): FeedbackState {
  const keeping = { nowMs: alert.atMs, limit: MAX_KEYS, keepUntilMs: alert.atMs + DAY_MS / 24 }
  return { ...state, raised: putValue(state.raised, key, alert, keeping) }
}

/** Takes a rule into account, instead of the one with `replaces` as its id. */
export function noteRule(
  state: FeedbackState,
  key: string,
  rule: IssuedRule,
  replaces: string = rule.id,
): FeedbackState {
  const { principal, fromMs, untilMs } = rule
  const keeping = { nowMs: fromMs, limit: MAX_KEYS, keepUntilMs: untilMs }
  const rules = putValue(state.rules, key, rule, keeping)
  const before = findValue(state.spans, principal) ?? []
  const isReplaced = ({ id }: IssuedRule): boolean => id === rule.id || id === replaces
  if (!counts(rule) && !before.some(isReplaced)) return { ...state, rules }
  const others = before.filter((span) => !isReplaced(span) && span.untilMs > fromMs - DAY_MS)
  const spans = (counts(rule) ? [...others, rule] : others).slice(-MAX_SPANS)
  const remembering = { ...keeping, limit: MAX_PRINCIPALS, keepUntilMs: fromMs + DAY_MS }
  return { ...state, rules, spans: putValue(state.spans, principal, spans, remembering) }
}

/**
 * Whether a rule counts among the live ones or as denial. One that does neither is no span: with a new session for each such
 * rule, whoever chooses sessions could else have the denials of a day forgotten, and the principal locked out for longer.
 */
function counts({ isArmed, isNarrow, action }: IssuedRule): boolean {
  return isArmed !== true || (isNarrow !== true && action === 'deny')
}

/** Ends a rule that an operator lifted, and keeps its like away: for so many hours, or for longer where the operator said so. */
export function noteLift(
  state: FeedbackState,
  lifted: Pick<EventOf<'rule/lifted'>, 'rule' | 'expiresAt'>,
  { nowMs, liftedHours }: { readonly nowMs: number; readonly liftedHours: number },
): FeedbackState {
  const found = listEntries(state.rules).find(([, { id }]) => id === lifted.rule)
  if (found === undefined) return state
  const [key, rule] = found
  const saidMs = Math.floor(parseTime(lifted.expiresAt) / 1000)
  const untilMs = Math.max(nowMs + liftedHours * 60 * 60 * 1000, Math.min(saidMs, nowMs + MAX_LIFT_MS))
  const keeping = { nowMs, limit: MAX_KEYS, keepUntilMs: untilMs }
  const ended = noteRule(state, key, { ...rule, untilMs: Math.min(rule.untilMs, nowMs) })
  return { ...ended, lifted: putValue(state.lifted, key, untilMs, keeping) }
}

/** Counts an alert without a rule in its hour; `over` when there were more than the limit, `first` for the first of those. */
export function countAlert(
  state: FeedbackState,
  detector: string,
  { nowMs, alertsPerHour }: { readonly nowMs: number; readonly alertsPerHour: number },
): { readonly state: FeedbackState; readonly standing: 'within' | 'first' | 'over' } {
  const hour = Math.floor((nowMs * 24) / DAY_MS)
  const known = findValue(state.hours, detector)
  const alerts = (known?.hour === hour ? known.alerts : 0) + 1
  const hours = putValue(state.hours, detector, { hour, alerts }, { nowMs, limit: MAX_KEYS })
  const standing = alerts <= alertsPerHour ? 'within' : alerts === alertsPerHour + 1 ? 'first' : 'over'
  return { state: { ...state, hours }, standing }
}

/** The form in which a rule of the log is remembered; undefined for a rule without a principal, which no detector writes. */
export function issuedRule(rule: EventOf<'rule/added'>['rule']): IssuedRule | undefined {
  const { principal } = rule.scope
  if (principal === undefined) return undefined
  const fromMs = Math.floor(parseTime(rule.createdAt) / 1000)
  const untilMs = Math.floor(parseTime(rule.expiresAt) / 1000)
  return {
    id: rule.id,
    principal,
    action: rule.action,
    fromMs,
    untilMs,
    ...(isNarrow(rule.arguments) ? { isNarrow: true } : {}),
    ...(isArmedRule(rule) ? { isArmed: true } : {}),
  }
}

/** Whether a predicate only holds for values that it lists. */
export function isNarrow(predicate: Predicate | undefined): boolean {
  if (predicate === undefined) return false
  switch (predicate.type) {
    case 'signal':
    case 'copied':
    case 'definition':
      return true
    case 'all':
      return predicate.predicates.some(isNarrow)
    case 'any':
      return predicate.predicates.every(isNarrow)
    case 'not':
    case 'outside':
    case 'tool':
    case 'within':
      return false
  }
}
