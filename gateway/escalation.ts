// An escalated call, from the question to its end: recorded with what is asked, held until a person has answered, decided
// once more under what holds then, and only then let through. Whatever else happens, it is refused and nothing runs.
import type { SealedEvent } from '../events/chain.ts'
import type { AppendChoice } from '../events/chain-writer.ts'
import type { EventDraft } from '../events/event.ts'
import { APPEND_DEADLINE_MS } from '../events/log.ts'
import { argumentsDigest } from '../events/payload.ts'
import { ApprovalHold, type HoldEnd } from './approval-hold.ts'
import { type Approval, type ApprovalAnswer, type ApprovalBinding, type Approvals, mayServe } from './approvals.ts'
import type { CallContext } from './context.ts'
import type { Reservation } from './counters.ts'
import type { ChargedDecision, Decision } from './decide.ts'
import { ElicitedAnswers } from './elicited-answers.ts'
import type { Charge } from './policy/limits.ts'
import type { Proposal, Recorder } from './recorder.ts'
import { findAwaitedState } from './round-trip.ts'
import type { Waiter } from './waiter.ts'

/** What escalations work with. */
export interface EscalationOptions {
  readonly recorder: Pick<Recorder, 'decided' | 'decidedAgain' | 'note' | 'elicited'>
  readonly approvals: Approvals
  readonly deploymentKey: Buffer
  /** Told of what should not happen: the run's chain ended before an event. */
  readonly fail: (error: unknown) => void
}

/** A call that escalates. */
export interface EscalatedCall {
  readonly proposal: Proposal
  readonly decision: ChargedDecision
  /** What the client was shown of the tool. */
  readonly shown: unknown
  /** Digest of the state that a further leg of a call brings back. */
  readonly resumes: string | undefined
  /** Absent where nobody can wait. */
  readonly waiter: Waiter | undefined
  /** Decides on the call under what holds now. */
  readonly decideAgain: () => ChargedDecision
  readonly reserve: (charges?: readonly Charge[]) => Reservation
  readonly onLateCommit: NonNullable<AppendChoice['onLateCommit']>
}

/** What a recorded decision came to. */
export type Decided =
  | {
      readonly type: 'allow'
      readonly decideHash: string
      readonly reservation: Reservation
      readonly argumentsDigest: string
      /** What let the call through; absent where no approval was needed. */
      readonly approval?: Approval
    }
  | { readonly type: 'refuse'; readonly decision: Decision }

/** Carries the escalated calls of one run. */
export class Escalation {
  readonly #options: EscalationOptions
  readonly #hold: ApprovalHold
  readonly #elicited: ElicitedAnswers

  constructor(options: EscalationOptions) {
    const { approvals, recorder, fail } = options
    this.#options = options
    this.#hold = new ApprovalHold(approvals)
    this.#elicited = new ElicitedAnswers({ approvals, record: (draft) => recorder.elicited(draft), fail })
  }

