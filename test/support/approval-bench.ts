// A gate whose calls wait for a person, and the person: answers as the API would publish them, without the way over a log.
import assert from 'node:assert/strict'
import { ZERO_HASH } from '../../events/chain.ts'
import type { EventOf } from '../../events/event.ts'
import type { Admission, GovernedRequest } from '../../gateway/call-gate.ts'
import type { Waiter } from '../../gateway/waiter.ts'
import { Withdrawal } from '../../gateway/withdrawal.ts'
import { policyOf } from '../gateway/policy/support.ts'
import { GateBench, type GateBenchOptions, requestOf } from './gate-bench.ts'
import { until } from './until.ts'

type Verdict = EventOf<'approval/verdict'>
type Requested = EventOf<'approval/requested'>

/** Every call waits, as long as the test runs. */
const ASKING = policyOf({ id: 'ask', action: 'escalate', approval: { hold: '1m', timeout: '10m' } })

/** A call on its way, and its client. */
export interface WaitingCall {
  readonly admission: Promise<Admission>
  readonly withdrawal: Withdrawal
  /** What its client was told meanwhile. */
  readonly progress: readonly number[]
}

/** A gate bench with a person beside it. */
export class ApprovalBench extends GateBench {
  constructor(options: Partial<GateBenchOptions> = {}) {
    super({ policy: ASKING, ...options })
  }

  /** Makes a call that waits for as long as it takes. */
  call(request: GovernedRequest = requestOf(), bytes = 100, elicit?: Waiter['elicit']): WaitingCall {
    const withdrawal = new Withdrawal()
    const progress: number[] = []
    const admission = this.gate.admit(request, {
      ...{ withdrawal, bytes, progress: (count) => progress.push(count) },
      ...(elicit === undefined ? {} : { elicit }),
    })
    return { admission, withdrawal, progress }
  }

  /** Makes a call, and resolves once it waits. */
  async held(request: GovernedRequest = requestOf()): Promise<WaitingCall> {
    const call = this.call(request)
    await until(() => call.progress.length > 0)
    return call
  }

  /** Ends what still waits, and the run. */
  async close(): Promise<void> {
    this.escalation.end()
    await this.chainWriter.close()
  }

  /** What was asked, the newest last. */
  get asked(): readonly Requested[] {
    return this.eventsOf('approval/requested')
  }

  /** Answers what was asked last, or with other words; says what is wrong with the answer. */
  answer(verdict: Verdict['verdict'], change: Partial<Verdict> = {}): string | undefined {
    const asked = this.asked.at(-1)
    assert.ok(asked)
    const { approval, argumentsDigest, policy, principal, server, tool, expiresAt } = asked
    const bound = { approval, argumentsDigest, policy, principal, server, tool, expiresAt }
    const by = { by: 'user:ann', via: 'token 1', reason: 'looks right', revision: 1 }
    const event = { type: 'approval/verdict', verdict, ...bound, ...by, ...change } as Verdict
    return this.approvals.answer(event, ZERO_HASH)
  }
}

/** What a call came to, in a word. */
export async function endOf(call: Promise<Admission> | WaitingCall): Promise<string> {
  const admission = await ('admission' in call ? call.admission : call)
  return admission.type === 'forward' ? 'forward' : admission.decision.reason
}
