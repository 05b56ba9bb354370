// What waits for a person in one gateway run: approvals that were asked for, their answers, and each answer's single use.
// Bound to the exact call (policy.md, "Escalation"); kept in memory alone, since only the run that asked honours an answer.
import type { EventOf } from '../events/event.ts'
import { type Clock, formatTime, uuidv7 } from '../events/time.ts'
import type { ApprovalTimes } from './policy/policy.ts'

/** The most approvals of one session that wait for an answer; a further call is denied. */
export const MAX_WAITING_PER_SESSION = 5
/** The most approvals of one principal that wait for an answer, whatever the number of its sessions. */
export const MAX_WAITING_PER_PRINCIPAL = 100
/** The most approvals of one run, answered ones included until they expire; a further call is denied. */
const MAX_APPROVALS = 500

/** What makes a call the one that was approved. */
export interface ApprovalBinding {
  readonly principal: string
  readonly server: string
  readonly tool: string
  readonly method: string
  /** Hash of the policy. */
  readonly policy: string
  /** Keyed digest of the exact argument bytes. */
  readonly argumentsDigest: string
  /** What the client was shown of the tool. */
  readonly definition: string
}

/** The next leg of an approved call: it brings back the state that the server gave the last one. */
export interface AwaitedLeg {
  readonly approval: Approval
  readonly answer: ApprovalAnswer
  /** The last leg's call. */
  readonly call: string
}

/** An approver's answer, or that of the client's own user. */
type AnswerEvent = EventOf<'approval/verdict'> | EventOf<'approval/elicited'>

/** An answer that was taken. */
export interface ApprovalAnswer {
  readonly event: AnswerEvent
  readonly hash: string
}

/** One approval. */
export interface Approval {
  readonly id: string
  readonly binding: ApprovalBinding
  readonly session: string
  /** In the form of event times. */
  readonly expiresAt: string
  /** Monotonic, microseconds: no change of the wall clock makes it live longer. */
  readonly endsMicros: number
  /** `asked` until there is an answer; an approved one is `used` by the first call that it lets through. */
  state: 'asked' | 'approved' | 'denied' | 'used' | 'withdrawn'
  answer: ApprovalAnswer | undefined
  /** Told of a change, in the order in which they came; written by approval-hold.ts. */
  readonly holders: Set<() => void>
  /** Told when it stops being `asked`; they hold nothing. */
  readonly onAnswered: Set<() => void>
}

/** The approvals of one run. */
export class Approvals {
  readonly #clock: Clock
  /** By id; the one asked for first is the first. Closed ones are kept until they end, so that an answer finds them. */
  readonly #approvals = new Map<string, Approval>()
  /** The newest approval of each binding. */
  readonly #byBinding = new Map<string, Approval>()
  /** By state and binding; the oldest is the first. */
  readonly #legs = new Map<string, AwaitedLeg>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The approval that the same call waits for, may use, or was refused by. */
  find(binding: ApprovalBinding): Approval | undefined {
    const found = this.#byBinding.get(keyOf(binding))
    if (found === undefined || this.leftMs(found) <= 0) return undefined
    return found.state === 'used' || found.state === 'withdrawn' ? undefined : found
  }

