// Approvals from the gateway that asks over log, ledger and API to the gateway that goes on; and everything that an agent, or
// whoever can write to `control`, could try instead of a person. One chDB for the whole file, which makes it slow.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Scope } from '../../api/token-file.ts'
import { toControlRecord } from '../../events/control-record.ts'
import type { ControlWriter } from '../../events/control-writer.ts'
import type { EventDraft, EventOf } from '../../events/event.ts'
import { generateKey } from '../../events/keys.ts'
import { APPEND_DEADLINE_MS } from '../../events/log.ts'
import type { Admission, GovernedRequest } from '../../gateway/call-gate.ts'
import type { GatewayRun } from '../../gateway/start.ts'
import { Withdrawal } from '../../gateway/withdrawal.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import { policyOf } from '../gateway/policy/support.ts'
import { LOG_NAME } from '../support/api-harness.ts'
import { endOf } from '../support/approval-bench.ts'
import { ApprovalStage } from '../support/approval-stage.ts'
import { requestOf } from '../support/gate-bench.ts'
import { problemOf } from '../support/problem.ts'
import { until } from '../support/until.ts'

interface Approval {
  readonly approval: string
  readonly state: string
  readonly call: string
  readonly tool: string
  readonly text: string
  readonly answer?: { readonly by: string; readonly via: string; readonly reason: string }
  readonly used?: { readonly call: string }
  readonly withdrawn?: { readonly reason: string }
  readonly arguments?: { readonly state: string; readonly text: string }
}

const OWN = 'agent:ann-laptop'
let stage: ApprovalStage
let gateway: GatewayRun
before(async () => {
  const asking = { action: 'escalate', reason: 'writes need a person' }
  const policy = policyOf(
    { id: 'own', tool: 'own_*', ...asking, approval: { hold: '1m', elicit: true } },
    { id: 'ask', ...asking, approval: { hold: '1m' } },
  )
  stage = await ApprovalStage.open({ policy, settings: { approvals: { owners: { 'agent:ann-*': ['user:ann'] } } } })
  gateway = stage.gateway()
})
after(() => stage.close())

let calls = 0
/** A call that nobody made before, in a session of its own. */
function newRequest(principal = 'agent:a@host', tool = 'write_file'): GovernedRequest {
  const text = JSON.stringify({ number: ++calls, token: 'ghp_abcdefghijklmnopqrstuvwxyz0123456789' })
  const request = requestOf(text, tool)
  return { ...request, connection: { ...request.connection, principal, session: `s${calls}` } }
}

interface Held {
  readonly request: GovernedRequest
  readonly admission: Promise<Admission>
  readonly id: string
  readonly withdrawal: Withdrawal
}

async function hold(request = newRequest(), run = gateway): Promise<Held> {
  const withdrawal = new Withdrawal()
  const admission = run.gate.admit(request, { withdrawal, bytes: 100 })
  const { session } = request.connection
  await until(async () => (await list(`?state=pending&session=${session}`)).length === 1)
  const [found] = await list(`?session=${session}`)
  return { request, admission, withdrawal, id: found?.approval ?? '' }
}

async function list(query = ''): Promise<readonly Approval[]> {
  const response = await stage.harness.request(`/v1/approvals${query}`)
  const text = await response.text()
  assert.equal(response.status, 200, text)
  return (JSON.parse(text) as { items: readonly Approval[] }).items
}

async function show(id: string, query = ''): Promise<Approval> {
  const response = await stage.harness.request(`/v1/approvals/${id}${query}`)
  assert.equal(response.status, 200)
  return (await response.json()) as Approval
}

function post(id: string, verdict: string, scopes?: readonly Scope[]): Promise<Response> {
  const init = { method: 'POST', body: '{"reason":"looks right"}', headers: { 'content-type': 'application/json' } }
  return stage.harness.request(`/v1/approvals/${id}/${verdict}`, scopes === undefined ? init : { ...init, scopes })
}

async function untilState(id: string, state: string): Promise<Approval> {
  await until(async () => (await show(id)).state === state)
  return show(id)
}

