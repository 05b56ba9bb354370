// How a decision came about: what the evaluator itself reports while it decides (evaluate.ts), and for the rules that its
// index left out the same comparison. There is no second evaluation that could say something else.

import type { DecisionFacts, PolicyCall, PolicyDecision, RuleCheck } from './decision.ts'
import { decide } from './evaluate.ts'
import type { Policy, Rule } from './policy.ts'
import { findMismatch, type Mismatch } from './rule-match.ts'

/** A rule that stands before the deciding one, and the first of its keys that the call does not meet. */
export interface PassedRule {
  readonly rule: string
  readonly action: Rule['action']
  readonly mismatch: Mismatch
  /** That key as it stands in the file. */
  readonly written: string
}

/** A check that was made; `problem` is what is wrong, undefined where it holds. */
export interface MadeCheck {
  readonly check: RuleCheck
  readonly problem?: string
}

/** A path or host that was checked, as it was read from the arguments. */
export interface CheckedValue {
  readonly check: 'paths' | 'domains'
  readonly value: string
  readonly problem?: string
}

/** A decision and how it came about. */
export interface Explanation {
  readonly decision: PolicyDecision
  /** The deciding rule as it stands in the file; undefined for the default and self-protection. */
  readonly rule: Rule | undefined
  /** In the order of the policy, up to the deciding rule. */
  readonly passed: readonly PassedRule[]
  readonly checks: readonly MadeCheck[]
  readonly values: readonly CheckedValue[]
}

/** Decides on a call and tells how. */
export function explainDecision(policy: Policy, call: PolicyCall, facts: DecisionFacts): Explanation {
  const looked = new Map<Rule, Mismatch | undefined>()
  const checks: MadeCheck[] = []
  const values: CheckedValue[] = []
  const decision = decide(policy, call, facts, {
    onRule: (rule, mismatch) => looked.set(rule, mismatch),
    onCheck: (check, problem) => checks.push({ check, ...(problem === undefined ? {} : { problem }) }),
    onValue: (check, value, problem) => values.push({ check, value, ...(problem === undefined ? {} : { problem }) }),
  })
  const place = policy.rules.findIndex((rule) => looked.has(rule) && looked.get(rule) === undefined)
  // Self-protection, and names that are too long, come before every rule.
  const isBarred = place === -1 && decision.reason !== 'policy_default'
  const before = place === -1 ? policy.rules : policy.rules.slice(0, place)
  const passed = isBarred ? [] : before.flatMap((rule) => toPassed(rule, findMismatch(rule, call, facts.nowMs)))
  return { decision, rule: policy.rules[place], passed, checks, values }
}

function toPassed(rule: Rule, mismatch: Mismatch | undefined): readonly PassedRule[] {
  if (mismatch === undefined) return []
  const written = rule.written[mismatch]
  const text = Array.isArray(written) ? written.join(', ') : JSON.stringify(written)
  return [{ rule: rule.name, action: rule.action, mismatch, written: text }]
}
