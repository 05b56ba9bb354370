// Adaptive rules for the bench, as detectors send them: for sessions and principals, with and without values to compare.
import type { ControlView, LiveSubject } from '../../events/control-view.ts'
import type { Rule } from '../../events/rule.ts'
import { formatTime } from '../../events/time.ts'

/** The time of every decision in the bench, milliseconds since 1970. */
export const NOW_MS = Date.UTC(2026, 10, 22, 13)

/** A view of `control` with these rules in force. */
export function viewOf(rules: readonly Rule[]): ControlView {
  const subjects = new Map<string, LiveSubject>()
  for (const [place, rule] of rules.entries()) {
    const subject = `rule/${rule.id}`
    // Of the event only the rule is looked at.
    const event = { type: 'rule/added', revision: place + 1, rule } as LiveSubject['event']
    subjects.set(subject, { subject, revision: place + 1, hash: rule.id, event })
  }
  return { subjects, states: new Map(), revision: rules.length }
}

/** Rules that differ by place; `values` are what a predicate compares with, none for a rule without one. */
export function makeRules(
  count: number,
  scopeOf: (place: number) => Rule['scope'],
  values: readonly string[] = [],
): readonly Rule[] {
  return Array.from({ length: count }, (_, place) => ({
    id: place.toString(16).padStart(64, '0'),
    scope: scopeOf(place),
    tool: '*',
    ...(values.length === 0 ? {} : { arguments: { type: 'copied' as const, anyOf: [...values], except: [] } }),
    action: 'escalate',
    reason: 'bench',
    cause: { events: [] },
    createdAt: formatTime((NOW_MS - 60_000) * 1000),
    expiresAt: formatTime((NOW_MS + 600_000) * 1000),
  }))
}
