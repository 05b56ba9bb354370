// The kill switch over a real log: recorded in the API's chain, published on `control`, seen by every gateway.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ControlReader } from '../../events/control-reader.ts'
import { findStop } from '../../events/switch-scope.ts'
import { type ApiHarness, LOG_NAME, startApiHarness } from '../support/api-harness.ts'
import { problemOf } from '../support/problem.ts'
import { until } from '../support/until.ts'

let harness: ApiHarness
before(async () => {
  harness = await startApiHarness()
})
after(() => harness.close())

type Turn = 'stop' | 'resume'

function turn(what: Turn, body: object, scopes?: readonly ['read']): Promise<Response> {
  const init = { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  return harness.request(`/v1/switches/${what}`, scopes === undefined ? init : { ...init, scopes })
}

async function listed(): Promise<readonly { scope: string; state: string; by: string; reason: string }[]> {
  return ((await (await harness.request('/v1/switches')).json()) as { items: [] }).items
}

async function turned(what: Turn, scope: string, state: string): Promise<void> {
  assert.equal((await turn(what, { scope, reason: 'incident 7' })).status, 200)
  await until(async () => (await listed()).some((each) => each.scope === scope && each.state === state))
}

describe('/v1/switches', () => {
  it('stops every gateway that reads control, in the name of the token', async () => {
    await turned('stop', 'server:files', 'stopped')
    const { eventLog, trust } = harness.dependencies
    const gateway = new ControlReader({ eventLog, log: LOG_NAME, trust })
    await gateway.start()
    const stop = findStop(gateway.view, { server: 'files', principal: 'agent:a' })
    await gateway.stop()
    assert.deepEqual([stop?.by, stop?.reason], ['user:ann', 'incident 7'])
  })

  it('is in the status, beside the rules that are live', async () => {
    await turned('stop', 'server:shown', 'stopped')
    type Status = { readonly stopped: readonly { scope: string; by: string }[]; readonly liveRules: number }
    const status = async (): Promise<Status> => (await (await harness.request('/v1/status')).json()) as Status
    const { stopped, liveRules } = await status()
    assert.deepEqual(stopped.find(({ scope }) => scope === 'server:shown')?.by, 'user:ann')
    assert.equal(liveRules, 0)
    await turned('resume', 'server:shown', 'resumed')
    assert.ok(!(await status()).stopped.some(({ scope }) => scope === 'server:shown'))
  })

  it('resumes what is stopped, and nothing else', async () => {
    await turned('stop', 'all', 'stopped')
    await turned('resume', 'all', 'resumed')
    assert.match((await problemOf(await turn('resume', { scope: 'all', reason: 'x' }), 409)).message, /not stopped/)
  })

  it('needs a reason, a scope and the right to operate', async () => {
    await problemOf(await turn('stop', { scope: 'all', reason: ' ' }), 400)
    await problemOf(await turn('stop', { scope: 'everything', reason: 'x' }), 400)
    await problemOf(await turn('stop', { scope: 'all', reason: 'x' }, ['read']), 403)
  })
})
