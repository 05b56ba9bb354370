// A call that waits for a person, and the user at its own client who is asked: the answer counts where the rule says so, for
// that call, once, and only after it was recorded.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { UserVerdict } from '../../gateway/elicitations.ts'
import { MAX_SHOWN_CHARACTERS } from '../../gateway/elicited-answers.ts'
import { ApprovalBench, endOf, type WaitingCall } from '../support/approval-bench.ts'
import { requestOf, ruleOf, viewOf } from '../support/gate-bench.ts'
import { until } from '../support/until.ts'
import { policyOf } from './policy/support.ts'

const ASKING = policyOf({ id: 'ask', action: 'escalate', approval: { hold: '1m', elicit: true } })
let bench: ApprovalBench
/** What the user was asked; whether anybody still needs the answer. */
let questions: { readonly text: string; readonly over: AbortSignal }[]
let answer: (verdict: UserVerdict | undefined) => void
beforeEach(() => {
  bench = new ApprovalBench({ policy: ASKING })
  questions = []
})
afterEach(() => bench.close())

function call(request = requestOf()): WaitingCall {
  return bench.call(request, 100, (text, over) => {
    questions.push({ text, over })
    return new Promise((resolve) => {
      answer = resolve
    })
  })
}

async function asked(request = requestOf()): Promise<WaitingCall> {
  const waiting = call(request)
  await until(() => questions.length === 1)
  return waiting
}

describe('a call whose own user may answer', () => {
  it('is forwarded once approved, and the record says by whom and how', async () => {
    const waiting = await asked()
    answer('approve')
    assert.equal(await endOf(waiting), 'forward')
    const [given] = bench.eventsOf('approval/elicited')
    const decide = bench.eventsOf('authorization/decide').at(-1)
    assert.deepEqual([given?.verdict, given?.by, given?.via], ['approve', 'client:inspector/1', 'elicitation'])
    assert.deepEqual([given?.approval, given?.call], [bench.asked[0]?.approval, decide?.call])
    assert.deepEqual([decide?.approver, decide?.via], ['client:inspector/1', 'elicitation'])
    assert.equal(decide?.verdict, decide?.previous)
  })

  it('is denied by the user, and so are its repeats', async () => {
    const waiting = await asked()
    answer('deny')
    assert.deepEqual([await endOf(waiting), await endOf(call())], ['approval_denied', 'approval_denied'])
    assert.equal(questions.length, 1)
  })

  it('shows the user the whole call, and nothing in it that hides', async () => {
    await asked({ ...requestOf('{"path":"/a\u202eb"}'), tool: 'read\nfile' })
    assert.match(
      questions[0]?.text ?? '',
      /Tool: read\\u000afile\nServer: files\nArguments: \{"path":"\/a\\u202eb"\}\n/,
    )
  })

  it('waits on for an approver where the user gives no answer, and its repeat does not ask again', async () => {
    const waiting = await asked()
    answer(undefined)
    waiting.withdrawal.leave()
    assert.equal(await endOf(waiting), 'approval_pending')
    const repeat = call()
    await until(() => repeat.progress.length > 0)
    bench.answer('approve')
    assert.deepEqual([await endOf(repeat), questions.length], ['forward', 1])
  })

  it('takes the question back once an approver has answered', async () => {
    const waiting = await asked()
    assert.equal(questions[0]?.over.aborted, false)
    bench.answer('approve')
    assert.equal(questions[0]?.over.aborted, true)
    await waiting.admission
    answer('approve')
    assert.equal(bench.eventsOf('approval/elicited').length, 0)
  })

  it('waits on where the answer cannot be recorded', async () => {
    let isBroken = false
    const broken = new ApprovalBench({ policy: ASKING, fault: () => (isBroken ? 'unavailable' : 'none') })
    const elicit = async (): Promise<UserVerdict> => {
      isBroken = true
      return 'approve'
    }
    const waiting = broken.call(requestOf(), 100, elicit)
    await until(() => broken.failures.length === 1)
    isBroken = false
    assert.equal(broken.answer('approve'), undefined)
    assert.equal(await endOf(waiting), 'forward')
    await broken.close()
  })
})

describe('a call whose own user may not answer', () => {
  it('asks nobody at the client: the rule does not say so', async () => {
    bench.policy = policyOf({ action: 'escalate', approval: { hold: '1m' } })
    const waiting = call()
    await until(() => waiting.progress.length > 0)
    assert.equal(questions.length, 0)
  })

  it('asks nobody about what cannot be shown whole', async () => {
    const waiting = call(requestOf(JSON.stringify({ path: 'a'.repeat(MAX_SHOWN_CHARACTERS) })))
    await until(() => waiting.progress.length > 0)
    assert.equal(questions.length, 0)
  })

  it('asks nobody where a detector holds it as well', async () => {
    bench.control = viewOf(ruleOf({ action: 'escalate' }))
    const waiting = call()
    await until(() => waiting.progress.length > 0)
    assert.equal(questions.length, 0)
  })

  it('is not forwarded by their answer once a detector holds it', async () => {
    const waiting = await asked()
    bench.control = viewOf(ruleOf({ action: 'escalate' }))
    answer('approve')
    assert.equal(await endOf(waiting), 'approval_void')
  })
})
