// Holds a call while a person is asked: until there is an answer, the client takes the call back, or the time is up. Other
// calls go on meanwhile. What is held is bounded; a call above the bound is told at once to come again.
import type { Approval, ApprovalAnswer, Approvals } from './approvals.ts'
import type { Waiter } from './waiter.ts'

/** The most calls of one run that are held at once. */
const MAX_HELD_CALLS = 500
/** The most bytes of messages that are held at once: a client's further lines must not wait behind them. */
const MAX_HELD_BYTES = 8 * 1024 * 1024
/** How often a client that asked for progress is told that its call waits; SDK clients give up after 60 seconds of silence. */
const PROGRESS_MS = 5_000
/** The longest that a timer of Node waits. */
export const MAX_TIMER_MS = 2_147_483_647

/** What a hold came to. */
export type HoldEnd =
  | { readonly type: 'approved'; readonly answer: ApprovalAnswer }
  | { readonly type: 'denied'; readonly answer: ApprovalAnswer }
  /** `pending`: the hold ran out, an answer may still come; `used`: the answer let another call through. */
  | { readonly type: 'pending' | 'expired' | 'cancelled' | 'withdrawn' | 'used' }

/** Holds the calls of one run. */
export class ApprovalHold {
  readonly #approvals: Approvals
  #calls = 0
  #bytes = 0

  constructor(approvals: Approvals) {
    this.#approvals = approvals
  }

  /** Resolves when the call need not wait any more; an approval that is given is used up by the first call that waits. */
  async wait(approval: Approval, holdMs: number, waiter: Waiter | undefined): Promise<HoldEnd> {
    const known = this.#endOf(approval, waiter)
    if (known !== undefined) return known
    if (waiter === undefined || !this.#hasRoom(waiter)) return { type: 'pending' }
    this.#calls++
    this.#bytes += waiter.bytes
    const stopProgress = keepWaiting(approval, waiter)
    try {
      return await this.#untilEnd(approval, holdMs, waiter)
    } finally {
      stopProgress()
      this.#calls--
      this.#bytes -= waiter.bytes
    }
  }

  #untilEnd(approval: Approval, holdMs: number, waiter: Waiter): Promise<HoldEnd> {
    return new Promise((resolve) => {
      const finish = (end: HoldEnd): void => {
        clearTimeout(timer)
        approval.holders.delete(look)
        resolve(end)
      }
      const look = (): void => {
        const end = this.#endOf(approval, waiter)
        if (end !== undefined) finish(end)
      }
      const isUntilExpiry = this.#approvals.leftMs(approval) <= holdMs
      const timeUp = (): void => {
        const isOver = this.#approvals.leftMs(approval) === 0
        // A timer of Node may come a millisecond before its time: until then an answer still counts.
        if (isUntilExpiry && !isOver) timer = setTimeout(timeUp, this.#timerMs(approval, holdMs))
        else finish(this.#endOf(approval, waiter) ?? { type: isOver ? 'expired' : 'pending' })
      }
      let timer = setTimeout(timeUp, this.#timerMs(approval, holdMs))
      approval.holders.add(look)
      waiter.withdrawal.onChange(look)
    })
  }

  #timerMs(approval: Approval, holdMs: number): number {
    return Math.min(holdMs, this.#approvals.leftMs(approval), MAX_TIMER_MS)
  }

  #endOf(approval: Approval, waiter: Waiter | undefined): HoldEnd | undefined {
    if (waiter?.withdrawal.isCancelled === true) return { type: 'cancelled' }
    if (waiter?.withdrawal.hasLeft === true) return { type: 'pending' }
    const { state, answer } = approval
    switch (state) {
      case 'asked':
        return undefined
      case 'approved': {
        const used = this.#approvals.use(approval)
        return used === undefined ? { type: 'expired' } : { type: 'approved', answer: used }
      }
      case 'denied':
        return answer === undefined ? { type: 'withdrawn' } : { type: 'denied', answer }
      case 'used':
      case 'withdrawn':
        return { type: state }
    }
  }

  #hasRoom({ bytes }: Waiter): boolean {
    return this.#calls < MAX_HELD_CALLS && this.#bytes + bytes <= MAX_HELD_BYTES
  }
}

/** Says at once and again and again that the call waits; the returned function ends it. */
function keepWaiting({ id }: Approval, { progress }: Waiter): () => void {
  if (progress === undefined) return () => undefined
  let count = 0
  const say = (): void => progress(++count, `Waiting for approval ${id}`)
  say()
  const timer = setInterval(say, PROGRESS_MS).unref()
  return () => clearInterval(timer)
}
