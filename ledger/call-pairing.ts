// propose → decide → receipt within one chain, tied by call and by parent hash. Pure; remembers open calls, and of closed
// ones the newest, so that what comes too late is named rightly.
import type { Event } from '../events/event.ts'
import { ApprovalPairing } from './approval-pairing.ts'
import type { ViolationCode } from './verify-report.ts'

/** How many closed calls are remembered. */
const MAX_CLOSED = 100_000

/** A call that has no receipt yet. */
export interface PendingCall {
  readonly call: string
  /** Hash of its propose. */
  readonly propose: string
  readonly sequence: number
  /** Hashes of its decides, and what they decided. */
  readonly decides: Map<string, 'allow' | 'deny' | 'escalate'>
  readonly argumentsDigest: string
  readonly method: string
  /** Whether a person was asked: an escalated call of which nobody was asked is over. */
  wasAsked: boolean
}

/** What is wrong with an event's place in its call. */
export interface PairingProblem {
  readonly code: ViolationCode
  readonly text: string
}

/** A receipt whose call was decided in no event of this chain: the next run of a gateway closes what its last left open. */
export interface ForeignReceipt {
  readonly call: string
  readonly parent: string
  readonly status: string
  /** True where the chain has a gap, in which the decision may have been. */
  readonly isExcused: boolean
}

/** The calls of one chain, fed in order. */
export class CallPairing {
  readonly #open = new Map<string, PendingCall>()
  readonly #closed = new Map<string, 'denied' | 'answered' | 'damaged'>()
  readonly #approvals = new ApprovalPairing()
  /** The first sequence number after the last gap; 0 while there was none. */
  #afterGap = 0

  /** Calls that have been proposed and not closed. */
  get open(): readonly PendingCall[] {
    return [...this.#open.values()].filter(
      ({ decides, wasAsked }) => wasAsked || [...decides.values()].at(-1) !== 'escalate',
    )
  }

  /** Takes the next event of the chain. */
  feed(event: Event, hash: string): PairingProblem | ForeignReceipt | undefined {
    switch (event.type) {
      case 'authorization/propose':
        this.#open.set(event.call, {
          call: event.call,
          propose: hash,
          sequence: event.sequence,
          argumentsDigest: event.argumentsDigest,
          method: event.method,
          decides: new Map(),
          wasAsked: false,
        })
        return undefined
      case 'authorization/decide':
        return this.#decide(event, hash)
      case 'authorization/receipt':
        return this.#receipt(event)
      case 'approval/requested': {
        const pending = this.#open.get(event.call)
        if (pending !== undefined) pending.wasAsked = true
        this.#approvals.ask(event)
        return undefined
      }
      default:
        return undefined
    }
  }

  /** An event of this call can't be read: that is reported, and what follows from it is not reported again. */
  damage(call: string): void {
    this.#close(call, 'damaged')
  }

  /** Events before this one are missing: a call that was open then, or that is not known, may be in them. */
  gap(sequence: number): void {
    this.#afterGap = sequence
  }

  #decide(event: Extract<Event, { type: 'authorization/decide' }>, hash: string): PairingProblem | undefined {
    const pending = this.#open.get(event.call)
    if (this.#isExcused(event.call, pending)) return undefined
    if (pending === undefined)
      return { code: 'decide-without-propose', text: `the call ${event.call} was not proposed, or is closed` }
    if (event.parent !== pending.propose)
      return { code: 'decide-without-propose', text: `parent is not the propose of the call ${event.call}` }
    const wasEscalated = [...pending.decides.values()].includes('escalate')
    pending.decides.set(hash, event.decision)
    // A call that joins a question which another one asked waits as well.
    if (event.decision === 'escalate' && event.approval !== undefined) pending.wasAsked = true
    if (event.decision === 'deny') this.#close(event.call, 'denied')
    if (event.decision !== 'allow') return undefined
    return this.#approvals.judge(event, { ...pending, wasEscalated, isExcused: this.#afterGap > 0 })
  }

  #receipt({
    call,
    parent,
    status,
  }: Extract<Event, { type: 'authorization/receipt' }>): PairingProblem | ForeignReceipt | undefined {
    const pending = this.#open.get(call)
    const closed = this.#closed.get(call)
    if (closed === 'denied') return { code: 'receipt-after-deny', text: `the call ${call} was denied` }
    if (closed === 'answered') return { code: 'receipt-repeated', text: `the call ${call} has a receipt already` }
    if (closed === 'damaged') return undefined
    if (pending === undefined) return { call, parent, status, isExcused: this.#afterGap > 0 }
    const decision = pending.decides.get(parent)
    if (decision === undefined && this.#isExcused(call, pending)) this.#close(call, 'answered')
    else if (decision === undefined)
      return { code: 'receipt-of-another-decision', text: `parent is no decision about the call ${call}` }
    else if (decision !== 'allow')
      return { code: 'receipt-after-deny', text: `parent decided ${decision} about the call ${call}` }
    this.#close(call, 'answered')
    return undefined
  }

  #isExcused(call: string, pending: PendingCall | undefined): boolean {
    if (this.#closed.get(call) === 'damaged') return true
    return this.#afterGap > (pending?.sequence ?? 0)
  }

  #close(call: string, how: 'denied' | 'answered' | 'damaged'): void {
    this.#open.delete(call)
    const oldest = this.#closed.size < MAX_CLOSED ? undefined : this.#closed.keys().next().value
    if (oldest !== undefined) this.#closed.delete(oldest)
    this.#closed.set(call, how)
  }
}
