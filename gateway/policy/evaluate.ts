// The decision about one call: a pure function of policy, call and facts. Self-protection comes first, then the first rule
// that matches, whose constraints must all hold, then the default. What can't be evaluated is denied.

import type { ArgumentText } from './arguments.ts'
import { listArgumentTexts } from './arguments.ts'
import { findDomainProblem } from './domains.ts'
import type { RealPath } from './locate.ts'
import type { NameMatcher } from './match.ts'
import { findPathProblem } from './paths.ts'
import type { Action, ApprovalTimes, Policy, Rule } from './policy.ts'
import type { Protection } from './protect.ts'
import { findProtected } from './protect.ts'
import type { CallNames } from './rule-index.ts'
import { findFirstRule } from './rule-index.ts'

/** Why a decision fell as it did: a closed vocabulary, recorded with every decide. */
export type DecisionReason =
  | 'policy_rule'
  | 'policy_default'
  | 'constraint_path'
  | 'constraint_domain'
  | 'constraint_argument'
  | 'self_protection'
  | 'evaluation_error'

/** A call as it is decided on. */
export interface PolicyCall extends CallNames {
  /** The parsed arguments; undefined where the call carries none. */
  readonly argumentsValue: unknown
}

/** What a decision depends on beside policy and call. */
export interface DecisionFacts {
  readonly realPath: RealPath
  /** Where the server takes relative paths from, absolute. */
  readonly root?: string | undefined
  /** True for a server on another machine: paths are checked as written only. */
  readonly remote: boolean
  /** Milliseconds since 1970. */
  readonly nowMs: number
  /** What no policy can open; absent only where there is nothing to protect. */
  readonly protection?: Protection | undefined
}

/** The decision; `text` is for the agent and the record, and quotes no argument. */
export interface PolicyDecision {
  readonly decision: Action
  /** The rule's id or place (`rules[2]`), `default`, or `self-protection`. */
  readonly rule: string
  readonly reason: DecisionReason
  readonly text: string
  /** How long to wait for an approver; present where the decision is escalate. */
  readonly approval?: ApprovalTimes
}

/** Longest name of a tool, server, principal or client that is matched, in characters. */
const MAX_NAME_CHARACTERS = 1024

/** Decides on one call; never throws. */
export function decide(policy: Policy, call: PolicyCall, given: DecisionFacts): PolicyDecision {
  const facts = { ...given, realPath: rememberLookUps(given.realPath) }
  let rule = 'default'
  try {
    if (hasLongName(call)) return deny(rule, 'evaluation_error', 'A name in this call is too long')
    const texts = createTexts(call.argumentsValue)
    const protectedName = facts.protection === undefined ? undefined : findProtected(texts(), facts.protection, facts)
    if (protectedName !== undefined) return deny('self-protection', 'self_protection', protectedName)
    const place = findFirstRule(policy.index, call, (at) => matches(policy.rules[at], call))
    const found = place === undefined ? undefined : policy.rules[place]
    if (found === undefined) return decideByDefault(policy)
    rule = found.name
    return findBrokenConstraint(found, { policy, call, facts, texts }) ?? toDecision(found)
  } catch (error) {
    // Only errors of our own limits have a text for the agent; anything else could quote an argument.
    const why = error instanceof RangeError && /^the arguments /.test(error.message) ? `: ${error.message}` : ''
    return deny(rule, 'evaluation_error', `The policy could not be evaluated for this call${why}`)
  }
}

function matches(rule: Rule | undefined, call: CallNames): boolean {
  if (rule === undefined) return false
  if (
    rule.tools !== undefined &&
    !rule.tools.some((pattern) => pattern.tool.test(call.tool) && pattern.server?.test(call.server) !== false)
  )
    return false
  return (
    matchesAny(rule.servers, call.server) &&
    matchesAny(rule.principals, call.principal) &&
    matchesAny(rule.clients, call.client)
  )
}

function matchesAny(matchers: readonly NameMatcher[] | undefined, name: string): boolean {
  return matchers === undefined || matchers.some((matcher) => matcher.test(name))
}

interface Evaluation {
  readonly policy: Policy
  readonly call: PolicyCall
  readonly facts: DecisionFacts
  readonly texts: () => readonly ArgumentText[]
}

function findBrokenConstraint(rule: Rule, { policy, call, facts, texts }: Evaluation): PolicyDecision | undefined {
  const { constraints } = rule
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
    })
    if (problem !== undefined) return deny(rule.name, 'constraint_path', toSentence(problem))
  }
  if (constraints.allowedDomains !== undefined || constraints.deniedDomains !== undefined) {
    const problem = findDomainProblem(texts(), constraints, policy.argumentKeys.host)
    if (problem !== undefined) return deny(rule.name, 'constraint_domain', toSentence(problem))
  }
  return undefined
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

function deny(rule: string, reason: DecisionReason, text: string): PolicyDecision {
  return { decision: 'deny', rule, reason, text }
}

function toSentence(problem: string): string {
  return problem.charAt(0).toUpperCase() + problem.slice(1)
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
