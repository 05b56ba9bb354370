// Approvals within one chain: what was asked, and which calls an approval let through. Pure. An escalated call that runs
// without one, on another call's one, or on one that let a call through before, is not what a gateway does.
import type { EventOf } from '../events/event.ts'

/** How many approvals are remembered; the oldest are forgotten first. */
const MAX_REMEMBERED = 100_000

/** A call as it was proposed, and whether it was escalated. */
export interface JudgedCall {
  readonly argumentsDigest: string
  readonly method: string
  readonly wasEscalated: boolean
  /** True where events are missing in which the question may have been. */
  readonly isExcused: boolean
}

/** What is wrong with an allow. */
export interface ApprovalProblem {
  readonly code: 'allow-without-approval' | 'approval-reused'
  readonly text: string
}

interface Asked {
  readonly event: EventOf<'approval/requested'>
  /** The call that it let through last; a further round trip names it. */
  usedBy: string | undefined
}

/** The approvals of one chain, fed in order. */
export class ApprovalPairing {
  readonly #asked = new Map<string, Asked>()

  /** Takes a question. */
  ask(event: EventOf<'approval/requested'>): void {
    const oldest = this.#asked.size < MAX_REMEMBERED ? undefined : this.#asked.keys().next().value
    if (oldest !== undefined) this.#asked.delete(oldest)
    this.#asked.set(event.approval, { event, usedBy: undefined })
  }

  /** Judges an allow. */
  judge(event: EventOf<'authorization/decide'>, call: JudgedCall): ApprovalProblem | undefined {
    if (event.reason !== 'approved')
      return call.wasEscalated ? without(`the call ${event.call} was escalated, and allowed by no approval`) : undefined
    const { approval, approver, verdict } = event
    if (approval === undefined || approver === undefined || verdict === undefined)
      return without(`the call ${event.call} was allowed by an approval that is not named`)
    const asked = this.#asked.get(approval)
    if (asked === undefined)
      return call.isExcused ? undefined : without(`nobody was asked for the approval ${approval}`)
    if (!isFor(asked.event, event, call)) return without(`the approval ${approval} was asked for another call`)
    // The first call continues none, and each further round trip continues the one before it.
    if (asked.usedBy !== event.continues && !call.isExcused)
      return { code: 'approval-reused', text: `the approval ${approval} let a call through before` }
    asked.usedBy = event.call
    return undefined
  }
}

function isFor(
  asked: EventOf<'approval/requested'>,
  { principal, server, tool }: EventOf<'authorization/decide'>,
  { argumentsDigest, method }: JudgedCall,
): boolean {
  return (
    asked.principal === principal &&
    asked.server === server &&
    asked.tool === tool &&
    asked.method === method &&
    asked.argumentsDigest === argumentsDigest
  )
}

function without(text: string): ApprovalProblem {
  return { code: 'allow-without-approval', text }
}
