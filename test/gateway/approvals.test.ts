// An escalated call waits for a person, and an answer lets exactly that call through, once, if nothing denies it by then.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { MAX_WAITING_PER_SESSION } from '../../gateway/approvals.ts'
import { ApprovalBench, endOf } from '../support/approval-bench.ts'
import { requestOf, ruleOf, stopOf, viewOf } from '../support/gate-bench.ts'
import { until } from '../support/until.ts'
import { policyOf } from './policy/support.ts'

let bench: ApprovalBench
beforeEach(() => {
  bench = new ApprovalBench()
})
afterEach(() => bench.close())

function decides(): readonly string[] {
  return bench.eventsOf('authorization/decide').map(({ decision, reason }) => `${decision} ${reason}`)
}

describe('a call that needs approval', () => {
  it('is recorded with what is asked, in one commit, and waits', async () => {
    await bench.held()
    const [propose, decide, asked] = bench.events.slice(-3)
    // With `writer/open` ahead of it.
    assert.equal(bench.storage.appends('events').at(-1)?.length, 4)
    assert.ok(decide?.type === 'authorization/decide' && asked?.type === 'approval/requested')
    assert.deepEqual([decide.parent, decide.approval], [propose && decide.previous, asked.approval])
    assert.equal(asked.parent, asked.previous)
  })

  it('is forwarded once approved, by a decide that says who and how', async () => {
    const call = await bench.held()
    assert.equal(bench.answer('approve'), undefined)
    assert.equal(await endOf(call), 'forward')
    assert.deepEqual(decides(), ['escalate needs_approval', 'allow approved'])
    const [first, second] = bench.eventsOf('authorization/decide')
    const { approver, via, approval, rule } = second ?? {}
    assert.deepEqual([approver, via, approval, rule], ['user:ann', 'token 1', bench.asked[0]?.approval, 'ask'])
    assert.deepEqual([second?.parent, second?.call], [first?.parent, first?.call])
  })

  it('is refused once denied, and so are its repeats, without asking again', async () => {
    const call = await bench.held()
    bench.answer('deny', { reason: 'not on Sundays' })
    const admission = await call.admission
    assert.ok(admission.type === 'refuse' && admission.decision.reason === 'approval_denied')
    assert.match(admission.decision.text, /not on Sundays/)
    assert.equal(await endOf(bench.call()), 'approval_denied')
    assert.equal(bench.asked.length, 1)
  })

  it('does not keep other calls waiting', async () => {
    const mixed = new ApprovalBench({ policy: policyOf({ tool: 'ask_*', action: 'escalate' }, { action: 'allow' }) })
    await mixed.held(requestOf('{}', 'ask_it'))
    assert.equal(await endOf(mixed.call(requestOf('{}', 'read_it'))), 'forward')
    await mixed.close()
  })
})

describe('a call whose client does not wait', () => {
  it('is told to come again, and its repeat uses the approval at once, and once', async () => {
    assert.equal(await endOf(bench.gate.admit(requestOf())), 'approval_pending')
    bench.answer('approve')
    assert.equal(await endOf(bench.gate.admit(requestOf())), 'forward')
    assert.deepEqual(decides().slice(1), ['deny approval_pending', 'allow approved'])
    assert.equal(await endOf(bench.gate.admit(requestOf())), 'approval_pending')
    assert.equal(bench.asked.length, 2)
  })

  it('asks once, however often it comes', async () => {
    for (let count = 0; count < 3; count++) await bench.gate.admit(requestOf())
    assert.equal(bench.asked.length, 1)
  })

  it('joins the same question while it waits; one answer lets one call through', async () => {
    const [first, second] = [await bench.held(), await bench.held()]
    bench.answer('approve')
    assert.deepEqual([await endOf(first), await endOf(second)], ['forward', 'approval_used'])
  })
})

