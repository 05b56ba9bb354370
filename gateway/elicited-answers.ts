// The answers of clients' own users to calls that wait for a person, where the policy lets them count (`approval.elicit`): asked
// once an approval, about everything that the call says, and recorded before they count. docs/design/012 says what that is worth.
import type { SealedEvent } from '../events/chain.ts'
import type { EventDraft } from '../events/event.ts'
import { visible } from '../events/visible.ts'
import { MAX_TIMER_MS } from './approval-hold.ts'
import type { Approval, Approvals } from './approvals.ts'
import { type CallContext, MAX_NAME_LENGTH } from './context.ts'
import type { UserVerdict } from './elicitations.ts'
import type { Waiter } from './waiter.ts'

/** The longest arguments that a user is asked about, characters: nobody approves what was not shown whole. */
export const MAX_SHOWN_CHARACTERS = 4_000

/** What answers are taken with. */
export interface ElicitedAnswersOptions {
  readonly approvals: Approvals
  /** Appends an event; resolves once it is durable. */
  readonly record: (draft: EventDraft) => Promise<SealedEvent | undefined>
  /** Told of what should not happen: an answer that could not be recorded. */
  readonly fail: (error: unknown) => void
}

/** A call whose client's user may be asked. */
export interface ElicitedCall {
  readonly context: CallContext
  readonly argumentsBytes: Buffer
  /** Why it waits. */
  readonly text: string
  readonly waiter: Waiter | undefined
}

/** Asks the users of one run. */
export class ElicitedAnswers {
  readonly #options: ElicitedAnswersOptions
  /** One question an approval: a user who waved it away is not asked again by every repeat. */
  readonly #asked = new WeakSet<Approval>()

  constructor(options: ElicitedAnswersOptions) {
    this.#options = options
  }

  /** Asks, where the client can be asked and was not yet; the answer comes to the approval by itself. */
  ask(approval: Approval, call: ElicitedCall): void {
    const elicit = call.waiter?.elicit
    if (elicit === undefined || approval.state !== 'asked' || this.#asked.has(approval)) return
    const question = questionOf(call)
    if (question === undefined) return
    this.#asked.add(approval)
    const over = this.#overSignal(approval)
    elicit(question, over)
      .then((verdict) => (verdict === undefined ? undefined : this.#take(approval, call, verdict)))
      .catch(this.#options.fail)
  }

  async #take(approval: Approval, { context }: ElicitedCall, verdict: UserVerdict): Promise<void> {
    const { approvals, record } = this.#options
    // Somebody else was quicker.
    if (approval.state !== 'asked' || approvals.leftMs(approval) <= 0) return
    const { policy, argumentsDigest } = approval.binding
    const answer = await record({
      type: 'approval/elicited',
      ...context,
      ...{ approval: approval.id, verdict, argumentsDigest, policy, expiresAt: approval.expiresAt },
      ...{ via: 'elicitation', by: `client:${context.client}`.slice(0, MAX_NAME_LENGTH).toWellFormed() },
      reason: verdict === 'approve' ? 'the user at the client approved it' : 'the user at the client denied it',
    })
    if (answer?.event.type === 'approval/elicited') approvals.answer(answer.event, answer.hash)
  }

  /** Aborted once there is an answer, whoever gave it, or none will count. */
  #overSignal(approval: Approval): AbortSignal {
    const over = new AbortController()
    const timer = setTimeout(
      () => over.abort(),
      Math.min(this.#options.approvals.leftMs(approval), MAX_TIMER_MS),
    ).unref()
    approval.onAnswered.add(() => {
      clearTimeout(timer)
      over.abort()
    })
    return over.signal
  }
}

/** What a person has to know; undefined where it can't be shown whole. */
function questionOf({ context, argumentsBytes, text }: ElicitedCall): string | undefined {
  const shown = visible(argumentsBytes.toString('utf8'))
  if (shown.length > MAX_SHOWN_CHARACTERS) return undefined
  const { tool, server } = context
  return [
    'toolwarden asks: may this call run, once?',
    `Tool: ${visible(tool)}`,
    `Server: ${visible(server)}`,
    `Arguments: ${shown === '' ? 'none' : shown}`,
    `Why it waits: ${visible(text)}`,
  ].join('\n')
}
