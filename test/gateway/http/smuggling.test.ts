// Requests that one reader takes for something else than another: none executes a denied tool, whatever it is answered.
// test/real/smuggling.test.ts sends the same to a careless server in Python.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { HttpHarness } from '../../support/http-harness.ts'
import { rawPost, sendRaw, statusOf } from '../../support/raw-http.ts'
import { SMUGGLED_BODIES } from '../../support/smuggled-bodies.ts'
import { DENIED, PING, SMUGGLED_HEADS } from '../../support/smuggled-heads.ts'

/** A busy machine may take a while. */
const PATIENCE_MS = 20_000

describe('smuggling over HTTP', () => {
  let harness: HttpHarness

  before(async () => {
    harness = await new HttpHarness().start()
  })
  after(() => harness.stop())

  for (const [name, request, statuses] of [...SMUGGLED_HEADS, ...SMUGGLED_BODIES])
    it(`executes nothing for ${name}`, async () => {
      const response = await sendRaw(harness.port, rawPost(harness.port, request), 2, PATIENCE_MS)
      assert.ok(statuses.includes(statusOf(response)), response)
      assert.ok(!harness.server.calls.includes('denied_tool'), 'a tool ran')
    })

  it('passes nothing that names the tool', () => {
    const named = harness.server.received.filter(({ rawHeaders, body }) => /denied/.test(rawHeaders.join() + body))
    assert.deepEqual(named, [])
  })

  it('sends on one request where two came at once, and reads each by itself', async () => {
    const two = Buffer.concat([rawPost(harness.port, { body: PING }), rawPost(harness.port, { body: DENIED })])
    const response = await sendRaw(harness.port, two, 200)
    assert.match(response, /Blocked by policy/)
    assert.ok(!harness.server.calls.includes('denied_tool'))
  })
})
