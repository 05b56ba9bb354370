// What reaches a gateway over `control`: adaptive rules, and how fresh the view of them is.
// A gateway checks the bounds of every rule itself; what is out of bounds is reported and not honoured.
import { type ControlView, controlFreshness } from '../events/control-view.ts'
import { MAX_RULES_PER_PRINCIPAL, type Rule, type RuleSubject, ruleMatches } from '../events/rule.ts'
import { countRulesOf, listRulesAbout } from './adaptive-rules.ts'

/** How control must stand for calls to be allowed. */
export interface ControlNeed {
  /** The writers whose `control/state` must be fresh. */
  readonly writers: readonly string[]
  readonly maxAgeMicros: number
  /** Distributed: deny without fresh control. Embedded, where `up` may be off: go on as configured, and say so. */
  readonly required: boolean
}

/** What a decide says of control. */
export interface ControlStanding {
  readonly state: 'fresh' | 'stale' | 'none'
  readonly revision: number
  readonly epoch?: string | undefined
}

/** How control stands at a time. */
export function controlStanding(view: ControlView, need: ControlNeed, nowMicros: number): ControlStanding {
  const epochs = need.writers
    .map((writer) => view.states.get(writer)?.state.instance)
    .filter((instance) => instance !== undefined)
  const epoch = epochs.toSorted().at(-1)
  const state = controlFreshness(view, { writers: need.writers, maxAgeMicros: need.maxAgeMicros, nowMicros })
  return { state, revision: view.revision, ...(epoch === undefined ? {} : { epoch }) }
}

/** What the adaptive rules say of a call: the strictest of those that match. */
export type AdaptiveFinding =
  | { readonly action: 'deny' | 'escalate'; readonly rule: Rule; readonly reason: string }
  | { readonly action: 'escalate'; readonly rule: undefined; readonly reason: string }

/** Finds the rule in force for a call. Above MAX_RULES_PER_PRINCIPAL live rules all writes of a principal escalate. */
export function findAdaptiveRule(view: ControlView, call: RuleSubject, nowMicros: number): AdaptiveFinding | undefined {
  const matching = listRulesAbout(view, call, nowMicros).filter((rule) => ruleMatches(rule, call))
  const deny = matching.find(({ action }) => action === 'deny')
  if (deny !== undefined) return { action: 'deny', rule: deny, reason: deny.reason }
  const escalate = matching[0]
  if (escalate !== undefined) return { action: 'escalate', rule: escalate, reason: escalate.reason }
  if (call.toolClass === 'read') return undefined
  const own = countRulesOf(view, call.principal, nowMicros)
  if (own <= MAX_RULES_PER_PRINCIPAL) return undefined
  return { action: 'escalate', rule: undefined, reason: `${own} adaptive rules are in force for this principal` }
}
