// Whether a change of policy can allow more than before. Cautious: every change counts that is not provably narrowing. Narrowing
// are denials that are added, actions and defaults that get stricter, constraints and limits that are added or tightened, pins
// that hold more, and rules taken out that no other rule or default can make up for.

import type { Action, Constraints, Policy, Rule } from './policy.ts'
import { diffPolicies, type PolicyChange, writtenText } from './policy-diff.ts'
import { mayMeet } from './reach.ts'

const rank: Readonly<Record<Action, number>> = { deny: 0, escalate: 1, allow: 2 }
const matching = ['tool', 'server', 'principal', 'client', 'when'] as const

/** One way in which a change may allow more. */
export interface Widening {
  /** The rule, or `default`, `mode` or `pinning`. */
  readonly rule: string
  readonly why: string
}

/** Lists every way in which `after` may allow what `before` did not; none where it provably allows no more. */
export function listWidenings(before: Policy, after: Policy): readonly Widening[] {
  const changes = diffPolicies(before, after).flatMap((change) => {
    const why = findWidening(change, before, after)
    const rule = 'rule' in change ? change.rule : change.type === 'default' ? 'default' : 'mode'
    return why === undefined ? [] : [{ rule, why }]
  })
  return isPinnedAsStrictly(before, after) ? changes : [...changes, { rule: 'pinning', why: 'it may hold less' }]
}

/** The same entries, or everything held that is not pinned. */
function isPinnedAsStrictly({ pinning: before }: Policy, { pinning: after }: Policy): boolean {
  const [first] = after
  if (first?.server === undefined && first?.mode === 'enforce' && first.held === 'deny') return true
  const text = (rules: Policy['pinning']): string =>
    JSON.stringify(rules.map(({ server, mode, held }) => [server?.pattern ?? null, mode, held]))
  return text(before) === text(after)
}

function findWidening(change: PolicyChange, before: Policy, after: Policy): string | undefined {
  switch (change.type) {
    case 'default':
      return rank[after.defaultAction] > rank[before.defaultAction] ? 'the default allows more' : undefined
    case 'observeUntil':
      return after.observeUntilMs === undefined ? undefined : 'rules are observed, not enforced'
    case 'added':
      return change.action === 'deny' ? undefined : 'a new rule that does not deny'
    case 'moved':
      return 'it stands before or behind other rules than it did'
    case 'removed':
      return findLoss(before.rules[change.place], after)
    case 'changed':
      return findLoosening(
        before.rules.find(({ name }) => name === change.rule),
        after.rules[change.place],
      )
  }
}

/** Whether calls of a rule that is gone may now be decided more generously, by another rule or the default. */
function findLoss(gone: Rule | undefined, after: Policy): string | undefined {
  if (gone === undefined) return 'the rule is not known'
  const allowed = gone.action === 'allow' && gone.constraints === undefined && gone.limits.length === 0
  if (allowed && gone.onAmbiguous === 'allow') return undefined
  const other = after.rules.find((rule) => rule.action !== 'deny' && mayMeet(rule, gone))
  if (other !== undefined) return `calls that it decided may reach ${other.name}`
  return after.defaultAction === 'deny' ? undefined : 'calls that it decided may reach the default'
}

function findLoosening(old: Rule | undefined, now: Rule | undefined): string | undefined {
  if (old === undefined || now === undefined) return 'the rule is not known'
  const key = matching.find((each) => writtenText(old.written[each]) !== writtenText(now.written[each]))
  if (key !== undefined) return `it matches other calls by ${key}`
  if (now.action === 'deny') return undefined
  if (rank[now.action] > rank[old.action]) return `it was ${old.action}, and is ${now.action}`
  if (rank[now.onAmbiguous] > rank[old.onAmbiguous]) return 'onAmbiguous allows more'
  const isLonger = now.approval.timeoutMs > old.approval.timeoutMs || now.approval.holdMs > old.approval.holdMs
  if (isLonger) return 'an approval may take longer'
  if (now.approval.mayElicit && !old.approval.mayElicit) return "the client's own user may answer"
  return findLooserLimit(old, now) ?? findLooserConstraint(old.constraints, now.constraints, { old, now })
}

function findLooserLimit(old: Rule, now: Rule): string | undefined {
  const loosened = old.limits.find(
    (limit) =>
      !now.limits.some(
        (each) =>
          each.type === limit.type &&
          each.by === limit.by &&
          each.windowMs === limit.windowMs &&
          each.argument?.join('.') === limit.argument?.join('.') &&
          each.max <= limit.max,
      ),
  )
  return loosened === undefined ? undefined : `the limit of ${loosened.text} is gone or counts otherwise`
}

function findLooserConstraint(
  old: Constraints | undefined,
  now: Constraints | undefined,
  rules: { readonly old: Rule; readonly now: Rule },
): string | undefined {
  if (old === undefined) return undefined
  if (now === undefined) return 'its constraints are gone'
  const [was, is] = [rules.old.written.constraints ?? {}, rules.now.written.constraints ?? {}]
  // By their texts: that a path lies beneath another says nothing of where links lead.
  for (const key of ['allowedPaths', 'allowedDomains'] as const)
    if (was[key] !== undefined && !isSubset(is[key], was[key])) return `${key} holds another entry, or is gone`
  for (const key of ['deniedPaths', 'deniedDomains'] as const)
    if (!isSubset(was[key] ?? [], is[key] ?? [])) return `an entry of ${key} is gone`
  for (const key of ['notPaths', 'notDomains'] as const)
    if (!isSubset(is[key] ?? [], was[key] ?? [])) return `${key} holds another entry`
  const isSame =
    old.arguments === undefined || writtenText(old.arguments.written) === writtenText(now.arguments?.written)
  return isSame ? undefined : 'arguments has another schema'
}

function isSubset(part: readonly string[] | undefined, whole: readonly string[]): boolean {
  return part?.every((entry) => whole.includes(entry)) === true
}
