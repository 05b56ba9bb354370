// Who may not answer for whom, and what is asked of an answer before anything is looked up. The whole way of an approval is
// in test/real/approvals-api.test.ts.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { findSelfApproval } from '../../api/self-approval.ts'
import { apiSettings } from '../../api/settings.ts'
import { type ApiHarness, startApiHarness } from '../support/api-harness.ts'
import { problemOf } from '../support/problem.ts'

const ID = '01a2049b-fd28-7fb1-a060-c33df656e6d1'
const owners = { 'agent:ci': ['user:bob'], 'agent:ann-*': ['user:ann', 'user:ann@work'] }

let harness: ApiHarness
before(async () => {
  harness = await startApiHarness()
})
after(() => harness.close())

describe('whoever proposes', () => {
  const table: readonly (readonly [subject: string, principal: string, isSelf: boolean])[] = [
    ['user:ann', 'agent:ann-laptop', true],
    ['user:ann@work', 'agent:ann-laptop', true],
    ['user:bob', 'agent:ann-laptop', false],
    ['user:bob', 'agent:ci', true],
    ['user:bob', 'agent:ci2', false],
    ['user:ann', 'agent:ci', false],
    ['agent:ci', 'agent:other', true],
    ['robot', 'robot', true],
  ]
  for (const [subject, principal, isSelf] of table)
    it(`${isSelf ? 'can not' : 'is not kept from it, and can'} approve: ${subject} for ${principal}`, () =>
      assert.equal(findSelfApproval(subject, principal, owners) !== undefined, isSelf))

  it('is named by principals, or by how they begin, and by nothing else', () => {
    const parses = (pattern: string): boolean =>
      apiSettings.safeParse({ approvals: { owners: { [pattern]: ['user:ann'] } } }).success
    assert.deepEqual(['agent:a', 'agent:*', '*', 'a*b', '', '**'].map(parses), [true, true, true, false, false, false])
  })
})

describe('an answer', () => {
  const send = (path: string, body: object): Promise<Response> =>
    harness.request(path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    })

  it('is approve or deny, of an approval, for a reason', async () => {
    await problemOf(await send(`/v1/approvals/${ID}/maybe`, { reason: 'x' }), 400)
    await problemOf(await send('/v1/approvals/last/approve', { reason: 'x' }), 400)
    await problemOf(await send(`/v1/approvals/${ID}/approve`, { reason: ' ' }), 400)
    await problemOf(await send(`/v1/approvals/${ID}/approve`, { reason: 'x', by: 'user:bob' }), 400)
  })

  it('is none while the record can not be read', async () => {
    await problemOf(await send(`/v1/approvals/${ID}/approve`, { reason: 'x' }), 503)
  })
})
