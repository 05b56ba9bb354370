// A list that comes while a call waits for a person: the call goes by what its client is shown when it would be forwarded.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { stringify } from 'yaml'
import { ApprovalBench, endOf } from '../support/approval-bench.ts'
import { requestOf } from '../support/gate-bench.ts'
import { loadPolicy } from './policy/support.ts'

const OLD = 'a'.repeat(64)
const NEW = 'b'.repeat(64)

/** How a call ends whose tool is shown with another definition, or the same, between question and answer. */
async function endWith(pinning: 'warn' | 'enforce', later: string): Promise<string> {
  const rules = [{ id: 'ask', action: 'escalate', approval: { hold: '1m' } }]
  const bench = new ApprovalBench({ policy: loadPolicy(stringify({ version: '1', pinning, rules })) })
  bench.pins = { first: new Map([['read_file', OLD]]), seen: new Map() }
  let tool = OLD
  const shownNow = () => ({ tool, instructions: undefined })
  const call = await bench.held({ ...requestOf(), shown: shownNow(), shownNow })
  tool = later
  bench.answer('approve')
  const end = await endOf(call)
  await bench.close()
  return end
}

describe('a definition that changes while a call waits for approval', () => {
  it('holds the call under `pinning: enforce`', async () => {
    assert.equal(await endWith('enforce', NEW), 'pin_changed')
    assert.equal(await endWith('enforce', OLD), 'forward')
  })

  it('voids the approval, which was for what the client saw', async () => {
    assert.equal(await endWith('warn', NEW), 'approval_void')
    assert.equal(await endWith('warn', OLD), 'forward')
  })
})