describe('an approval', () => {
  it('lets the call through that waits, and says who answered and how', async () => {
    const { admission, id } = await hold()
    const { by, via } = (await (await post(id, 'approve')).json()) as { by: string; via: string }
    assert.equal(await endOf(admission), 'forward')
    await untilState(id, 'used')
    // The answer stands in another chain, and may be stored after what came of it.
    await until(async () => (await show(id)).answer !== undefined)
    const { answer, used, call } = await show(id)
    assert.deepEqual([answer?.by, answer?.via, answer?.reason, used?.call], [by, via, 'looks right', call])
    assert.match(via, /^token [0-9a-f-]{36}$/)
  })

  it('denied, refuses the call with the approver’s words', async () => {
    const { admission, id } = await hold()
    await post(id, 'deny')
    const refused = await admission
    assert.ok(refused.type === 'refuse' && refused.decision.text.includes('looks right'))
    const { answer } = await untilState(id, 'denied')
    assert.equal(answer?.by, 'user:ann')
  })

  it('is answered once', async () => {
    const { admission, id } = await hold()
    const statuses = await Promise.all([post(id, 'approve'), post(id, 'deny')])
    assert.deepEqual(statuses.map(({ status }) => status).sort(), [200, 409])
    await admission
    await problemOf(await post(id, 'approve'), 409)
  })

  it('that was withdrawn can not be answered', async () => {
    const { admission, id, withdrawal } = await hold()
    withdrawal.cancel()
    assert.equal(await endOf(admission), 'approval_withdrawn')
    assert.match((await untilState(id, 'withdrawn')).withdrawn?.reason ?? '', /cancelled/)
    await problemOf(await post(id, 'approve'), 409)
  })

  it('shows what lets a person judge: what was recorded of the arguments, after the look was recorded', async () => {
    const { admission, id, withdrawal } = await hold()
    const { tool, text, arguments: shown } = await show(id, '?arguments=true')
    assert.deepEqual([tool, text, shown?.state], ['write_file', 'writes need a person', 'recorded'])
    assert.match(shown?.text ?? '', /"number":\d+,"token":"\[redacted/)
    await until(async () => (await (await stage.harness.request('/v1/events')).text()).includes(`approval ${id}`))
    withdrawal.cancel()
    await admission
  })

  it('is found by state, tool and principal, page by page', async () => {
    const held = [await hold(newRequest('agent:pages')), await hold(newRequest('agent:pages'))]
    const first = await stage.harness.request('/v1/approvals?principal=agent:pages&limit=1')
    const { items, next } = (await first.json()) as { items: readonly Approval[]; next: string }
    const second = await list(`?principal=agent:pages&limit=1&cursor=${next}`)
    assert.deepEqual(
      [...items, ...second].map(({ approval }) => approval),
      held.map(({ id }) => id).reverse(),
    )
    assert.deepEqual(await list('?principal=agent:pages&state=approved'), [])
    for (const { withdrawal } of held) withdrawal.cancel()
    await until(async () => (await list('?principal=agent:pages&state=withdrawn')).length === 2)
  })
})

describe('an answer of the user at the client', () => {
  it('is shown as one, and verification takes it for the approval that it is', async () => {
    const request = newRequest('agent:a@host', 'own_note')
    const waiter = { withdrawal: new Withdrawal(), bytes: 100, elicit: async () => 'approve' as const }
    const admission = await gateway.gate.admit(request, waiter)
    assert.ok(admission.type === 'forward')
    await gateway.gate.settle(admission.call, { status: 'ok' })
    const { session } = request.connection
    await until(async () => (await list(`?state=used&session=${session}`)).length === 1)
    const [shown] = await list(`?session=${session}`)
    assert.deepEqual([shown?.answer?.by, shown?.answer?.via], ['client:inspector/1', 'elicitation'])
    const { trust } = stage.harness.dependencies
    const { violations } = await verifyLedger({ store: stage.store, log: LOG_NAME, trust })
    assert.deepEqual(
      violations.filter(({ code }) => code.startsWith('verdict') || code.includes('approv')),
      [],
    )
  })
})

describe('who may answer', () => {
  it('is whoever has the scope approve, and nobody else', async () => {
    const { admission, id, withdrawal } = await hold()
    await problemOf(await post(id, 'approve', ['read', 'operate', 'admin']), 403)
    await problemOf(await stage.harness.request(`/v1/approvals/${id}?arguments=true`, { scopes: ['read'] }), 403)
    withdrawal.cancel()
    await admission
  })

  it('is not the person whose agent asks, and the attempt is recorded', async () => {
    const { admission, id, withdrawal } = await hold(newRequest(OWN))
    assert.match((await problemOf(await post(id, 'approve'), 403)).message, /agent of user:ann/)
    await until(async () => (await (await stage.harness.request('/v1/events?type=access/denied')).text()).includes(id))
    withdrawal.cancel()
    await admission
  })
})

type Verdict = EventOf<'approval/verdict'>

async function verdictFor(id: string, change: Partial<Verdict> = {}): Promise<(revision: number) => EventDraft> {
  const response = await stage.harness.request(`/v1/events?type=approval/requested`)
  const { items } = (await response.json()) as { items: readonly { event: EventOf<'approval/requested'> }[] }
  const asked = items.find(({ event }) => event.approval === id)?.event
  assert.ok(asked)
  const { approval, argumentsDigest, policy, principal, server, tool, expiresAt } = asked
  const bound = { approval, argumentsDigest, policy, principal, server, tool, expiresAt }
  const by = { by: 'user:ann', via: 'token 1', reason: 'forged' }
  return (revision) => ({ type: 'approval/verdict', revision, verdict: 'approve', ...bound, ...by, ...change })
}

/** Publishes past the API, as whoever holds a key that gateways trust for the API could. */
async function publish(draft: (revision: number) => EventDraft): Promise<void> {
  const { operator } = stage.harness.dependencies
  await (operator.controlWriter as ControlWriter).publish(draft)
}

/** Resolves once the gateway has said why it did not honour a record about an approval. */
async function refusal(id: string, reason: RegExp): Promise<void> {
  interface Refused {
    readonly subject: string
    readonly reason: string
  }
  await until(async () => {
    const response = await stage.harness.request('/v1/events?type=control/refused')
    const { items } = (await response.json()) as { items: readonly { event: Refused }[] }
    return items.some(({ event }) => event.subject === `approval/${id}` && reason.test(event.reason))
  })
}

describe('a verdict on control', () => {
  it('that a stranger, or the gateway’s own key, signed is not honoured', async () => {
    const { admission, id, withdrawal } = await hold()
    const draft = await verdictFor(id)
    const writer = stage.harness.strangerWriter('api/main', generateKey())
    const appended = await writer.append([{ draft: draft(1_000) }], { last: true })
    const record = toControlRecord(appended)
    const options = { deadlineMs: APPEND_DEADLINE_MS, chain: writer.chain }
    await stage.harness.eventLog.append('control', [record], options)
    await refusal(id, /no trusted key/)
    assert.equal((await show(id)).state, 'pending')
    withdrawal.cancel()
    assert.equal(await endOf(admission), 'approval_withdrawn')
    await assert.rejects(stage.harness.writer('gateway/other').append([{ draft: draft(1_001) }]))
  })

  const changes: Readonly<Record<string, Partial<Verdict>>> = {
    'under an older policy': { policy: 'a'.repeat(64) },
    'for other arguments': { argumentsDigest: 'b'.repeat(64) },
    'for another tool': { tool: 'delete_file' },
    'for another principal': { principal: 'agent:b@host' },
  }
  for (const [name, change] of Object.entries(changes))
    it(`${name} lets nothing through`, async () => {
      const { admission, id, withdrawal } = await hold()
      await publish(await verdictFor(id, change))
      await refusal(id, /another call/)
      withdrawal.cancel()
      assert.equal(await endOf(admission), 'approval_withdrawn')
    })

  it('that was used lets no second call through, said again or not', async () => {
    const { admission, id, request } = await hold()
    const draft = await verdictFor(id)
    await post(id, 'approve')
    assert.equal(await endOf(admission), 'forward')
    await publish(draft)
    await refusal(id, /used already/)
    assert.equal(await endOf(gateway.gate.admit(request)), 'approval_pending')
  })

  it('of another session’s approval, or of another gateway’s, is for that one alone', async () => {
    const [mine, other] = [await hold(), await hold(newRequest(), stage.gateway('mail'))]
    await post(other.id, 'approve')
    assert.equal(await endOf(other.admission), 'forward')
    mine.withdrawal.leave()
    assert.equal(await endOf(mine.admission), 'approval_pending')
    assert.equal(await endOf(gateway.gate.admit(mine.request)), 'approval_pending')
  })

  it('for a run that has ended is not honoured by the next one', async () => {
    const run = stage.gateway('files')
    const { admission, id, request } = await hold(newRequest(), run)
    await run.stop()
    await admission
    await untilState(id, 'withdrawn')
    await publish(await verdictFor(id))
    const next = stage.gateway('files')
    assert.equal(await endOf(next.gate.admit(request)), 'approval_pending')
  })
})