describe('an approval', () => {
  const { connection } = requestOf()
  const others = {
    'other arguments': requestOf('{"path":"/a" }'),
    'another tool': requestOf('{"path":"/a"}', 'write_file'),
    'another method': { ...requestOf(), method: 'prompts/get' },
    'another principal': { ...requestOf(), connection: { ...connection, principal: 'agent:b@host' } },
    'another server': { ...requestOf(), connection: { ...connection, server: 'mail' } },
  }
  for (const [name, request] of Object.entries(others))
    it(`is not for ${name}`, async () => {
      await bench.gate.admit(requestOf())
      bench.answer('approve')
      assert.equal(await endOf(bench.gate.admit(request)), 'approval_pending')
      assert.equal(await endOf(bench.gate.admit(requestOf())), 'forward')
    })

  it('is honoured by the run that asked alone', async () => {
    const other = new ApprovalBench()
    await bench.gate.admit(requestOf())
    await other.gate.admit(requestOf())
    other.answer('approve', { approval: bench.asked[0]?.approval ?? '' })
    assert.equal(await endOf(other.gate.admit(requestOf())), 'approval_pending')
    await other.close()
  })

  it('expires, asked or given', async () => {
    bench.policy = policyOf({ action: 'escalate', approval: { hold: '1s', timeout: '1s' } })
    assert.equal(await endOf(await bench.held()), 'approval_expired')
    assert.match(bench.answer('approve') ?? '', /expired/)
    assert.equal(await endOf(bench.gate.admit(requestOf())), 'approval_pending')
    assert.equal(bench.asked.length, 2)
  })
})

describe('what changed while a call waited', () => {
  const rest = { id: 'ask', action: 'escalate', approval: { hold: '1m' } }
  const changes: Readonly<Record<string, readonly [Partial<Pick<ApprovalBench, 'policy' | 'control'>>, string]>> = {
    'another policy': [{ policy: policyOf({ ...rest, reason: 'new' }) }, 'approval_void'],
    'a policy that denies': [{ policy: policyOf({ action: 'deny' }) }, 'policy_rule'],
    'no policy': [{ policy: undefined }, 'policy_missing'],
    'an adaptive rule': [{ control: viewOf(ruleOf()) }, 'adaptive_rule'],
    'a stopped server': [{ control: stopOf('server:files') }, 'switch_stopped'],
  }
  for (const [name, [change, reason]] of Object.entries(changes))
    it(`counts: ${name} bars the approved call`, async () => {
      const call = await bench.held()
      Object.assign(bench, change)
      bench.answer('approve')
      assert.equal(await endOf(call), reason)
      assert.equal(decides().at(-1), `deny ${reason}`)
      assert.equal(bench.eventsOf('authorization/receipt').length, 0)
    })

  it('counts for the repeat too, and an approval under an older policy is none', async () => {
    await bench.gate.admit(requestOf())
    bench.answer('approve')
    bench.policy = policyOf({ ...rest, reason: 'new' })
    assert.equal(await endOf(bench.gate.admit(requestOf())), 'approval_pending')
  })

  it('does not bar a call that another rule escalates as well', async () => {
    const call = await bench.held()
    bench.control = viewOf(ruleOf({ action: 'escalate' }))
    bench.answer('approve')
    assert.equal(await endOf(call), 'forward')
  })
})

describe('a limit', () => {
  it('is charged when the call is approved, and one that is used up bars it', async () => {
    const rule = {
      id: 'ask',
      action: 'escalate',
      approval: { hold: '1m' },
      rateLimit: { calls: 1, per: '1h', by: 'tool' },
    }
    bench.policy = policyOf(rule)
    const [first, second] = [await bench.held(requestOf('{"path":"/a"}')), await bench.held(requestOf('{"path":"/b"}'))]
    const [one, two] = bench.asked
    assert.ok(one && two)
    bench.answer('approve', { approval: one.approval, argumentsDigest: one.argumentsDigest, expiresAt: one.expiresAt })
    assert.equal(await endOf(first), 'forward')
    bench.answer('approve')
    assert.equal(await endOf(second), 'rate_limit')
  })
})

describe('a call that is cancelled while it waits', () => {
  it('is withdrawn with its question, is recorded, and no answer lets anything through', async () => {
    const call = await bench.held()
    call.withdrawal.cancel()
    assert.equal(await endOf(call), 'approval_withdrawn')
    assert.equal(bench.eventsOf('approval/withdrawn')[0]?.approval, bench.asked[0]?.approval)
    assert.match(bench.answer('approve') ?? '', /withdrawn already/)
    assert.equal(await endOf(bench.gate.admit(requestOf())), 'approval_pending')
  })

  it('leaves the question to another call that waits for it', async () => {
    const [first, second] = [await bench.held(), await bench.held()]
    first.withdrawal.cancel()
    await first.admission
    bench.answer('approve')
    assert.equal(await endOf(second), 'forward')
  })

  it('is told to come again where its client only left, and the question stays', async () => {
    const call = await bench.held()
    call.withdrawal.leave()
    assert.equal(await endOf(call), 'approval_pending')
    assert.equal(bench.answer('approve'), undefined)
    assert.equal(await endOf(bench.gate.admit(requestOf())), 'forward')
  })
})

