// From a finding to what is said and done: an alert, and where the finding asks for one and the limits allow it, a rule
// for the gateways. Rules only deny or escalate, never for longer than an hour, never again what an operator lifted. Pure.
import type { EventDraft } from '../events/event.ts'
import { MAX_RULE_LIFE_MS, type Rule } from '../events/rule.ts'
import { derivedId, formatTime } from '../events/time.ts'
import { findValue } from './bounded-map.ts'
import { type Finding, MAX_CAUSES, type RuleTemplate } from './detector.ts'
import {
  countAlert,
  deniedMs,
  type FeedbackState,
  feedbackKey,
  isInForce,
  isNarrow,
  issuedRule,
  liveRulesOf,
  noteAlert,
  noteRule,
} from './feedback.ts'
import type { DetectorSettings } from './settings.ts'

/** The draft of an `alert/raised`. */
export type AlertDraft = Extract<EventDraft, { type: 'alert/raised' }>

/** Something to publish: an alert, a rule, or both in one commit. */
export interface Issue {
  readonly detector: string
  readonly key: string
  /** The log's time of the event that led to it, milliseconds. */
  readonly atMs: number
  /** Undefined where an alert under the key was raised less than an hour ago. */
  readonly alert?: AlertDraft
  readonly rule?: Rule
}

/** A finding with its detector and moment. */
export interface FoundBy {
  readonly detector: string
  readonly finding: Finding
  readonly nowMs: number
}

type Settings = DetectorSettings['feedback']

/** The longest text of an event, characters. */
const MAX_TEXT = 2_000

/** Decides what a finding leads to. */
export function adapt(
  state: FeedbackState,
  { detector, finding: whole, nowMs }: FoundBy,
  settings: Settings,
): { readonly state: FeedbackState; readonly issue?: Issue } {
  // Four names of tools and servers are longer than a subject may be, and an alert that can't be written ends the detectors.
  const finding = whole.subject.length > MAX_TEXT ? { ...whole, subject: cut(whole.subject) } : whole
  const found = { detector, finding, nowMs }
  const key = feedbackKey({ detector, subject: finding.subject, principal: finding.scope.principal })
  const raised = findValue(state.raised, key)
  const isRepeat = raised !== undefined && Math.abs(nowMs - raised.atMs) < settings.repeatMinutes * 60_000
  // A quiet finding has no alert, and its id would cost a digest over all causes.
  const isQuiet = finding.isQuiet === true
  const alert = isRepeat
    ? raised.alert
    : isQuiet
      ? ''
      : derivedId('alert', detector, finding.subject, ...finding.causes)
  const response = boundResponse(state, { key, ...found }, settings)
  const rule = response.template === undefined ? undefined : toRule(response.template, { key, alert, ...found })
  const issued = rule === undefined ? undefined : issuedRule(rule)
  const ruleKey = response.key ?? key
  const ruled = issued === undefined ? state : noteRule(state, ruleKey, issued)
  if (finding.isQuiet === true)
    return rule === undefined ? { state } : { state: ruled, issue: { detector, key, atMs: nowMs, rule } }
  if (isRepeat) return rule === undefined ? { state } : { state: ruled, issue: { detector, key, atMs: nowMs, rule } }
  const noted = noteAlert(ruled, key, { alert, atMs: nowMs })
  const draft = toAlert(found, { alert, rule, note: response.note })
  if (rule !== undefined) return { state: noted, issue: { detector, key, atMs: nowMs, alert: draft, rule } }
  const counted = countAlert(noted, detector, { nowMs, alertsPerHour: settings.alertsPerHour })
  if (counted.standing === 'over') return { state: counted.state }
  const said = counted.standing === 'within' ? draft : floodAlert(draft, settings)
  return { state: counted.state, issue: { detector, key, atMs: nowMs, alert: said } }
}

/** The key of the one rule that escalates all writes of a principal. */
export function allWritesKey(principal: string): string {
  return derivedId('feedback', 'all writes', principal)
}

/** Whether a rule of the detectors is that one: no other binds a principal everywhere. */
export function isAllWritesRule({ scope, action }: Rule): boolean {
  return scope.session === undefined && scope.server === undefined && action === 'escalate'
}

/** What remains of the response that a finding asks for. */
interface Response {
  readonly template?: RuleTemplate
  /** The key of the rule, where it is not the finding's. */
  readonly key?: string
  /** Said in the alert. */
  readonly note?: string
}