  /** How long an answer is honoured, milliseconds; 0 once it is not. */
  leftMs({ endsMicros }: Approval): number {
    return Math.max(0, Math.ceil((endsMicros - this.#clock.monotonicMicros()) / 1000))
  }

  /** Asks for an approval; undefined where too many wait. */
  ask(binding: ApprovalBinding, { session, timeoutMs }: { session: string; timeoutMs: number }): Approval | undefined {
    this.#forgetEnded()
    if (!this.#mayAsk(binding.principal, session)) return undefined
    if (this.#approvals.size >= MAX_APPROVALS && !this.#forgetClosed()) return undefined
    const nowMicros = this.#clock.nowMicros()
    const approval: Approval = {
      id: uuidv7(nowMicros),
      ...{ binding, session, state: 'asked', answer: undefined, holders: new Set(), onAnswered: new Set() },
      expiresAt: formatTime(nowMicros + timeoutMs * 1000),
      endsMicros: this.#clock.monotonicMicros() + timeoutMs * 1000,
    }
    this.#approvals.set(approval.id, approval)
    this.#byBinding.set(keyOf(binding), approval)
    return approval
  }

  /** Takes an answer that was checked against the trusted writers, or recorded by this run; a text where it is not for what was asked here. */
  answer(event: AnswerEvent, hash: string): string | undefined {
    const approval = this.#approvals.get(event.approval)
    // Another gateway asked, or an earlier run of this one.
    if (approval === undefined) return undefined
    const { binding, expiresAt } = approval
    const isForIt =
      event.principal === binding.principal &&
      event.server === binding.server &&
      event.tool === binding.tool &&
      event.policy === binding.policy &&
      event.argumentsDigest === binding.argumentsDigest &&
      event.expiresAt === expiresAt
    if (!isForIt) return 'the verdict names another call than the one that was asked about'
    if (approval.state !== 'asked' && !(approval.state === 'approved' && event.verdict === 'deny'))
      return `the approval is ${approval.state} already`
    if (this.leftMs(approval) <= 0) return 'the approval has expired'
    approval.answer = { event, hash }
    this.#turn(approval, event.verdict === 'approve' ? 'approved' : 'denied')
    return undefined
  }

  /** Uses up an approval that was given; undefined where it was not, or not any more. */
  use(approval: Approval): ApprovalAnswer | undefined {
    if (approval.state !== 'approved' || this.leftMs(approval) <= 0) return undefined
    approval.state = 'used'
    return approval.answer
  }

  /** Lets the leg through that brings a state back, once and with the same arguments: it was approved with the call. */
  awaitLeg(state: string, { approval, call }: Pick<AwaitedLeg, 'approval' | 'call'>): void {
    if (approval.answer === undefined || this.leftMs(approval) <= 0) return
    const oldest = this.#legs.size < MAX_APPROVALS ? undefined : this.#legs.keys().next().value
    if (oldest !== undefined) this.#legs.delete(oldest)
    this.#legs.set(`${state} ${keyOf(approval.binding)}`, { approval, answer: approval.answer, call })
  }

  /** The leg that was awaited, which is not any more. */
  takeLeg(state: string, binding: ApprovalBinding): AwaitedLeg | undefined {
    const key = `${state} ${keyOf(binding)}`
    const leg = this.#legs.get(key)
    this.#legs.delete(key)
    return leg === undefined || this.leftMs(leg.approval) <= 0 ? undefined : leg
  }

  /** Takes back what is neither denied nor used; false where there is nothing to take back. */
  withdraw(approval: Approval): boolean {
    if (approval.state !== 'asked' && approval.state !== 'approved') return false
    this.#turn(approval, 'withdrawn')
    return true
  }

  /** Everything that could still let a call through. */
  listOpen(): readonly Approval[] {
    return [...this.#approvals.values()].filter(
      (each) => (each.state === 'asked' || each.state === 'approved') && this.leftMs(each) > 0,
    )
  }

  #mayAsk(principal: string, session: string): boolean {
    const asked = [...this.#approvals.values()].filter(({ state }) => state === 'asked')
    return (
      asked.filter((each) => each.session === session).length < MAX_WAITING_PER_SESSION &&
      asked.filter(({ binding }) => binding.principal === principal).length < MAX_WAITING_PER_PRINCIPAL
    )
  }

  /** Makes room: else whoever asks and cancels again and again would leave none to others. A denial stays, it binds repeats. */
  #forgetClosed(): boolean {
    for (const approval of this.#approvals.values())
      if (approval.state === 'withdrawn' || approval.state === 'used') return this.#forget(approval)
    return false
  }

  #turn(approval: Approval, state: Approval['state']): void {
    approval.state = state
    for (const tell of [...approval.holders, ...approval.onAnswered]) tell()
    approval.onAnswered.clear()
  }

  #forgetEnded(): void {
    for (const approval of this.#approvals.values()) if (this.leftMs(approval) <= 0) this.#forget(approval)
  }

  #forget(approval: Approval): true {
    this.#approvals.delete(approval.id)
    const key = keyOf(approval.binding)
    if (this.#byBinding.get(key) === approval) this.#byBinding.delete(key)
    return true
  }
}

/** Whether the answer that an approval has, if any, is one of those that count for a decision: the client's own user's may not. */
export function mayServe({ answer }: Approval, times: Partial<ApprovalTimes> | undefined): boolean {
  return answer?.event.type !== 'approval/elicited' || times?.mayElicit === true
}

function keyOf({ principal, server, tool, method, policy, argumentsDigest, definition }: ApprovalBinding): string {
  return JSON.stringify([principal, server, tool, method, policy, argumentsDigest, definition])
}
