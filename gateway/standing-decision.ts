// The decision about one call while its record is on the way to the log: made again where anything that it was made from has
// changed meanwhile. What nothing has changed for is not decided twice.
import type { ControlView } from '../events/control-view.ts'
import { controlStanding } from './control.ts'
import { type ChargedDecision, type DecisionBasis, decideShown, type ProposedCall } from './decide.ts'
import type { ShownDefinition } from './shown-tools.ts'

/** Where a decision takes what it is made from, each time anew. */
export interface DecisionSources {
  readonly basis: () => DecisionBasis
  /** What the client is shown of the tool now. */
  readonly shown: () => ShownDefinition | undefined
}

interface Made {
  readonly decision: ChargedDecision
  readonly basis: DecisionBasis
  readonly shown: ShownDefinition | undefined
}

/** Decides about one call, as often as it is asked. */
export class StandingDecision {
  readonly #call: ProposedCall
  readonly #sources: DecisionSources
  /** Written by `decide` alone. */
  #made: Made | undefined

  constructor(call: ProposedCall, sources: DecisionSources) {
    this.#call = call
    this.#sources = sources
  }

  /** Decides by how things are now. */
  decide(): ChargedDecision {
    const [shown, basis] = [this.#sources.shown(), this.#sources.basis()]
    const decision = decideShown(this.#call, shown, basis)
    this.#made = { decision, basis, shown }
    return decision
  }

  /**
   * True where the call was allowed, and is still, by the very same policy, control, pins and definitions: only moments have
   * passed. Never where limits are charged, or where an earlier call like it has no known outcome.
   */
  get stillAllows(): boolean {
    const made = this.#made
    if (made === undefined || made.decision.decision !== 'allow' || made.decision.charges !== undefined) return false
    if (this.#call.isRepeatOfUnknown?.() === true) return false
    return isSameShown(made.shown, this.#sources.shown()) && isSameBasis(made.basis, this.#sources.basis())
  }
}

function isSameShown(then: ShownDefinition | undefined, now: ShownDefinition | undefined): boolean {
  return then?.tool === now?.tool && then?.instructions === now?.instructions
}

/** By identity: whatever changes any of these puts another object in its place. */
function isSameBasis(then: DecisionBasis, now: DecisionBasis): boolean {
  if (then.policy !== now.policy || then.pins !== now.pins || then.facts.protection !== now.facts.protection)
    return false
  return then.control === now.control && freshness(now.control, then) === freshness(now.control, now)
}

/** The same view grows stale by itself. */
function freshness(control: ControlView, { need, facts }: DecisionBasis): string {
  return controlStanding(control, need, facts.nowMs * 1000).state
}
