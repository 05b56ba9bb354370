// One decision about one call, in the order of policy.md: kill switch, self-protection, adaptive rules, the file's rules and
// their limits, the default; and the fail-closed conditions around them. Pure.
import type { ControlView } from '../events/control-view.ts'
import type { DecisionReason } from '../events/reason.ts'
import type { Signals } from '../events/signals.ts'
import { findStop } from '../events/switch-scope.ts'
import type { CallContext } from './context.ts'
import { type ControlNeed, type ControlStanding, controlStanding, findAdaptiveRule } from './control.ts'
import { bareName } from './method-table.ts'
import { holdByPin, type PinBook, unapprovedDefinitions } from './pin-standing.ts'
import { type DecisionFacts, type PolicyCall, recordedReason } from './policy/decision.ts'
import { decide as decideByPolicy, isObserving } from './policy/evaluate.ts'
import type { Charge } from './policy/limits.ts'
import type { ApprovalTimes, Policy } from './policy/policy.ts'
import type { ShownDefinition } from './shown-tools.ts'

/** What decisions are made from. */
export interface DecisionBasis {
  /** Undefined where no valid policy could be loaded: everything is denied. */
  readonly policy: Policy | undefined
  readonly control: ControlView
  readonly need: ControlNeed
  readonly facts: DecisionFacts
  /** What is known of the server's definitions. */
  readonly pins: PinBook
}

/** A call as it is decided on. */
export interface ProposedCall {
  readonly context: CallContext
  /** `tools/call` unless it says something else. */
  readonly method?: string
  readonly argumentsValue: unknown
  readonly hasUnsafeNumber?: () => boolean
  readonly isRepeatOfUnknown?: () => boolean
  /** The detectors have not judged yet what the session was just told (hold-lane.ts). */
  readonly isUnjudged?: boolean
  readonly signals: Signals
  /** Of a tool call: what the client was shown of its tool. */
  readonly shown?: ShownDefinition | undefined
  /** Every session seen on the connection, the call's among them. */
  readonly sessions: readonly string[]
}

/** A decision, with everything that its `authorization/decide` says. */
export interface Decision {
  readonly decision: 'allow' | 'deny' | 'escalate'
  readonly reason: DecisionReason
  readonly text: string
  readonly rule?: string
  readonly adaptiveRule?: string
  readonly policy?: string
  readonly observed?: { readonly decision: 'deny' | 'escalate'; readonly reason: DecisionReason }
  readonly control: ControlStanding
  /** The approval that the call waits for, was let through by, or did not get. */
  readonly approval?: string
  /** Who answered, how, and the hash of the verdict. */
  readonly approver?: string
  readonly via?: string
  readonly verdict?: string
  /** The call of which this is a further round trip, let through by its approval. */
  readonly continues?: string
}

/** A decision, and what is no part of its record: what the call costs once it is let through, and how long it may wait. */
export interface ChargedDecision extends Decision {
  readonly charges?: readonly Charge[]
  /** Present where the decision is escalate. */
  readonly times?: ApprovalTimes
}

/** Decides; never throws: what can't be evaluated is denied. */
export function decideCall(call: ProposedCall, basis: DecisionBasis): ChargedDecision {
  const nowMicros = basis.facts.nowMs * 1000
  const control = controlStanding(basis.control, basis.need, nowMicros)
  const { policy } = basis
  const stop = findStop(basis.control, call.context)
  if (stop !== undefined)
    return {
      decision: 'deny',
      reason: 'switch_stopped',
      text: `an operator stopped ${stop.scope}: ${cut(stop.reason)}`,
      control,
    }
  if (policy === undefined)
    return { decision: 'deny', reason: 'policy_missing', text: 'no valid policy is loaded', control }
  const byPolicy = decideByPolicy(policy, toPolicyCall(call), basis.facts)
  const { observed, charges, approval: times } = byPolicy
  const decision: ChargedDecision = {
    decision: byPolicy.decision,
    reason: recordedReason(byPolicy),
    text: byPolicy.text,
    rule: byPolicy.rule,
    policy: policy.hash,
    ...(observed === undefined ? {} : { observed: { ...observed, reason: recordedReason(observed) } }),
    ...(charges === undefined ? {} : { charges }),
    ...(times === undefined ? {} : { times }),
    control,
  }
  if (byPolicy.decision === 'deny' && byPolicy.reason === 'self_protection') return decision
  if (control.state !== 'fresh' && basis.need.required) {
    return {
      decision: 'deny',
      reason: 'control_stale',
      text: 'adaptive rules cannot be read: the detectors have not been heard of',
      policy: policy.hash,
      control,
    }
  }
  const ruled = stricter(withPin(decision, call, { ...basis, policy }), call, { ...basis, policy })
  return call.isUnjudged === true && ruled.decision === 'allow' ? held(ruled, policy) : ruled
}

