// The closed vocabulary of why a call was decided as it was; an event never carries another word here.

/** Why a call was allowed, denied or escalated. */
export const DECISION_REASONS = [
  'policy_rule',
  'policy_default',
  'policy_missing',
  'constraint_path',
  'constraint_domain',
  'constraint_argument',
  'evaluation_error',
  'self_protection',
  'adaptive_rule',
  'verdict_missing',
  'needs_approval',
  'rate_limit',
  'budget',
  'control_stale',
  'log_unavailable',
  'log_full',
  'unreadable',
  'too_many_calls',
  'stopping',
  'switch_stopped',
  'approved',
  'approval_denied',
  'approval_expired',
  'approval_withdrawn',
  'approval_pending',
  'approval_used',
  'approval_void',
  'too_many_approvals',
  'pin_changed',
  'pin_unknown',
  'ambiguous_repeat',
  'observed',
] as const

/** One word of DECISION_REASONS. */
export type DecisionReason = (typeof DECISION_REASONS)[number]
