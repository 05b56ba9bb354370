// `policy.protect`: a policy that may allow more than the one in force waits until an admin has accepted that very change. What
// was in force is kept over restarts, since an agent's host starts gateways as often as it likes. The core is in widenings.ts.
import type { ControlView } from '../events/control-view.ts'
import { policySubject } from '../events/policy-subject.ts'
import { parseTime } from '../events/time.ts'
import type { Policy } from './policy/policy.ts'
import type { Widening } from './policy/widenings.ts'

/** What keeps a policy in force over restarts. */
export interface PolicyGuard {
  /** What was in force at the end of an earlier run; undefined where there was none: then the first one counts. */
  readonly before: Policy | undefined
  /** Keeps a policy as the one in force; returns once it is durable. Throws STORE_UNAVAILABLE. */
  readonly keep: (policy: Policy) => void
  /** Lists every way in which a policy may allow more; given, so that nobody loads it who has no guard. */
  readonly listWidenings: (before: Policy, after: Policy) => readonly Widening[]
}

/** A change that waits for an admin. */
export interface HeldChange {
  readonly before: Policy
  readonly policy: Policy
  readonly widenings: readonly Widening[]
}

/** The change that has to be accepted; undefined where the new policy provably allows no more. */
export function findHeldChange(
  guard: PolicyGuard | undefined,
  before: Policy | undefined,
  policy: Policy,
): HeldChange | undefined {
  if (guard === undefined || before === undefined || before.hash === policy.hash) return undefined
  const widenings = guard.listWidenings(before, policy)
  return widenings.length === 0 ? undefined : { before, policy, widenings }
}

/** What a run starts with: until control is read nobody knows what was accepted. */
export function policyAtStart(
  policy: Policy | undefined,
  guard: PolicyGuard | undefined,
): { readonly inForce: Policy | undefined; readonly held: HeldChange | undefined } {
  const held = policy === undefined ? undefined : findHeldChange(guard, guard?.before, policy)
  return { inForce: held?.before ?? policy, held }
}

/** Hash of the event by which an admin accepted a change; undefined where nobody did, or too long ago. */
export function findAcceptance(
  view: ControlView,
  { server, change, nowMicros }: { readonly server: string; readonly change: HeldChange; readonly nowMicros: number },
): string | undefined {
  const found = view.subjects.get(policySubject(server, change.policy.hash))
  if (found?.event.type !== 'policy/accepted' || found.event.replaces !== change.before.hash) return undefined
  return parseTime(found.event.expiresAt) > nowMicros ? found.hash : undefined
}