  /** Resolves once the call may be forwarded or is refused, which is recorded. Throws what the log throws; then it is refused. */
  async decide(call: EscalatedCall): Promise<Decided> {
    const { approvals } = this.#options
    const { context } = call.proposal
    const binding = this.#bindingOf(call)
    const leg = call.resumes === undefined ? undefined : approvals.takeLeg(call.resumes, binding)
    if (leg !== undefined) return this.#allowAtOnce(call, leg.approval, { ...leg.answer, continues: leg.call })
    const known = approvals.find(binding)
    if (known?.state === 'denied' && known.answer !== undefined)
      return this.#refuseAtOnce(call, deniedBy(call.decision, known, known.answer))
    const given = known === undefined || !mayServe(known, call.decision.times) ? undefined : approvals.use(known)
    if (known !== undefined && given !== undefined) return this.#allowAtOnce(call, known, given)
    if (known !== undefined) return this.#held(call, known, await this.#propose(call, known))
    const { times, text } = call.decision
    const session = JSON.stringify([context.principal, context.origin ?? context.session])
    const approval = approvals.ask(binding, { session, timeoutMs: times?.timeoutMs ?? 0 })
    if (approval === undefined)
      return this.#refuseAtOnce(call, {
        ...refused(call.decision, 'too_many_approvals'),
        text: `${text}; too many calls of this session wait for approval`,
      })
    try {
      const followUp = (decideHash: string): EventDraft => requestOf(call, approval, decideHash)
      return await this.#held(call, approval, await this.#propose(call, approval, followUp))
    } catch (error) {
      this.#withdraw(approval, 'the call could not be recorded in time')
      throw error
    }
  }

  /** Takes what an approved call came to: where its server asks for more input, the next leg needs no further approval. */
  settled(approval: Approval, call: string, result: unknown): void {
    const state = findAwaitedState(result)
    if (state !== undefined) this.#options.approvals.awaitLeg(state, { approval, call })
  }

  /** Takes back whatever still waits: no other run will honour its answer. */
  end(): void {
    for (const approval of this.#options.approvals.listOpen()) this.#withdraw(approval, 'the gateway ended')
  }

  #bindingOf({ proposal, decision, shown }: EscalatedCall): ApprovalBinding {
    const { context, method, argumentsBytes } = proposal
    const { principal, server, tool } = context
    const digest = argumentsDigest(this.#options.deploymentKey, argumentsBytes)
    const definition = JSON.stringify(shown ?? null)
    return { principal, server, tool, method, policy: decision.policy ?? '', argumentsDigest: digest, definition }
  }

  /** Resolves with the hash of the propose. */
  async #propose(call: EscalatedCall, { id }: Approval, followUp?: Proposal['followUp']): Promise<string> {
    const proposal = followUp === undefined ? call.proposal : { ...call.proposal, followUp }
    const decision = { ...recorded(call.decision), approval: id }
    const { events } = await this.#options.recorder.decided(proposal, decision, call.onLateCommit)
    return events.find(({ event }) => event.type === 'authorization/propose')?.hash ?? ''
  }

  async #held(call: EscalatedCall, approval: Approval, parent: string): Promise<Decided> {
    const { times, text } = call.decision
    const { context, argumentsBytes } = call.proposal
    if (times?.mayElicit === true) this.#elicited.ask(approval, { context, argumentsBytes, text, waiter: call.waiter })
    const end = await this.#hold.wait(approval, times?.holdMs ?? 0, call.waiter)
    if (end.type === 'approved') return this.#allow(call, { approval, answer: end.answer, parent })
    if (end.type === 'cancelled' && approval.holders.size === 0)
      this.#withdraw(approval, 'the call was cancelled while it waited')
    const decision = end.type === 'denied' ? deniedBy(call.decision, approval, end.answer) : ended(call, approval, end)
    return this.#refuse(context, parent, decision)
  }

  /** Nothing waits between the decision and the charge: no other call can be let through on the same room. */
  async #allow(
    call: EscalatedCall,
    { approval, answer, parent }: { approval: Approval; answer: ApprovalAnswer; parent: string },
  ): Promise<Decided> {
    const { context } = call.proposal
    const now = call.decideAgain()
    const barred = barredNow(now, approval)
    if (barred !== undefined) return this.#refuse(context, parent, { ...barred, approval: approval.id })
    const reservation = call.reserve(now.charges)
    try {
      const decision = approvedBy(now, approval, answer)
      const { onLateCommit } = call
      const { events } = await this.#options.recorder.decidedAgain({ context, parent }, decision, { onLateCommit })
      return allowed(events, reservation, approval)
    } catch (error) {
      reservation.release()
      throw error
    }
  }

  /** The repeat of a call whose approval came after its hold, or a further leg of an approved call. */
  async #allowAtOnce(call: EscalatedCall, approval: Approval, answer: UsedAnswer): Promise<Decided> {
    const reservation = call.reserve(call.decision.charges)
    try {
      const decision = approvedBy(call.decision, approval, answer)
      const { events } = await this.#options.recorder.decided(call.proposal, decision, call.onLateCommit)
      return allowed(events, reservation, approval)
    } catch (error) {
      reservation.release()
      throw error
    }
  }

  async #refuseAtOnce(call: EscalatedCall, decision: Decision): Promise<Decided> {
    await this.#options.recorder.decided(call.proposal, decision, call.onLateCommit)
    return { type: 'refuse', decision }
  }

  /** The refusal waits for its record, but not for longer than the log may take: it is a refusal either way. */
  async #refuse(context: CallContext, parent: string, decision: Decision): Promise<Decided> {
    const { recorder, fail } = this.#options
    const written = recorder.decidedAgain({ context, parent }, decision, { patient: true }).catch(fail)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, APPEND_DEADLINE_MS)
    })
    await Promise.race([written, late])
    clearTimeout(timer)
    return { type: 'refuse', decision }
  }

  #withdraw(approval: Approval, reason: string): void {
    const { approvals, recorder, fail } = this.#options
    if (!approvals.withdraw(approval)) return
    const { principal, server } = approval.binding
    recorder.note({ type: 'approval/withdrawn', approval: approval.id, principal, server, reason }).catch(fail)
  }
}

