// Calls of several round trips (2026-07-28) that needed approval: approved once, leg by leg bound to the state of the last one.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { Admission } from '../../gateway/call-gate.ts'
import { readClientMessage } from '../../gateway/message.ts'
import { findAwaitedState, findResumedState } from '../../gateway/round-trip.ts'
import { ApprovalBench, endOf } from '../support/approval-bench.ts'
import { requestOf } from '../support/gate-bench.ts'
import { policyOf } from './policy/support.ts'

let bench: ApprovalBench
beforeEach(() => {
  bench = new ApprovalBench()
})
afterEach(() => bench.close())

/** A request with these members in `params`. */
function requestWith(params: object) {
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'read_file', ...params } }
  const read = readClientMessage(Buffer.from(JSON.stringify(message)))
  assert.ok(read.kind === 'request')
  return read
}

describe('a call of several round trips', () => {
  const leg = (state: string) => {
    const resumes = findResumedState(requestWith({ requestState: state, inputResponses: {} }))
    return { ...requestOf(), ...(resumes === undefined ? {} : { resumes }) }
  }
  const settle = async (admission: Admission, state: string): Promise<string> => {
    assert.ok(admission.type === 'forward')
    const resultValue = { resultType: 'input_required', requestState: state }
    await bench.gate.settle(admission.call, { status: 'ok', resultBytes: Buffer.from('{}'), resultValue })
    return admission.call.context.call
  }

  it('is approved once: each leg that brings the state back goes on, and says which call it continues', async () => {
    const first = await bench.held()
    bench.answer('approve')
    const calls = [await settle(await first.admission, 's1')]
    calls.push(await settle(await bench.call(leg('s1')).admission, 's2'))
    calls.push(await settle(await bench.call(leg('s2')).admission, 's3'))
    const allows = bench.eventsOf('authorization/decide').filter(({ decision }) => decision === 'allow')
    assert.deepEqual(
      allows.map(({ continues }) => continues),
      [undefined, ...calls.slice(0, 2)],
    )
    assert.equal(bench.asked.length, 1)
  })

  it('does not open another state, other arguments, or the same state twice', async () => {
    const first = await bench.held()
    bench.answer('approve')
    await settle(await first.admission, 's1')
    assert.equal(await endOf(bench.gate.admit({ ...leg('s1'), ...requestOf('{"path":"/b"}') })), 'approval_pending')
    assert.equal(await endOf(bench.gate.admit(leg('s2'))), 'approval_pending')
    assert.equal(await endOf(bench.gate.admit(leg('s1'))), 'forward')
    assert.equal(await endOf(bench.gate.admit(leg('s1'))), 'approval_pending')
  })

  it('does not go on under another policy', async () => {
    const first = await bench.held()
    bench.answer('approve')
    await settle(await first.admission, 's1')
    bench.policy = policyOf({ id: 'ask', action: 'escalate', reason: 'new' })
    assert.equal(await endOf(bench.gate.admit(leg('s1'))), 'approval_pending')
  })

  it('needs nothing further where its result ends it', () => {
    assert.equal(findAwaitedState({ resultType: 'complete', requestState: 's' }), undefined)
    assert.equal(findAwaitedState({ content: [] }), undefined)
    assert.equal(findResumedState(requestWith({})), undefined)
    const bare = findResumedState(requestWith({ inputResponses: {} }))
    assert.equal(bare, findAwaitedState({ resultType: 'input_required' }))
  })
})
