// The decision about one call: a pure function of policy, call, facts and counters. Self-protection comes first, then the
// first rule that matches, whose constraints must all hold and whose limits must not be used up, then the default. What
// can't be evaluated is denied. Observing covers the rules and the default, never self-protection.

import type { ArgumentText } from './arguments.ts'
import { listArgumentTexts } from './arguments.ts'
import { type DecisionFacts, type DecisionObserver, deny, type PolicyCall, type PolicyDecision } from './decision.ts'
import type { RealPath } from './locate.ts'
import { type Action, MAX_OBSERVE_MS, type Policy, type Rule } from './policy.ts'
import { findProtected } from './protect.ts'
import { type Evaluation, findBrokenConstraint, withLimits } from './rule-checks.ts'
import type { CallNames } from './rule-index.ts'
import { findFirstRule } from './rule-index.ts'
import { findMismatch } from './rule-match.ts'

/** Longest name of a tool, server, principal or client that is matched, in characters. */
const MAX_NAME_CHARACTERS = 1024

/** Decides on one call; never throws. An observer sees how, and changes nothing. */
export function decide(
  policy: Policy,
  call: PolicyCall,
  given: DecisionFacts,
  observer?: DecisionObserver,
): PolicyDecision {
  const facts = { ...given, realPath: rememberLookUps(given.realPath) }
  const texts = createTexts(call.argumentsValue)
  const barred = findBarred(call, facts, texts)
  if (barred !== undefined) return barred
  const byRules = decideByRules({ policy, call, facts, texts, observer })
  return isObserving(policy, facts.nowMs) ? toObserved(byRules) : byRules
}

/** What no rule and no mode can open. */
function findBarred(call: PolicyCall, facts: DecisionFacts, texts: Evaluation['texts']): PolicyDecision | undefined {
  if (hasLongName(call)) return deny('default', 'evaluation_error', 'A name in this call is too long')
  if (facts.protection === undefined) return undefined
  try {
    const protectedName = findProtected(texts(), facts.protection, { toolClass: call.toolClass, ...facts })
    return protectedName === undefined ? undefined : deny('self-protection', 'self_protection', protectedName)
  } catch (error) {
    return toFailure('self-protection', error)
  }
}

/** The first rule whose names and hours match a call, whatever its constraints say; undefined where the default applies. */
export function findMatchingRule(
  { index, rules }: Policy,
  call: CallNames,
  nowMs: number,
  observer?: DecisionObserver,
): Rule | undefined {
  const place = findFirstRule(index, call, (at) => {
    const rule = rules[at]
    if (rule === undefined) return false
    const mismatch = findMismatch(rule, call, nowMs)
    observer?.onRule(rule, mismatch)
    return mismatch === undefined
  })
  return place === undefined ? undefined : rules[place]
}

function decideByRules(evaluation: Evaluation): PolicyDecision {
  const { policy, call, facts, observer } = evaluation
  let rule = 'default'
  try {
    const found = findMatchingRule(policy, call, facts.nowMs, observer)
    if (found === undefined) return decideByDefault(policy)
    rule = found.name
    return findBrokenConstraint(found, evaluation) ?? withLimits(found, toDecision(found), evaluation)
  } catch (error) {
    return toFailure(rule, error)
  }
}

function toFailure(rule: string, error: unknown): PolicyDecision {
  // Only errors of our own limits have a text for the agent; anything else could quote an argument.
  const why = error instanceof RangeError && /^the arguments /.test(error.message) ? `: ${error.message}` : ''
  return deny(rule, 'evaluation_error', `The policy could not be evaluated for this call${why}`)
}

/** Whether the rules are only observed. The bound holds here too: a policy that was compiled elsewhere can't observe for longer. */
export function isObserving({ observeUntilMs }: Policy, nowMs: number): boolean {
  return observeUntilMs !== undefined && nowMs < observeUntilMs && observeUntilMs - nowMs <= MAX_OBSERVE_MS
}

function toObserved(wouldBe: PolicyDecision): PolicyDecision {
  const { decision, rule, reason, text, charges } = wouldBe
  if (decision === 'allow') return wouldBe
  return {
    decision: 'allow',
    rule,
    reason: 'observed',
    text: `Observed only; enforced it would be ${decision === 'deny' ? 'denied' : 'escalated'}: ${text}`,
    observed: { decision, reason },
    ...(charges === undefined ? {} : { charges }),
  }
}

function toDecision(rule: Rule): PolicyDecision {
  const texts: Readonly<Record<Action, string>> = {
    allow: 'Allowed by a rule',
    deny: 'Denied by a rule',
    escalate: 'A rule asks for approval',
  }
  const decision = {
    decision: rule.action,
    rule: rule.name,
    reason: 'policy_rule' as const,
    text: rule.reason ?? texts[rule.action],
  }
  return rule.action === 'escalate' ? { ...decision, approval: rule.approval } : decision
}

function decideByDefault(policy: Policy): PolicyDecision {
  const text = 'No rule matches this call, and the default applies'
  const decision = { decision: policy.defaultAction, rule: 'default', reason: 'policy_default' as const, text }
  return policy.defaultAction === 'escalate' ? { ...decision, approval: policy.defaultApproval } : decision
}

function hasLongName(call: CallNames): boolean {
  return Math.max(call.tool.length, call.server.length, call.principal.length, call.client.length) > MAX_NAME_CHARACTERS
}

/** The strings of the arguments, listed at most once a decision and only where something asks for them. */
function createTexts(value: unknown): () => readonly ArgumentText[] {
  let texts: readonly ArgumentText[] | undefined
  return () => {
    texts ??= listArgumentTexts(value)
    return texts
  }
}

/** Looks each path up at most once a decision, so that protection and constraint see the same file system. */
function rememberLookUps(realPath: RealPath): RealPath {
  const known = new Map<string, ReturnType<RealPath>>()
  return (path) => {
    const result = known.get(path) ?? realPath(path)
    known.set(path, result)
    return result
  }
}