describe('too many questions', () => {
  it(`are ${MAX_WAITING_PER_SESSION} of one session: the next is denied, and another session asks`, async () => {
    for (let count = 0; count < MAX_WAITING_PER_SESSION; count++) await bench.gate.admit(requestOf(`{"n":${count}}`))
    assert.equal(await endOf(bench.gate.admit(requestOf('{"n":99}'))), 'too_many_approvals')
    const { connection } = requestOf()
    const elsewhere = { ...requestOf('{"n":99}'), connection: { ...connection, session: 'other' } }
    assert.equal(await endOf(bench.gate.admit(elsewhere)), 'approval_pending')
  })

  it('are counted by the session that the client can not choose', async () => {
    const { connection } = requestOf()
    const traced = (count: number) => ({
      ...requestOf(`{"n":${count}}`),
      connection: { ...connection, session: `trace:${count}`, origin: connection.session },
    })
    for (let count = 0; count < MAX_WAITING_PER_SESSION; count++) await bench.gate.admit(traced(count))
    assert.equal(await endOf(bench.gate.admit(traced(99))), 'too_many_approvals')
  })

  it('are not held where their messages are large, so that their client is heard meanwhile', async () => {
    assert.equal(await endOf(bench.call(requestOf(), 9 * 1024 * 1024)), 'approval_pending')
  })
})

describe('an answer', () => {
  const others = {
    'another tool': { tool: 'other' },
    'other arguments': { argumentsDigest: 'b'.repeat(64) },
    'another policy': { policy: 'c'.repeat(64) },
    'another principal': { principal: 'agent:b@host' },
    'a later end': { expiresAt: '2030-01-01T00:00:00.000000Z' },
  }
  for (const [name, change] of Object.entries(others))
    it(`that names ${name} is not honoured`, async () => {
      await bench.gate.admit(requestOf())
      assert.match(bench.answer('approve', change) ?? '', /another call/)
      assert.equal(await endOf(bench.gate.admit(requestOf())), 'approval_pending')
    })

  it('that comes again changes nothing, but a denial takes an unused approval back', async () => {
    await bench.gate.admit(requestOf())
    bench.answer('approve')
    assert.match(bench.answer('approve') ?? '', /approved already/)
    assert.equal(bench.answer('deny'), undefined)
    assert.match(bench.answer('approve') ?? '', /denied already/)
    assert.equal(await endOf(bench.gate.admit(requestOf())), 'approval_denied')
  })
})

describe('a log that fails', () => {
  it('when a call asks: it is refused, and the question is taken back', async () => {
    let isBroken = true
    const broken = new ApprovalBench({ fault: () => (isBroken ? 'unavailable' : 'none') })
    assert.equal(await endOf(broken.call()), 'log_unavailable')
    isBroken = false
    await until(() => broken.eventsOf('approval/withdrawn').length === 1)
    assert.equal(await endOf(broken.gate.admit(requestOf())), 'approval_pending')
    await broken.close()
  })

  it('when the approved call is recorded: nothing is forwarded, and the approval is gone', async () => {
    let isBroken = false
    const broken = new ApprovalBench({ fault: () => (isBroken ? 'unavailable' : 'none') })
    const call = await broken.held()
    isBroken = true
    broken.answer('approve')
    assert.equal(await endOf(call), 'log_unavailable')
    isBroken = false
    assert.equal(await endOf(broken.gate.admit(requestOf())), 'approval_pending')
    assert.equal(broken.asked.length, 2)
    await broken.close()
  })
})

describe('the end of a run', () => {
  it('takes back what still waits', async () => {
    await bench.gate.admit(requestOf())
    bench.escalation.end()
    await bench.chainWriter.close()
    assert.equal(bench.eventsOf('approval/withdrawn')[0]?.reason, 'the gateway ended')
    assert.match(bench.answer('approve') ?? '', /withdrawn already/)
  })
})