/** Decides by what the client is shown of the tool now; a person was asked about what it was shown when it proposed the call. */
export function decideShown(
  call: ProposedCall,
  shown: ShownDefinition | undefined,
  basis: DecisionBasis,
): ChargedDecision {
  const decision = decideCall({ ...call, shown }, basis)
  const isOther = shown?.tool !== call.shown?.tool || shown?.instructions !== call.shown?.instructions
  if (decision.decision !== 'escalate' || !isOther) return decision
  const text = "the definition of the tool or the server's instructions changed after the approval was asked for"
  return withoutCharges({ ...decision, decision: 'deny', reason: 'approval_void', text })
}

function toPolicyCall({ context, ...call }: ProposedCall): PolicyCall {
  const { server, principal, client, session } = context
  const tool = bareName(call.method ?? 'tools/call', context.tool)
  return { server, tool, principal, client, session, toolClass: call.signals.toolClass, ...call }
}

/** What is not pinned is held; the file's own denial stays. An observed policy observes this too. */
function withPin(
  decision: ChargedDecision,
  { context, shown }: ProposedCall,
  { policy, pins, control, facts }: DecisionBasis & { readonly policy: Policy },
): ChargedDecision {
  if (shown === undefined || decision.decision === 'deny') return decision
  const held = holdByPin(policy, { shown, ...context }, { book: pins, control })
  if (held === undefined) return decision
  if (!isObserving(policy, facts.nowMs))
    return held.decision === 'deny'
      ? withoutCharges({ ...decision, ...held })
      : asApproved(policy, { ...decision, ...held })
  const text = `Observed only; enforced it would be held: ${held.text}`
  return { ...decision, reason: 'observed', text, observed: { decision: held.decision, reason: held.reason } }
}

/** What a pin or a detector holds, the client's own user can't open, even where the file's rule lets them. */
function asApproved(
  { defaultApproval }: Policy,
  { times = defaultApproval, ...decision }: ChargedDecision,
): ChargedDecision {
  return { ...decision, times: { ...times, mayElicit: false } }
}

function withoutCharges({ charges, times, ...decision }: ChargedDecision): ChargedDecision {
  return decision
}

function stricter(
  decision: ChargedDecision,
  { context, signals, sessions, shown }: ProposedCall,
  { control, facts, pins, policy }: DecisionBasis & { readonly policy: Policy },
): ChargedDecision {
  const { principal, server, tool } = context
  const definitions = shown === undefined ? [] : unapprovedDefinitions({ server, tool, shown }, { book: pins, control })
  const found = findAdaptiveRule(
    control,
    { sessions, principal, server, tool, toolClass: signals.toolClass, signals, definitions },
    facts.nowMs * 1000,
  )
  if (found === undefined) return decision
  // A rule only ever narrows: what the policy denies stays denied for the policy's reason.
  if (decision.decision === 'deny') return decision
  if (decision.decision === 'escalate' && found.action === 'escalate') return asApproved(policy, decision)
  const id = found.rule === undefined ? {} : { adaptiveRule: found.rule.id }
  const { observed, charges, ...narrowed } = decision
  const ruled = { ...narrowed, decision: found.action, reason: 'adaptive_rule' as const, text: found.reason, ...id }
  if (found.action === 'deny') return ruled
  // An approved call costs what it would have cost.
  return { ...ruled, times: policy.defaultApproval, ...(charges === undefined ? {} : { charges }) }
}

/** An approved call costs what it would have cost. */
function held({ observed, ...decision }: ChargedDecision, policy: Policy): ChargedDecision {
  const text = 'the detectors have not judged yet what this session was just told'
  return { times: policy.defaultApproval, ...decision, decision: 'escalate', reason: 'verdict_missing', text }
}

/** A text has at most 2,000 characters in an event. */
function cut(reason: string): string {
  return reason.slice(0, 1_000).toWellFormed()
}
