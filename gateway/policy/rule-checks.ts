// What a rule that matches asks of a call: that its constraints hold, that its limits are not used up, and that the call
// is no repeat of one whose outcome is unknown.

import { holdsUnsafeNumber } from '../unsafe-numbers.ts'
import type { ArgumentText } from './arguments.ts'
import {
  type DecisionFacts,
  type DecisionObserver,
  deny,
  type PolicyCall,
  type PolicyDecision,
  type RuleCheck,
} from './decision.ts'
import { findDomainProblem } from './domains.ts'
import type { Charge, CounterView } from './limits.ts'
import { checkLimit } from './limits.ts'
import { findPathProblem } from './paths.ts'
import type { Policy, Rule } from './policy.ts'

/** One decision under way. */
export interface Evaluation {
  readonly policy: Policy
  readonly call: PolicyCall
  readonly facts: DecisionFacts
  readonly texts: () => readonly ArgumentText[]
  readonly observer: DecisionObserver | undefined
}

/** The denial that a rule's first broken constraint gives; undefined where all hold. */
export function findBrokenConstraint(
  rule: Rule,
  { policy, call, facts, texts, observer }: Evaluation,
): PolicyDecision | undefined {
  const { constraints } = rule
  const watch = (check: 'paths' | 'domains') =>
    observer && ((value: string, problem: string | undefined) => observer.onValue(check, value, problem))
  if (constraints === undefined || rule.action === 'deny') return undefined
  if (call.argumentsValue === undefined)
    return deny(rule.name, 'constraint_argument', 'The call has no arguments, and the rule constrains them')
  if (constraints.allowedPaths !== undefined || constraints.deniedPaths !== undefined) {
    const { realPath, remote, root } = facts
    const problem = findPathProblem(texts(), constraints, {
      realPath,
      remote,
      root,
      pathKeys: policy.argumentKeys.path,
      onPath: watch('paths'),
    })
    observer?.onCheck('paths', problem)
    if (problem !== undefined) return deny(rule.name, 'constraint_path', toSentence(problem))
  }
  if (constraints.allowedDomains !== undefined || constraints.deniedDomains !== undefined) {
    const problem = findDomainProblem(texts(), constraints, {
      hostKeys: policy.argumentKeys.host,
      onHost: watch('domains'),
    })
    observer?.onCheck('domains', problem)
    if (problem !== undefined) return deny(rule.name, 'constraint_domain', toSentence(problem))
  }
  return findBrokenSchema(rule, { policy, call, facts, texts, observer })
}

function findBrokenSchema(rule: Rule, { call, texts, observer }: Evaluation): PolicyDecision | undefined {
  const schema = rule.constraints?.arguments
  if (schema === undefined) return undefined
  // Bounds size and depth of what the schema is tried on.
  texts()
  if (schema.isNumeric && readsDifferently(call)) {
    observer?.onCheck('arguments', 'a number that programs read differently')
    return denyUnsafeNumber(rule)
  }
  const broken = schema.findBroken(call.argumentsValue)
  observer?.onCheck('arguments', broken)
  return broken === undefined
    ? undefined
    : deny(rule.name, 'constraint_argument', `The arguments do not meet the rule's schema at ${broken}`)
}

function readsDifferently(call: PolicyCall): boolean {
  return call.hasUnsafeNumber?.() ?? holdsUnsafeNumber(call.argumentsValue)
}

function denyUnsafeNumber(rule: Rule): PolicyDecision {
  const text = 'The arguments hold a number that programs read differently (above 2^53, or too many digits)'
  return deny(rule.name, 'constraint_argument', text)
}

/** What a rule that lets a call through says of repeats, rates and sums. */
export function withLimits(rule: Rule, decision: PolicyDecision, evaluation: Evaluation): PolicyDecision {
  const { call, facts, observer } = evaluation
  if (decision.decision === 'deny') return decision
  const charges: Charge[] = []
  for (const limit of rule.limits) {
    if (limit.argument !== undefined && readsDifferently(call)) return denyUnsafeNumber(rule)
    const counters = facts.counters ?? nothingUsed
    const finding = checkLimit(rule.name, limit, { call, counters, nowMs: facts.nowMs })
    observer?.onCheck(checkOfLimit[limit.type], 'problem' in finding ? finding.problem : undefined)
    if ('problem' in finding)
      return { ...deny(rule.name, finding.reason, toSentence(finding.problem)), ...withCharges(charges) }
    charges.push(finding.charge)
  }
  const repeated = decideRepeat(rule, decision, call)
  if (rule.onAmbiguous !== 'allow') observer?.onCheck('onAmbiguous', repeated === decision ? undefined : repeated.text)
  return charges.length === 0 ? repeated : { charges, ...repeated }
}

const checkOfLimit: Readonly<Record<Rule['limits'][number]['type'], RuleCheck>> = {
  rate_limit: 'rateLimit',
  budget: 'budget',
}

function decideRepeat(rule: Rule, decision: PolicyDecision, call: PolicyCall): PolicyDecision {
  if (rule.onAmbiguous === 'allow' || call.isRepeatOfUnknown?.() !== true) return decision
  const text = 'The same call was made before, and whether it ran is not known'
  if (rule.onAmbiguous === 'deny') return deny(rule.name, 'ambiguous_repeat', text)
  return { decision: 'escalate', rule: rule.name, reason: 'ambiguous_repeat', text, approval: rule.approval }
}

function withCharges(charges: readonly Charge[]): { readonly charges?: readonly Charge[] } {
  return charges.length === 0 ? {} : { charges }
}

const nothingUsed: CounterView = { used: () => 0 }

function toSentence(problem: string): string {
  return problem.charAt(0).toUpperCase() + problem.slice(1)
}
