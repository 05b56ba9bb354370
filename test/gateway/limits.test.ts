// Limits at the gate: exact however calls overlap, given back when a call is not made, and known again after a restart.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Trust } from '../../events/trust.ts'
import type { Admission, OpenCall } from '../../gateway/call-gate.ts'
import { foldHistory, historyWindowMs } from '../../gateway/fold-history.ts'
import { counterName } from '../../gateway/policy/limits.ts'
import type { Policy } from '../../gateway/policy/policy.ts'
import { UnknownOutcomes } from '../../gateway/unknown-outcomes.ts'
import { GateBench, requestOf } from '../support/gate-bench.ts'
import { type Fault, MemoryLog } from '../support/memory-log.ts'
import { policyOf } from './policy/support.ts'

const rate = policyOf({ id: 'r', action: 'allow', rateLimit: { calls: 2, per: '1h', by: 'session' } })
const budget = policyOf({ id: 'b', action: 'allow', budget: { argument: 'amount', max: 10, per: '1h', by: 'tool' } })
const repeat = policyOf({ id: 'w', action: 'allow', onAmbiguous: 'escalate' })

const outcomeOf = (admission: Admission): string =>
  admission.type === 'forward' ? 'forward' : admission.decision.reason

async function admitAll(bench: GateBench, count: number): Promise<readonly string[]> {
  const admissions = await Promise.all(Array.from({ length: count }, () => bench.gate.admit(requestOf())))
  return admissions.map(outcomeOf)
}

async function openCall(bench: GateBench, text?: string): Promise<OpenCall> {
  const admission = await bench.gate.admit(requestOf(text))
  assert.ok(admission.type === 'forward')
  return admission.call
}

/** What another run finds in the log of a bench. */
async function fold(bench: GateBench, policy: Policy, unknown = new UnknownOutcomes()) {
  const trust = new Trust([{ writer: 'gateway/*', key: bench.key.publicKey.toString('base64url') }])
  const eventLog = new MemoryLog({ storage: bench.storage })
  const options = { eventLog, log: 'test', trust, writer: 'gateway/files', ownChain: 'none', policy, nowMs: Date.now() }
  const counters = await foldHistory(options, unknown)
  await eventLog.close()
  return counters
}

describe('a rate limit', () => {
  it('lets exactly so many calls through, when all come at once', async () => {
    const bench = new GateBench({ policy: rate })
    const outcomes = await admitAll(bench, 6)
    assert.deepEqual(outcomes.toSorted(), [
      'forward',
      'forward',
      'rate_limit',
      'rate_limit',
      'rate_limit',
      'rate_limit',
    ])
    await bench.chainWriter.close()
  })

  it('does not count a call that could not be recorded', async () => {
    const faults: Fault[] = ['none', 'unavailable', 'unavailable']
    const bench = new GateBench({ policy: rate, fault: () => faults.shift() ?? 'none' })
    const outcomes: string[] = []
    for (let call = 0; call < 5; call += 1) outcomes.push(outcomeOf(await bench.gate.admit(requestOf())))
    assert.equal(outcomes.filter((outcome) => outcome === 'forward').length, 2)
    await bench.chainWriter.close()
  })

  it('does not count a call that was not forwarded', async () => {
    const bench = new GateBench({ policy: rate })
    const call = await openCall(bench)
    await bench.gate.settle(call, { status: 'not_forwarded' })
    assert.deepEqual(await admitAll(bench, 3), ['forward', 'forward', 'rate_limit'])
    await bench.chainWriter.close()
  })

  it('is known again after a restart, less what was not forwarded', async () => {
    const bench = new GateBench({ policy: rate })
    await bench.gate.settle(await openCall(bench), { status: 'ok' })
    await bench.gate.settle(await openCall(bench), { status: 'not_forwarded' })
    const counters = await fold(bench, rate)
    const name = counterName('r', { type: 'rate_limit', by: 'session' }, 's')
    assert.equal(counters.used(name, 3_600_000, Date.now()), 1)
    await bench.chainWriter.close()
  })
})

describe('a budget', () => {
  const name = counterName('b', { type: 'budget', by: 'tool' }, JSON.stringify(['files', 'read_file']))
  const used = async (record: 'redacted' | 'commitment'): Promise<number> => {
    const bench = new GateBench({ policy: budget, record: { arguments: record } })
    await bench.gate.settle(await openCall(bench, '{"amount":2.5}'), { status: 'ok' })
    const counters = await fold(bench, budget)
    await bench.chainWriter.close()
    return counters.used(name, 3_600_000, Date.now())
  }

  it('is read back from what was recorded of the arguments', async () =>
    assert.equal(await used('redacted'), 2_500_000))
  it('counts as used up, where nothing was recorded', async () => assert.equal(await used('commitment'), 10_000_000))

  it('denies numbers that a server may read otherwise', async () => {
    const bench = new GateBench({ policy: budget })
    const request = requestOf('{"amount":1.00000000000000000001}')
    assert.equal(outcomeOf(await bench.gate.admit(request)), 'constraint_argument')
    await bench.chainWriter.close()
  })
})

describe('a repeat of a call whose outcome is unknown', () => {
  it('is escalated, and not once the outcome is known', async () => {
    const bench = new GateBench({ policy: repeat })
    await bench.gate.settle(await openCall(bench), { status: 'upstream_lost' })
    assert.equal(outcomeOf(await bench.gate.admit(requestOf())), 'approval_pending')
    assert.equal(bench.eventsOf('approval/requested')[0]?.reason, 'ambiguous_repeat')
    assert.equal(outcomeOf(await bench.gate.admit(requestOf('{"path":"/b"}'))), 'forward')
    await bench.chainWriter.close()
  })

  it('is known after a restart, when the call has no receipt', async () => {
    const bench = new GateBench({ policy: repeat })
    const { context } = await openCall(bench)
    const unknown = new UnknownOutcomes()
    await fold(bench, repeat, unknown)
    const propose = bench.eventsOf('authorization/propose')[0]
    const identity = { ...context, argumentsDigest: propose?.argumentsDigest ?? '' }
    assert.equal(unknown.has(identity, Date.now()), true)
    assert.equal(unknown.has({ ...identity, tool: 'another' }, Date.now()), false)
    await bench.chainWriter.close()
  })
})

describe('historyWindowMs', () => {
  it('is nothing for a policy that needs no history', () => {
    assert.equal(historyWindowMs(policyOf({ action: 'allow' })), 0)
    assert.equal(historyWindowMs(rate), 3_600_000)
  })
})
