// Calls that wait for a person, as a real gate records them and as somebody would like to have them: only what an approval of
// that very call let through, once, is in order.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { hashBody } from '../../events/chain.ts'
import { type Event, parseEvent } from '../../events/event.ts'
import { findAwaitedState } from '../../gateway/round-trip.ts'
import { CallPairing } from '../../ledger/call-pairing.ts'
import { ApprovalBench } from '../support/approval-bench.ts'
import { requestOf } from '../support/gate-bench.ts'

let bench: ApprovalBench
beforeEach(() => {
  bench = new ApprovalBench()
})
afterEach(() => bench.close())

interface Fed {
  readonly event: Event
  readonly hash: string
}

function recorded(): readonly Fed[] {
  return bench.storage.records('events').map(({ value }) => ({ event: parseEvent(value), hash: hashBody(value) }))
}

/** What is found wrong with events, and which calls stay open. */
function judge(events: readonly Fed[]): readonly string[] {
  const pairing = new CallPairing()
  const found = events.flatMap(({ event, hash }) => {
    const problem = pairing.feed(event, hash)
    return problem === undefined ? [] : ['code' in problem ? problem.code : 'foreign receipt']
  })
  return [...found, ...pairing.open.map(({ wasAsked }) => (wasAsked ? 'waits' : 'open'))]
}

async function approvedCall(): Promise<void> {
  const call = await bench.held()
  bench.answer('approve')
  const admission = await call.admission
  assert.ok(admission.type === 'forward')
  await bench.gate.settle(admission.call, { status: 'ok' })
}

/** The events, with the last one that allows changed. */
function changed(change: object): readonly Fed[] {
  const events = recorded()
  const at = events.findLastIndex(({ event }) => event.type === 'authorization/decide' && event.decision === 'allow')
  return events.map((fed, index) => (index === at ? { ...fed, event: { ...fed.event, ...change } as Event } : fed))
}

describe('the pairing of calls that wait for a person', () => {
  it('is in order for held, late, joined, denied and cancelled calls', async () => {
    await approvedCall()
    await bench.gate.admit(requestOf('{"n":1}'))
    bench.answer('approve')
    const late = await bench.gate.admit(requestOf('{"n":1}'))
    assert.ok(late.type === 'forward')
    await bench.gate.settle(late.call, { status: 'tool_error' })
    const calls = [await bench.held(requestOf('{"n":2}')), await bench.held(requestOf('{"n":2}'))]
    bench.answer('deny')
    for (const { admission } of calls) await admission
    const cancelled = await bench.held(requestOf('{"n":3}'))
    cancelled.withdrawal.cancel()
    await cancelled.admission
    assert.deepEqual(judge(recorded()), [])
  })

  it('is in order for the round trips of one call, and not for one that continues another', async () => {
    const first = await bench.held()
    bench.answer('approve')
    const admission = await first.admission
    assert.ok(admission.type === 'forward')
    const resultValue = { resultType: 'input_required', requestState: 's' }
    await bench.gate.settle(admission.call, { status: 'ok', resultBytes: Buffer.from('{}'), resultValue })
    const next = await bench.gate.admit({ ...requestOf(), resumes: findAwaitedState(resultValue) ?? '' })
    assert.ok(next.type === 'forward')
    await bench.gate.settle(next.call, { status: 'ok' })
    assert.deepEqual(judge(recorded()), [])
    assert.deepEqual(judge(changed({ continues: '00000000-0000-7000-8000-000000000000' })), ['approval-reused'])
  })

  it('names a call that still waits', async () => {
    await bench.held()
    assert.deepEqual(judge(recorded()), ['waits'])
  })

  const forgeries: Readonly<Record<string, object>> = {
    'an escalated call that was allowed by a rule': { reason: 'policy_rule' },
    'an approval without a name': { approval: undefined },
    'an approval without a verdict': { verdict: undefined },
    'an approval that nobody was asked for': { approval: '00000000-0000-7000-8000-000000000000' },
    'an approval of another tool': { tool: 'delete_file' },
    'an approval of another principal': { principal: 'agent:b@host' },
  }
  for (const [name, change] of Object.entries(forgeries))
    it(`finds ${name}`, async () => {
      await approvedCall()
      assert.deepEqual(judge(changed(change)), ['allow-without-approval'])
    })

  it('finds an approval that lets a second call through, and one that is for other arguments', async () => {
    await approvedCall()
    const { approval } = bench.eventsOf('authorization/decide').at(-1) ?? {}
    await approvedCall()
    assert.deepEqual(judge(changed({ approval })), ['approval-reused'])
    const call = await bench.held(requestOf('{"n":1}'))
    bench.answer('approve')
    await call.admission
    assert.deepEqual(judge(changed({ approval })), ['allow-without-approval', 'waits'])
  })
})