function allowed(events: readonly SealedEvent[], reservation: Reservation, approval: Approval): Decided {
  const decideHash = events.at(-1)?.hash ?? ''
  return { type: 'allow', decideHash, reservation, argumentsDigest: approval.binding.argumentsDigest, approval }
}

function requestOf({ proposal, decision }: EscalatedCall, approval: Approval, parent: string): EventDraft {
  const { context, method } = proposal
  const { rule, adaptiveRule, reason, text } = decision
  const { policy, argumentsDigest: digest } = approval.binding
  return {
    type: 'approval/requested',
    ...context,
    ...{ approval: approval.id, parent, method, argumentsDigest: digest, policy, reason, text },
    ...(rule === undefined ? {} : { rule }),
    ...(adaptiveRule === undefined ? {} : { adaptiveRule }),
    expiresAt: approval.expiresAt,
  }
}

/** Whether a call that meets an escalation was let through it by an approval that still counts. */
export function isStillApproved(approval: Approval | undefined, { policy, times }: ChargedDecision): boolean {
  return approval !== undefined && policy === approval.binding.policy && mayServe(approval, times)
}

/** What an approval can't open: whatever denies now, and another policy than the approver saw. */
function barredNow(now: ChargedDecision, approval: Approval): Decision | undefined {
  if (now.decision === 'deny') return recorded(now)
  if (now.policy !== approval.binding.policy)
    return { ...refused(now, 'approval_void'), text: 'the policy changed after the approval was asked for' }
  if (now.decision === 'allow' || mayServe(approval, now.times)) return undefined
  return { ...refused(now, 'approval_void'), text: "it takes another approver now than the client's own user" }
}

/** An answer, and the call of which this is a further leg. */
type UsedAnswer = ApprovalAnswer & { readonly continues?: string }

function approvedBy(decision: ChargedDecision, { id }: Approval, { event, hash, continues }: UsedAnswer): Decision {
  return {
    ...recorded(decision),
    ...{ decision: 'allow', reason: 'approved', text: `approved: ${cut(event.reason)}` },
    ...{ approval: id, approver: event.by, via: event.via, verdict: hash },
    ...(continues === undefined ? {} : { continues }),
  }
}

function deniedBy(decision: ChargedDecision, { id }: Approval, { event, hash }: ApprovalAnswer): Decision {
  return {
    ...refused(decision, 'approval_denied'),
    text: `an approver denied it: ${cut(event.reason)}`,
    ...{ approval: id, approver: event.by, via: event.via, verdict: hash },
  }
}

/** The ends of a hold to which no answer led. */
type UnansweredEnd = Exclude<HoldEnd, { readonly type: 'approved' } | { readonly type: 'denied' }>

function ended({ decision }: EscalatedCall, { id }: Approval, { type }: UnansweredEnd): Decision {
  const texts: Readonly<Record<UnansweredEnd['type'], readonly [Decision['reason'], string]>> = {
    pending: ['approval_pending', 'nobody has answered yet'],
    expired: ['approval_expired', 'nobody answered in time'],
    cancelled: ['approval_withdrawn', 'the call was cancelled while it waited for approval'],
    withdrawn: ['approval_withdrawn', 'the question was taken back'],
    used: ['approval_used', 'the approval let another call through; call again to ask once more'],
  }
  const [reason, text] = texts[type]
  return { ...refused(decision, reason), text, approval: id }
}

function refused(decision: ChargedDecision, reason: Decision['reason']): Decision {
  return { ...recorded(decision), decision: 'deny', reason }
}

/** What of a decision is recorded. */
function recorded({ charges: _, times: __, ...decision }: ChargedDecision): Decision {
  return decision
}

/** A text has at most 2,000 characters in an event. */
function cut(text: string): string {
  return text.slice(0, 1_000).toWellFormed()
}
