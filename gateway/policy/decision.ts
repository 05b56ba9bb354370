// What a decision is made from and what it says: the vocabulary of the policy's evaluation.

import type { DecisionReason as RecordedReason } from '../../events/reason.ts'
import type { ToolClass } from '../../events/tool-class.ts'
import type { Charge, CounterView, LimitedCall } from './limits.ts'
import type { RealPath } from './locate.ts'
import type { Action, ApprovalTimes, Rule } from './policy.ts'
import type { Protection } from './protect.ts'
import type { Mismatch } from './rule-match.ts'

/** Why a decision fell as it did: a closed vocabulary, recorded with every decide. */
export type DecisionReason =
  | 'policy_rule'
  | 'policy_default'
  | 'constraint_path'
  | 'constraint_domain'
  | 'constraint_argument'
  | 'rate_limit'
  | 'budget'
  | 'ambiguous_repeat'
  | 'observed'
  | 'self_protection'
  | 'evaluation_error'

/** A call as it is decided on. */
export interface PolicyCall extends LimitedCall {
  /** The parsed arguments; undefined where the call carries none. */
  readonly argumentsValue: unknown
  /** What the tool does; without it self-protection takes the worst. */
  readonly toolClass?: ToolClass | undefined
  /** Whether the text of the arguments holds a number that parsers read differently; without it the values are looked at. */
  readonly hasUnsafeNumber?: (() => boolean) | undefined
  /** Whether the same call was forwarded before and nobody knows whether it ran. */
  readonly isRepeatOfUnknown?: (() => boolean) | undefined
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
  /** What limits were used up so far; without it nothing was. */
  readonly counters?: CounterView | undefined
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
  /** What the call costs once it is let through; present where the rule has limits. */
  readonly charges?: readonly Charge[]
  /** What would have been decided, had the rules been enforced. */
  readonly observed?: { readonly decision: Exclude<Action, 'allow'>; readonly reason: DecisionReason }
}

/** The reason that a decision is recorded with: an escalation says that it needs approval. */
export function recordedReason({
  decision,
  reason,
}: {
  readonly decision: Action
  readonly reason: DecisionReason
}): RecordedReason {
  return decision === 'escalate' && reason !== 'ambiguous_repeat' ? 'needs_approval' : reason
}

/** What the rule that decides asks of a call, in the order in which it is checked. */
export type RuleCheck = 'paths' | 'domains' | 'arguments' | 'rateLimit' | 'budget' | 'onAmbiguous'

/** Whoever watches how a decision is made. */
export interface DecisionObserver {
  /** A rule was looked at; `mismatch` is the first of its keys that the call does not meet. */
  readonly onRule: (rule: Rule, mismatch: Mismatch | undefined) => void
  /** The deciding rule's check was made; `problem` says what is wrong, undefined where it holds. */
  readonly onCheck: (check: RuleCheck, problem: string | undefined) => void
  /** A path or host of the arguments was checked, as it was read; it may quote the caller. */
  readonly onValue: (check: 'paths' | 'domains', value: string, problem: string | undefined) => void
}

/** A denial; `rule` is that of the decision. */
export function deny(rule: string, reason: DecisionReason, text: string): PolicyDecision {
  return { decision: 'deny', rule, reason, text }
}
