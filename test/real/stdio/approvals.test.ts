// A call that waits for a person through the real command line: what its client hears meanwhile, and what comes after.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { openInstallation } from '../../../cli/installation.ts'
import { FileLog } from '../../../events/file-log.ts'
import { Approver } from '../../support/approver.ts'
import type { RawClient } from '../../support/raw-client.ts'
import { StdioHarness } from '../../support/stdio-harness.ts'

const POLICY = `version: "1"
default: allow
rules:
  - { id: ask, tool: raw, action: escalate, approval: { hold: 1m } }
`
let harness: StdioHarness
let client: RawClient
beforeEach(() => {
  harness = new StdioHarness(POLICY)
  client = harness.gateway()
})
afterEach(() => harness.remove())

/** Has the server write progress of its own, from 0, and the answer. */
function callRaw(): void {
  const progress = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":0}}'
  const base64 = Buffer.from(`${progress}\n{"jsonrpc":"2.0","id":7,"result":{"content":[]}}\n`).toString('base64')
  const params = { name: 'raw', arguments: { base64 }, _meta: { progressToken: 7 } }
  client.send({ jsonrpc: '2.0', id: 7, method: 'tools/call', params })
}

async function asked(): Promise<void> {
  await client.until(() => client.received.includes('Waiting for approval'))
}

/** Answers as the API of the data directory would. */
async function approve(): Promise<void> {
  const approver = new Approver((await openInstallation(harness.data)).keys.api)
  const eventLog = new FileLog({ root: join(harness.data, 'log'), durability: 'process' })
  const [question] = await harness.eventsOf('approval/requested')
  assert.ok(question)
  await approver.answer(question, 'approve', eventLog)
  await approver.close()
  await eventLog.close()
}

describe('a call that waits for a person', () => {
  it('says so at once, lets other calls by, and then the progress of the server goes on above', async () => {
    callRaw()
    await asked()
    assert.equal((await client.call('echo')).result?.isError, undefined)
    await approve()
    await client.answerTo(7)
    const steps = [...client.received.toString().matchAll(/"progress":(-?[\d.]+)/g)].map(([, step]) => Number(step))
    assert.deepEqual([steps[0], steps.at(-1)], [-1, 0])
    assert.deepEqual(
      steps,
      steps.toSorted((a, b) => a - b),
    )
    await client.end()
  })

  it('that is cancelled is neither answered nor forwarded, and neither is the cancellation', async () => {
    callRaw()
    await asked()
    client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } })
    await harness.until(async () => (await harness.eventsOf('approval/withdrawn')).length === 1)
    await client.end()
    assert.ok(!client.answers.some(({ id }) => id === 7))
    assert.equal(harness.served.length, 0)
  })

  it('is withdrawn when its client goes: the server ends as it would, and nothing ran', async () => {
    callRaw()
    await asked()
    assert.equal((await client.end()).code, 0)
    assert.equal((await harness.eventsOf('approval/withdrawn'))[0]?.reason, 'the gateway ended')
    assert.equal(harness.served.length, 0)
  })
})
