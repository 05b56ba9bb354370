// What a refusal looks like on the wire: a result that the model reads, or an error where a result would not do.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errorMessage, REFUSED_CODE, refusalMessage } from '../../gateway/refusal.ts'

const CALL = '00000000-0000-7000-8000-000000000000'
const denied = {
  type: 'refuse',
  call: CALL,
  decision: { decision: 'deny', reason: 'policy_rule', text: 'not here', rule: 'no-shell' },
} as const
const plain = { id: 1, takesError: false, isModern: false }

describe('refusalMessage', () => {
  it('is a tool result that says rule, reason and call, in one line', () => {
    const text = refusalMessage({ ...plain, id: 'a"\n' }, denied)
    assert.deepEqual(JSON.parse(text), {
      jsonrpc: '2.0',
      id: 'a"\n',
      result: {
        content: [{ type: 'text', text: `Blocked by policy no-shell: not here. Call ${CALL}.` }],
        isError: true,
      },
    })
    assert.doesNotMatch(text, /\n/)
  })

  it('says what it is to a modern client', () => {
    const { result } = JSON.parse(refusalMessage({ ...plain, isModern: true }, denied)) as {
      result: { resultType: string }
    }
    assert.equal(result.resultType, 'complete')
  })

  it('is an error for a task, and names the adaptive rule before the policy’s', () => {
    const decision = { ...denied.decision, adaptiveRule: 'f'.repeat(64) }
    const { error } = JSON.parse(refusalMessage({ ...plain, takesError: true }, { ...denied, decision })) as {
      error: { code: number; data: unknown }
    }
    assert.equal(error.code, REFUSED_CODE)
    assert.deepEqual(error.data, { rule: `adaptive-${'f'.repeat(12)}`, call: CALL })
  })

  it('asks for approval where the policy does, and names the reason where no rule decided', () => {
    const decision = { decision: 'escalate', reason: 'needs_approval', text: 'ask' } as const
    assert.match(refusalMessage(plain, { ...denied, decision }), /Needs approval by policy needs_approval: ask\. /)
  })
})

describe('errorMessage', () => {
  it('has a null id where none could be read', () => {
    assert.deepEqual(JSON.parse(errorMessage(undefined, -32700, 'x')), {
      jsonrpc: '2.0',
      id: null,
      error: { code: -32700, message: 'x' },
    })
  })
})