function boundResponse(
  state: FeedbackState,
  { finding, key, nowMs }: FoundBy & { readonly key: string },
  settings: Settings,
): Response {
  const { response, scope } = finding
  if (response === undefined) return {}
  // Counted by principal, so a rule always names one.
  const principal = response.scope.principal ?? scope.principal
  if (principal === undefined) return { note: 'No rule: it is not known whom it would bind.' }
  const liftedMs = findValue(state.lifted, key) ?? 0
  if (liftedMs > nowMs)
    return { note: `No rule: an operator lifted one for this, and it stays away until ${timeOf(liftedMs)}.` }
  if (isInForce(findValue(state.rules, key), nowMs) && finding.isQuiet !== true)
    return { note: 'A rule for this is already in force.' }
  const template = response.scope.principal === undefined ? bindPrincipal(response, principal) : response
  const live = finding.isQuiet === true ? [] : liveRulesOf(state, principal, nowMs)
  if (finding.isQuiet !== true && live.length >= settings.rulesPerPrincipal - 1) {
    const allWrites = allWritesKey(principal)
    if (isInForce(findValue(state.rules, allWrites), nowMs))
      return { note: 'No further rule: all writes of this principal need approval already.' }
    if ((findValue(state.lifted, allWrites) ?? 0) > nowMs)
      return { note: `No further rule: ${live.length} are in force, and an operator lifted the one for all writes.` }
    return { template: escalateAllWrites(principal, live.length), key: allWrites }
  }
  const spentMs = template.action === 'deny' ? deniedMs(state, principal, nowMs) : 0
  const limitMs = settings.denyMinutesPerDay * 60_000
  const isBounded = template.action === 'escalate' || isNarrow(template.arguments)
  if (isBounded || spentMs + template.lifetimeMs <= limitMs) return { template }
  return {
    template: { ...template, action: 'escalate' },
    note: `Approval is asked for instead of a denial: this principal was denied automatically for ${Math.round(spentMs / 60_000)} of ${settings.denyMinutesPerDay} minutes in 24 hours.`,
  }
}

function bindPrincipal(template: RuleTemplate, principal: string): RuleTemplate {
  return { ...template, scope: { principal, ...template.scope } }
}

function escalateAllWrites(principal: string, live: number): RuleTemplate {
  return {
    scope: { principal },
    tool: '*',
    toolClass: 'write',
    action: 'escalate',
    lifetimeMs: MAX_RULE_LIFE_MS,
    reason: `${live} adaptive rules are in force for this principal: all its writes need approval`,
  }
}

function toRule(
  template: RuleTemplate,
  { detector, finding, nowMs, key, alert }: FoundBy & { readonly key: string; readonly alert: string },
): Rule {
  const causes = finding.causes.slice(-MAX_CAUSES)
  const { arguments: predicate, toolClass } = template
  return {
    // One id for all rules of a quiet subject: the newer takes the place of the older at every gateway.
    id: finding.isQuiet === true ? derivedId('rule', detector, key) : derivedId('rule', detector, key, ...causes),
    scope: template.scope,
    tool: template.tool,
    ...(toolClass === undefined ? {} : { toolClass }),
    ...(predicate === undefined ? {} : { arguments: predicate }),
    action: template.action,
    reason: cut(template.reason),
    cause: finding.isQuiet === true ? { events: [...causes] } : { alert, events: [...causes] },
    createdAt: formatTime(nowMs * 1000),
    expiresAt: formatTime((nowMs + Math.min(template.lifetimeMs, MAX_RULE_LIFE_MS)) * 1000),
  }
}

function toAlert(
  { detector, finding }: FoundBy,
  { alert, rule, note }: { readonly alert: string; readonly rule: Rule | undefined; readonly note: string | undefined },
): AlertDraft {
  const { severity, score, subject, scope, explanation, causes } = finding
  return {
    type: 'alert/raised',
    id: derivedId('alert/raised', alert),
    alert,
    detector,
    severity,
    score,
    subject,
    ...scope,
    explanation: cut(note === undefined ? explanation : `${explanation} ${note}`),
    causes: causes.slice(-MAX_CAUSES),
    ...(rule === undefined ? {} : { rule: rule.id }),
  }
}

function floodAlert(draft: AlertDraft, { alertsPerHour }: Settings): AlertDraft {
  return {
    ...draft,
    severity: 'critical',
    explanation: cut(
      `The detector ${draft.detector} raised more than ${alertsPerHour} alerts in one hour; further ones of this hour are not shown. The last one: ${draft.explanation}`,
    ),
  }
}

/** To the second: people read it. */
function timeOf(ms: number): string {
  return `${formatTime(ms * 1000).slice(0, 19)}Z`
}

function cut(text: string): string {
  return text.slice(0, MAX_TEXT).toWellFormed()
}
