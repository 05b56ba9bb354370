// What a policy would have decided over recorded calls: each at the time at which it was made, with limits counted as one
// gateway a server counts them. Pure. Paths are compared as written, since nobody recorded what links led where.
// A decision that needs arguments which were not recorded is not made: such calls are told apart, never guessed.
import { createHash } from 'node:crypto'
import { Counters } from '../gateway/counters.ts'
import { bareName } from '../gateway/method-table.ts'
import type { DecisionReason, PolicyCall } from '../gateway/policy/decision.ts'
import { decide, findMatchingRule } from '../gateway/policy/evaluate.ts'
import type { Action, Policy, Rule } from '../gateway/policy/policy.ts'
import { UnknownOutcomes } from '../gateway/unknown-outcomes.ts'
import { hasUnsafeNumber } from '../gateway/unsafe-numbers.ts'
import type { RecordedArguments, RecordedCall } from '../ledger/recorded-call.ts'

/** Most servers whose limits are counted apart; the calls of further ones are counted together. */
const MAX_SERVERS = 1_000

/** Why a call can't be decided on. */
export type UndecidedReason = Exclude<RecordedArguments['state'], 'full'>

/** What the policy says of a recorded call. */
export type ReplayedDecision =
  | { readonly type: 'decided'; readonly decision: Action; readonly rule: string; readonly reason: DecisionReason }
  /** `rule` is the one that would have had to look at the arguments. */
  | { readonly type: 'undecided'; readonly rule: string; readonly why: UndecidedReason }

/** How a replay reads calls. */
export interface ReplayOptions {
  /** Where a server takes relative paths from; undefined denies them, as a gateway without `--root` does. */
  readonly rootOf: (server: string) => string | undefined
}

interface ServerState {
  readonly counters: Counters
  readonly unknown: UnknownOutcomes
}

/** One policy on its way through a history; calls are taken oldest first. */
export class PolicyReplay {
  readonly #policy: Policy
  readonly #options: ReplayOptions
  readonly #asksForRepeats: boolean
  /** Written by `take` alone. */
  readonly #servers = new Map<string, ServerState>()

  constructor(policy: Policy, options: ReplayOptions) {
    // Shown is what the rules say, also while they are only observed.
    this.#policy = { ...policy, observeUntilMs: undefined }
    this.#options = options
    this.#asksForRepeats = policy.rules.some(({ onAmbiguous }) => onAmbiguous !== 'allow')
  }

  /** Decides on the next call. */
  take(call: RecordedCall): ReplayedDecision {
    const names = { ...call, tool: bareName(call.method, call.tool) }
    const recorded = call.arguments
    if (recorded.state !== 'full') {
      const rule = findMatchingRule(this.#policy, names, call.timeMs)
      const isCertain = recorded.state !== 'altered' && (rule === undefined || !looksAtArguments(rule))
      if (!isCertain) return { type: 'undecided', rule: rule?.name ?? 'default', why: recorded.state }
    }
    const state = this.#stateOf(call.server)
    const digest = this.#asksForRepeats ? digestOf(call) : ''
    const identity = { ...call, argumentsDigest: digest }
    const made: PolicyCall = {
      ...names,
      argumentsValue: recorded.state === 'full' ? recorded.value : undefined,
      ...unsafeNumberCheck(recorded),
      isRepeatOfUnknown: () => state.unknown.has(identity, call.timeMs),
    }
    const { decision, rule, reason, charges } = decide(this.#policy, made, {
      realPath: () => ({ type: 'absent' }),
      remote: true,
      root: this.#options.rootOf(call.server),
      nowMs: call.timeMs,
      counters: state.counters,
    })
    if (wasMade(call, decision)) {
      if (charges !== undefined) state.counters.reserve(charges, call.timeMs)
      if (this.#asksForRepeats) state.unknown.take(identity, call.status, call.timeMs)
    }
    return { type: 'decided', decision, rule, reason }
  }

  #stateOf(server: string): ServerState {
    const key = this.#servers.has(server) || this.#servers.size < MAX_SERVERS ? server : ''
    const known = this.#servers.get(key)
    if (known !== undefined) return known
    const state = { counters: new Counters({ isKnown: true }), unknown: new UnknownOutcomes() }
    this.#servers.set(key, state)
    return state
  }
}

function looksAtArguments({ action, constraints, limits }: Rule): boolean {
  if (action === 'deny') return false
  return constraints !== undefined || limits.some(({ argument }) => argument !== undefined)
}

/** Found in the exact text alone; without it the gateway's own check of the values is made. */
function unsafeNumberCheck(recorded: RecordedArguments): Pick<PolicyCall, 'hasUnsafeNumber'> {
  if (recorded.state !== 'full' || recorded.text === undefined) return {}
  const { text } = recorded
  return { hasUnsafeNumber: () => hasUnsafeNumber(Buffer.from(text)) }
}

/** Reasons that no policy changes: such a call would not have run whatever the rules said. */
const heldReasons: ReadonlySet<string> = new Set([
  ...['self_protection', 'adaptive_rule', 'control_stale', 'log_unavailable', 'log_full', 'unreadable'],
  ...['too_many_calls', 'stopping', 'switch_stopped', 'pin_changed'],
])

/** True where something other than a policy's rules held the call back. */
export function wasHeld({ decided }: RecordedCall): boolean {
  return decided !== undefined && decided.decision !== 'allow' && heldReasons.has(decided.reason ?? '')
}

/** Whether the call would have run: an escalated one where an approver let it through. */
function wasMade(call: RecordedCall, decision: Action): boolean {
  if (wasHeld(call) || call.status === 'not_forwarded') return false
  return decision === 'allow' || (decision === 'escalate' && call.decided?.final === 'allow')
}

/** What the policy of that time decided; undefined where nothing was recorded, or something else held the call back. */
export function decidedThen(call: RecordedCall): Action | undefined {
  return wasHeld(call) ? undefined : (call.decided?.observed?.decision ?? call.decided?.decision)
}

function digestOf({ argumentsDigest, arguments: recorded }: RecordedCall): string {
  if (argumentsDigest !== undefined) return argumentsDigest
  const text = recorded.state === 'full' ? (recorded.text ?? JSON.stringify(recorded.value) ?? '') : ''
  return createHash('sha256').update(text).digest('hex')
}
