// Operators' rules over a real log: recorded in the API's chain, published on `control`, seen by every reader.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Scope } from '../../api/token-file.ts'
import { ControlReader } from '../../events/control-reader.ts'
import { liveRules } from '../../events/control-view.ts'
import { MAX_RULES_PER_PRINCIPAL } from '../../events/rule.ts'
import { type ApiHarness, LOG_NAME, startApiHarness } from '../support/api-harness.ts'
import { problemOf } from '../support/problem.ts'
import { until } from '../support/until.ts'

let harness: ApiHarness
before(async () => {
  harness = await startApiHarness()
})
after(() => harness.close())

interface RuleBody {
  readonly id: string
  readonly remainingSeconds: number
  readonly cause: { readonly operator: string }
  readonly event: string
}

const rule = { scope: { session: 'talk' }, tool: 'write_file', action: 'deny', expiresIn: 600, reason: 'odd writes' }

async function post(path: string, body: object, scopes: readonly Scope[] = []): Promise<Response> {
  return harness.request(path, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
    scopes,
  })
}

async function add(fields: object = {}): Promise<RuleBody> {
  const response = await post('/v1/rules', { ...rule, ...fields })
  assert.equal(response.status, 201)
  const added = (await response.json()) as RuleBody
  await until(() => harness.dependencies.operator.controlReader.view.subjects.has(`rule/${added.id}`))
  return added
}

async function listed(): Promise<readonly RuleBody[]> {
  const response = await harness.request('/v1/rules')
  return ((await response.json()) as { items: RuleBody[] }).items
}

describe('operator rules', () => {
  it('reach another reader of control, in the name of the token that added them', async () => {
    const added = await add()
    assert.equal(added.cause.operator, 'user:ann')
    const { eventLog, trust } = harness.dependencies
    const gateway = new ControlReader({ eventLog, log: LOG_NAME, trust })
    await gateway.start()
    const found = liveRules(gateway.view, harness.dependencies.clock.nowMicros()).find(({ id }) => id === added.id)
    await gateway.stop()
    assert.deepEqual([found?.tool, found?.action, found?.reason], ['write_file', 'deny', 'odd writes'])
  })

  it('are listed with the seconds that are left', async () => {
    const { id } = await add({ expiresIn: 90 })
    const found = (await listed()).find((each) => each.id === id)
    assert.ok(found !== undefined && found.remainingSeconds > 80 && found.remainingSeconds <= 90)
  })

  it('are gone when they are lifted, once', async () => {
    const { id } = await add()
    const lifted = await post(`/v1/rules/${id}/lift`, { reason: 'known work' })
    assert.equal(lifted.status, 200)
    assert.equal(((await lifted.json()) as { by: string }).by, 'user:ann')
    await until(async () => !(await listed()).some((each) => each.id === id))
    const again = await problemOf(await post(`/v1/rules/${id}/lift`, { reason: 'known work' }), 409)
    assert.match(again.message, /was lifted at .* by user:ann/)
  })

  it('are not lifted when there is no such rule', async () => {
    assert.equal(
      (await problemOf(await post(`/v1/rules/${'a'.repeat(64)}/lift`, { reason: 'x' }), 404)).code,
      'NOT_FOUND',
    )
  })

  it('are refused beyond what a gateway honours for one principal', async () => {
    const scope = { principal: 'agent:busy' }
    for (let count = 0; count < MAX_RULES_PER_PRINCIPAL; count++) await add({ scope })
    const refused = await problemOf(await post('/v1/rules', { ...rule, scope }), 409)
    assert.match(refused.where ?? '', /agent:busy/)
  })
})

describe('a rule that a person makes wider', () => {
  it('binds all sessions of its principal, with what it compares and whence it comes', async () => {
    const { id } = await add({ scope: { session: 'talk', principal: 'agent:wide', server: 'files' } })
    const promoted = await post(`/v1/rules/${id}/promote`, { to: 'principal', reason: 'it goes on' })
    assert.equal(promoted.status, 201)
    const made = (await promoted.json()) as RuleBody & { readonly scope: object; readonly tool: string }
    assert.deepEqual(made.scope, { principal: 'agent:wide', server: 'files' })
    assert.deepEqual([made.tool, made.cause.operator, made.remainingSeconds], ['write_file', 'user:ann', 3600])
  })

  it('binds everyone for a week where an admin says so', async () => {
    const { id } = await add()
    const wanted = { to: 'everyone', expiresIn: 7 * 24 * 3600, action: 'escalate', reason: 'a campaign' }
    const promoted = await post(`/v1/rules/${id}/promote`, wanted)
    assert.deepEqual(((await promoted.json()) as { scope: object }).scope, {})
    const tooLong = await post(`/v1/rules/${id}/promote`, { ...wanted, expiresIn: 7 * 24 * 3600 + 1 })
    assert.equal(tooLong.status, 400)
  })

  it('needs an admin for everyone, for longer than an hour, and to stay away for longer than a day', async () => {
    const { id } = await add({ scope: { session: 'talk', principal: 'agent:wide' } })
    for (const [step, body] of [
      ['promote', { to: 'everyone', reason: 'x' }],
      ['promote', { to: 'principal', expiresIn: 3601, reason: 'x' }],
      ['lift', { staysAwayHours: 25, reason: 'x' }],
    ] as const) {
      const refused = await problemOf(await post(`/v1/rules/${id}/${step}`, body, ['read', 'operate']), 403)
      assert.match(refused.message, /lacks the scope admin/)
    }
    const lifted = await post(`/v1/rules/${id}/lift`, { staysAwayHours: 48, reason: 'x' })
    const { liftedAt, staysAwayUntil } = (await lifted.json()) as { liftedAt: string; staysAwayUntil: string }
    assert.equal(Math.round((Date.parse(staysAwayUntil) - Date.parse(liftedAt)) / 3_600_000), 48)
  })

  it('is one in force that names a principal', async () => {
    assert.equal((await post(`/v1/rules/${'b'.repeat(64)}/promote`, { to: 'everyone', reason: 'x' })).status, 404)
    const { id } = await add()
    const refused = await problemOf(await post(`/v1/rules/${id}/promote`, { to: 'principal', reason: 'x' }), 409)
    assert.match(refused.message, /names no principal/)
  })
})
