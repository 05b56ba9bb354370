// Accepting a change of policy: recorded in the API's chain, published for that server and that change alone.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Scope } from '../../api/token-file.ts'
import { ControlReader } from '../../events/control-reader.ts'
import { policySubject } from '../../events/policy-subject.ts'
import { type ApiHarness, LOG_NAME, startApiHarness } from '../support/api-harness.ts'
import { problemOf } from '../support/problem.ts'

const [POLICY, REPLACES] = ['a'.repeat(64), 'b'.repeat(64)]
const CHANGE = { server: 'files', policy: POLICY, replaces: REPLACES, reason: 'read the diff' }
let harness: ApiHarness
before(async () => {
  harness = await startApiHarness()
})
after(() => harness.close())

function accept(body: object, scopes: readonly Scope[] = ['admin']): Promise<Response> {
  const init = { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  return harness.request('/v1/policies/accept', { ...init, scopes })
}

describe('POST /v1/policies/accept', () => {
  it('reaches gateways as the acceptance of this change, in the name of the token', async () => {
    assert.equal((await accept(CHANGE)).status, 200)
    const { eventLog, trust } = harness.dependencies
    const gateway = new ControlReader({ eventLog, log: LOG_NAME, trust })
    await gateway.start()
    const event = gateway.view.subjects.get(policySubject('files', POLICY))?.event
    await gateway.stop()
    assert.ok(event?.type === 'policy/accepted')
    assert.deepEqual([event.replaces, event.by, event.reason], [REPLACES, 'user:ann', 'read the diff'])
  })

  it('needs the scope admin, a reason, and both policies', async () => {
    await problemOf(await accept(CHANGE, ['read', 'operate', 'approve']), 403)
    for (const change of [{ reason: ' ' }, { policy: 'x' }, { replaces: undefined }])
      await problemOf(await accept({ ...CHANGE, ...change }), 400)
  })
})
