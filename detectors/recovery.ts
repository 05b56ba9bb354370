// After a restart the log is read again from the last snapshot, and what is found again may have been published already.
// Nothing is published until everything in the log was read; then each issue is compared with what the log holds. Pure.
import type { EventOf } from '../events/event.ts'
import { allWritesKey, type Issue, isAllWritesRule } from './adapt.ts'
import { findValue, listEntries } from './bounded-map.ts'
import { type FeedbackState, feedbackKey, type IssuedRule, issuedRule, noteAlert, noteRule } from './feedback.ts'

/** An alert or a rule of a detector, as the log holds it. */
export type PublishedEvent =
  | { readonly type: 'alert'; readonly key: string; readonly alert: string; readonly atMs: number }
  | { readonly type: 'rule'; readonly key: string; readonly alert: string; readonly issued: IssuedRule }

/** What the log says was published; undefined for other events. `alertKey` finds the key of an alert's id. */
export function findPublished(
  event: EventOf<'alert/raised' | 'rule/added'>,
  { timeMs, alertKey }: { readonly timeMs: number; readonly alertKey: (alert: string) => string | undefined },
): PublishedEvent | undefined {
  if (event.type === 'alert/raised') return { type: 'alert', key: feedbackKey(event), alert: event.alert, atMs: timeMs }
  const { rule } = event
  const issued = issuedRule(rule)
  const alert = rule.cause.alert
  if (issued === undefined || alert === undefined) return undefined
  const key = isAllWritesRule(rule) ? allWritesKey(issued.principal) : alertKey(alert)
  return key === undefined ? undefined : { type: 'rule', key, alert, issued }
}

/** The key of an alert that was published or is intended. */
export function findAlertKey(
  alert: string,
  { published, feedback }: { readonly published: readonly PublishedEvent[]; readonly feedback: FeedbackState },
): string | undefined {
  const read = published.findLast((event) => event.type === 'alert' && event.alert === alert)
  return read?.key ?? listEntries(feedback.raised).find(([, raised]) => raised.alert === alert)?.[0]
}

/** The issues that the log does not hold yet, and the feedback brought in line with what it does hold. */
export function settleRecovery(
  { feedback, outbox }: { readonly feedback: FeedbackState; readonly outbox: readonly Issue[] },
  published: readonly PublishedEvent[],
  repeatMs: number,
): { readonly feedback: FeedbackState; readonly outbox: readonly Issue[] } {
  let settled = feedback
  const taken = new Set<PublishedEvent>()
  const open: Issue[] = []
  for (const issue of outbox) {
    const match = published.find((event) => !taken.has(event) && isSame(issue, event, repeatMs))
    if (match === undefined) {
      open.push(issue)
      continue
    }
    taken.add(match)
    if (match.type === 'alert') settled = noteAlert(settled, match.key, { alert: match.alert, atMs: issue.atMs })
  }
  for (const event of published) {
    if (event.type === 'rule') settled = notePublishedRule(settled, event, outbox)
    else if (!taken.has(event)) settled = notePublishedAlert(settled, event)
  }
  return { feedback: settled, outbox: open }
}

/** Takes an alert or a rule into account that this run did not publish. */
export function notePublished(feedback: FeedbackState, event: PublishedEvent): FeedbackState {
  return event.type === 'rule' ? notePublishedRule(feedback, event, []) : notePublishedAlert(feedback, event)
}

function notePublishedAlert(feedback: FeedbackState, event: Extract<PublishedEvent, { type: 'alert' }>): FeedbackState {
  const known = findValue(feedback.raised, event.key)
  if (known !== undefined && known.atMs >= event.atMs) return feedback
  // The same alert comes a moment after the event that it was raised on, which counts.
  if (known?.alert === event.alert) return feedback
  return noteAlert(feedback, event.key, { alert: event.alert, atMs: event.atMs })
}

/** The rule that is in force wins over the one that was found again, should their causes differ. */
function notePublishedRule(
  feedback: FeedbackState,
  { key, issued }: Extract<PublishedEvent, { type: 'rule' }>,
  outbox: readonly Issue[],
): FeedbackState {
  const known = findValue(feedback.rules, key)
  if (known?.id === issued.id || (known !== undefined && known.fromMs > issued.untilMs)) return feedback
  const again = outbox.find(({ rule }) => rule !== undefined && rule.id === known?.id)
  return noteRule(feedback, key, issued, again === undefined ? issued.id : (known?.id ?? issued.id))
}

function isSame(issue: Issue, event: PublishedEvent, repeatMs: number): boolean {
  if (issue.alert !== undefined)
    return event.type === 'alert' && event.key === issue.key && isNear(event, issue, repeatMs)
  if (event.type !== 'rule' || issue.rule === undefined) return false
  const own = issuedRule(issue.rule)
  if (event.issued.id === issue.rule.id) return true
  const overlaps = own !== undefined && own.fromMs < event.issued.untilMs && event.issued.fromMs < own.untilMs
  return overlaps && (event.key === issue.key || event.alert === issue.rule.cause.alert)
}

function isNear(event: { readonly alert: string; readonly atMs: number }, issue: Issue, repeatMs: number): boolean {
  return event.alert === issue.alert?.alert || Math.abs(event.atMs - issue.atMs) < repeatMs
}
