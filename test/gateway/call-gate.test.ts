// Nothing runs unrecorded: whatever the log does, a call is forwarded only after its decision is durable.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Admission, MAX_OPEN_CALLS, type OpenCall } from '../../gateway/call-gate.ts'
import { Gate } from '../support/gate.ts'
import { GateBench, requestOf, ruleOf, viewOf } from '../support/gate-bench.ts'
import type { Fault } from '../support/memory-log.ts'
import { policyOf } from './policy/support.ts'

const policy = policyOf(
  { tool: 'delete_*', action: 'deny' },
  { tool: 'ask_*', action: 'escalate' },
  { action: 'allow' },
)

function reasonOf(admission: Admission): string {
  return admission.type === 'forward' ? 'forward' : admission.decision.reason
}

async function forwarded(bench: GateBench): Promise<OpenCall> {
  const admission = await bench.gate.admit(requestOf())
  assert.ok(admission.type === 'forward')
  return admission.call
}

/** Resolves when something holds, a turn of the event loop at a time. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

describe('an allowed call', () => {
  it('is forwarded when propose and decide are durable, tied by hash, in one append', async () => {
    const bench = new GateBench({ policy })
    const call = await forwarded(bench)
    const [propose, decide] = bench.events.slice(-2)
    assert.deepEqual([propose?.type, decide?.type], ['authorization/propose', 'authorization/decide'])
    assert.ok(decide?.type === 'authorization/decide' && propose !== undefined)
    assert.equal(decide.parent, decide.previous)
    assert.equal(call.context.call, decide.call)
    await bench.chainWriter.close()
  })

  it('is not forwarded before the log has answered', async () => {
    const gate = new Gate()
    gate.close()
    const bench = new GateBench({ policy, fault: () => gate.pass().then(() => 'none' as const) })
    let isForwarded = false
    const admitted = bench.gate.admit(requestOf()).then((admission) => {
      isForwarded = admission.type === 'forward'
    })
    await until(() => gate.arrivals === 1)
    assert.equal(isForwarded, false)
    gate.open()
    await admitted
    assert.equal(isForwarded, true)
    await bench.chainWriter.close()
  })

  it('is settled when its receipt is durable, however often the log fails before', async () => {
    const faults: Fault[] = ['none', 'unavailable', 'lost', 'written']
    const bench = new GateBench({ policy, fault: () => faults.shift() ?? 'none' })
    const call = await forwarded(bench)
    await bench.gate.settle(call, { status: 'ok', resultBytes: Buffer.from('{}'), resultValue: {} })
    const receipt = bench.eventsOf('authorization/receipt').at(-1)
    assert.equal(receipt?.parent, call.decideHash)
    assert.equal(receipt?.status, 'ok')
    await bench.chainWriter.close()
  })
})

describe('a call that is not allowed', () => {
  it('is refused once that is durable, with the policy’s reason', async () => {
    const bench = new GateBench({ policy })
    assert.equal(reasonOf(await bench.gate.admit(requestOf('{}', 'delete_file'))), 'policy_rule')
    assert.equal(reasonOf(await bench.gate.admit(requestOf('{}', 'ask_human'))), 'approval_pending')
    assert.deepEqual(
      bench.eventsOf('authorization/decide').map(({ decision }) => decision),
      ['deny', 'escalate', 'deny'],
    )
    await bench.chainWriter.close()
  })

  it('is refused where no policy could be loaded', async () => {
    const bench = new GateBench({ policy: undefined })
    assert.equal(reasonOf(await bench.gate.admit(requestOf())), 'policy_missing')
    await bench.chainWriter.close()
  })
})

describe('a log that fails', () => {
  const table: readonly (readonly [fault: Fault, reason: string])[] = [
    ['unavailable', 'log_unavailable'],
    ['full', 'log_full'],
    ['lost', 'log_unavailable'],
    ['written', 'log_unavailable'],
    ['defect', 'log_unavailable'],
  ]
  for (const [fault, reason] of table) {
    it(`denies the call and closes what came late: ${fault}`, async () => {
      let isBroken = true
      const bench = new GateBench({ policy, fault: () => (isBroken ? fault : 'none') })
      assert.equal(reasonOf(await bench.gate.admit(requestOf())), reason)
      isBroken = false
      await until(() => !bench.chainWriter.isInDoubt)
      const next = await bench.gate.admit(requestOf())
      assert.ok(next.type === 'forward')
      await bench.gate.settle(next.call, { status: 'ok' })
      await bench.chainWriter.close()
      const allowed = bench.eventsOf('authorization/decide').map(({ call }) => call)
      const receipts = bench.eventsOf('authorization/receipt')
      assert.deepEqual(new Set(receipts.map(({ call }) => call)), new Set(allowed))
      const { context } = next.call
      assert.ok(
        receipts.every(({ call, status }) => (call === context.call ? status === 'ok' : status === 'not_forwarded')),
      )
    })
  }

  it('that hangs denies at its deadline, and the late commit is closed by not_forwarded', async () => {
    const gate = new Gate()
    gate.close()
    const bench = new GateBench({ policy, fault: () => gate.pass().then(() => 'none' as const) })
    const refused = await bench.gate.admit(requestOf())
    gate.open()
    assert.equal(reasonOf(refused), 'log_unavailable')
    await until(() => bench.eventsOf('authorization/receipt').length === 1)
    assert.equal(bench.eventsOf('authorization/receipt')[0]?.status, 'not_forwarded')
    await bench.chainWriter.close()
  })

  it('that takes a refused call while the run ends has it closed before the chain is', async () => {
    let isHanging = true
    const gate = new Gate()
    gate.close()
    const bench = new GateBench({ policy, fault: () => (isHanging ? gate.pass().then(() => 'written') : 'none') })
    assert.equal(reasonOf(await bench.gate.admit(requestOf())), 'log_unavailable')
    const closed = bench.chainWriter.close()
    isHanging = false
    gate.open()
    await closed
    const types = bench.events.map(({ type }) => type)
    assert.deepEqual(types.slice(-2), ['authorization/receipt', 'writer/close'])
  })

  it('leaves no call open once the run has ended: it is refused as stopping', async () => {
    const bench = new GateBench({ policy })
    await bench.chainWriter.close()
    assert.equal(reasonOf(await bench.gate.admit(requestOf())), 'stopping')
  })
})

describe('a rule that arrives', () => {
  it('while the decision is on its way to the log counts: nothing is forwarded, the receipt says so', async () => {
    const gate = new Gate()
    gate.close()
    const bench = new GateBench({ policy, fault: () => gate.pass().then(() => 'none' as const) })
    const admitted = bench.gate.admit(requestOf())
    await until(() => gate.arrivals === 1)
    bench.control = viewOf(ruleOf())
    gate.open()
    assert.equal(reasonOf(await admitted), 'adaptive_rule')
    assert.deepEqual(
      bench.eventsOf('authorization/receipt').map(({ status }) => status),
      ['not_forwarded'],
    )
    await bench.chainWriter.close()
  })

  it('before the first decision is waited for: control is read first', async () => {
    let isRead: () => void = () => undefined
    const ready = new Promise<void>((resolve) => {
      isRead = resolve
    })
    const bench = new GateBench({ policy, ready })
    const admitted = bench.gate.admit(requestOf())
    bench.control = viewOf(ruleOf())
    isRead()
    assert.equal(reasonOf(await admitted), 'adaptive_rule')
    await bench.chainWriter.close()
  })
})

describe('too many open calls', () => {
  it('are refused at once, without a word to the log', async () => {
    const bench = new GateBench({ policy, ready: new Promise(() => undefined) })
    for (let count = 0; count < MAX_OPEN_CALLS; count++) void bench.gate.admit(requestOf())
    assert.equal(reasonOf(await bench.gate.admit(requestOf())), 'too_many_calls')
    await bench.chainWriter.close()
  })
})

describe('a call whose receipt is lost with the run', () => {
  it('is not under way any more', async () => {
    const bench = new GateBench({ policy })
    const calls: OpenCall[] = []
    while (calls.length < MAX_OPEN_CALLS)
      calls.push(...(await Promise.all(Array.from({ length: 50 }, () => forwarded(bench)))))
    assert.equal(reasonOf(await bench.gate.admit(requestOf())), 'too_many_calls')
    await bench.chainWriter.close()
    for (const call of calls) await assert.rejects(bench.gate.settle(call, { status: 'ok' }))
    assert.equal(reasonOf(await bench.gate.admit(requestOf())), 'stopping')
  })
})

describe('what is recorded', () => {
  const secret = 'ghp_abcdefghijklmnopqrstuvwxyz0123456789'
  const text = `{"path":"/private/plan.txt","token":"${secret}"}`
  const choices = { full: text, redacted: /\[redacted: /, commitment: '' } as const

  for (const [choice, expected] of Object.entries(choices)) {
    it(`of arguments and results, when it is ${choice}, stands beside the body and never in it`, async () => {
      const record = { arguments: choice, results: choice } as { arguments: 'full'; results: 'full' }
      const bench = new GateBench({ policy, record })
      const admission = await bench.gate.admit(requestOf(text))
      assert.ok(admission.type === 'forward')
      await bench.gate.settle(admission.call, {
        status: 'ok',
        resultBytes: Buffer.from(text),
        resultValue: JSON.parse(text),
      })
      for (const type of ['authorization/propose', 'authorization/receipt'] as const) {
        const recorded = bench.recordedBeside(type)
        if (typeof expected === 'string') assert.equal(recorded, expected)
        else assert.ok(expected.test(recorded) && !recorded.includes(secret))
      }
      const bodies = bench.storage.records('events').map(({ value }) => Buffer.from(value).toString())
      assert.ok(bodies.every((body) => !body.includes('plan.txt') && !body.includes(secret)))
      await bench.chainWriter.close()
    })
  }

  it('is cut at the limit, and says so', async () => {
    const bench = new GateBench({ policy, record: { arguments: 'full', maxBytes: 5 } })
    await bench.gate.admit(requestOf())
    assert.equal(bench.recordedBeside('authorization/propose'), '{"pat')
    assert.equal(bench.eventsOf('authorization/propose')[0]?.arguments.record, 'cut')
    await bench.chainWriter.close()
  })
})
