// How many approvals may wait, for whom, and how long: nobody's questions take the place of another's.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '../../events/time.ts'
import { ApprovalHold } from '../../gateway/approval-hold.ts'
import { type ApprovalBinding, Approvals, MAX_WAITING_PER_PRINCIPAL } from '../../gateway/approvals.ts'
import { Withdrawal } from '../../gateway/withdrawal.ts'

const TIMEOUT_MS = 600_000

function bindingOf(principal: string, count: number): ApprovalBinding {
  const call = { server: 'files', tool: 'read_file', method: 'tools/call', policy: 'p', definition: 'null' }
  return { ...call, principal, argumentsDigest: String(count) }
}

describe('approvals that wait', () => {
  const ask = (approvals: Approvals, principal: string, count: number) =>
    approvals.ask(bindingOf(principal, count), { session: `${principal} ${count}`, timeoutMs: TIMEOUT_MS })

  it('are counted: whoever asks and cancels again and again leaves room to others', () => {
    const approvals = new Approvals(systemClock())
    for (let count = 0; count < 501; count++) {
      const approval = ask(approvals, 'agent:b@host', count)
      assert.ok(approval !== undefined && approvals.withdraw(approval))
    }
    assert.ok(ask(approvals, 'agent:a@host', 0) !== undefined)
  })

  it(`are at most ${MAX_WAITING_PER_PRINCIPAL} of one principal, however many sessions it begins`, () => {
    const approvals = new Approvals(systemClock())
    for (let count = 0; count < MAX_WAITING_PER_PRINCIPAL; count++)
      assert.ok(ask(approvals, 'agent:b@host', count) !== undefined)
    assert.equal(ask(approvals, 'agent:b@host', MAX_WAITING_PER_PRINCIPAL), undefined)
    assert.ok(ask(approvals, 'agent:a@host', 0) !== undefined)
  })
})

describe('a timer that comes before its time', () => {
  it('does not end a hold before the approval has expired', async () => {
    const started = performance.now()
    const monotonicMicros = (): number => Math.floor((performance.now() - started) * 900)
    const approvals = new Approvals({ nowMicros: () => 0, monotonicMicros })
    const approval = approvals.ask(bindingOf('agent:b@host', 1), { session: 'b', timeoutMs: 30 })
    assert.ok(approval)
    const end = await new ApprovalHold(approvals).wait(approval, 30, { withdrawal: new Withdrawal(), bytes: 1 })
    assert.deepEqual([end.type, approvals.leftMs(approval)], ['expired', 0])
  })
})
