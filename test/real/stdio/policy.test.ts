// A policy at a real gateway: it changes without a restart, and what its limits used up is known after one.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { afterEach, describe, it } from 'node:test'
import type { RawClient } from '../../support/raw-client.ts'
import { StdioHarness } from '../../support/stdio-harness.ts'

let harness: StdioHarness
afterEach(() => harness.remove())

async function isDenied(client: RawClient): Promise<boolean> {
  return (await client.call('echo')).result?.isError === true
}

describe('a policy file that changes', () => {
  it('is in force without a restart, and recorded', async () => {
    harness = new StdioHarness()
    const client = harness.gateway()
    assert.equal(await isDenied(client), false)
    writeFileSync(harness.policyFile, 'version: "1"\nrules: []\n')
    await harness.until(() => isDenied(client))
    // The first denial may be of a call that was allowed before the change and not forwarded after it.
    await isDenied(client)
    const [changed] = await harness.eventsOf('policy/changed')
    const [opened] = await harness.eventsOf('writer/open')
    assert.equal(changed?.replaced, opened?.policy)
    assert.equal((await harness.eventsOf('authorization/decide')).at(-1)?.policy, changed?.policy)
  })

  it('leaves the last policy in force when it has errors, and that is recorded', async () => {
    harness = new StdioHarness()
    const client = harness.gateway()
    assert.equal(await isDenied(client), false)
    writeFileSync(harness.policyFile, 'version: "1"\nruls: []\n')
    await harness.until(async () => (await harness.eventsOf('policy/refused')).length === 1)
    assert.equal(await isDenied(client), false)
  })
})

describe('a rate limit', () => {
  it('counts the calls of earlier gateways of the same server', async () => {
    harness = new StdioHarness(
      'version: "1"\nrules: [{id: r, action: allow, rateLimit: {calls: 3, per: 1h, by: principal}}]\n',
    )
    const first = harness.gateway({ flags: ['--principal', 'agent:a'] })
    assert.deepEqual([await isDenied(first), await isDenied(first)], [false, false])
    await first.end()
    const second = harness.gateway({ flags: ['--principal', 'agent:a'] })
    assert.deepEqual([await isDenied(second), await isDenied(second)], [false, true])
    const decides = await harness.eventsOf('authorization/decide')
    assert.equal(decides.at(-1)?.reason, 'rate_limit')
  })
})
