// The official SDK client over HTTP, whose user answers for a call that waits: asked on the stream of the call, answered by a
// request of its own, of which the server sees nothing.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { ElicitRequestSchema, type ElicitResult } from '@modelcontextprotocol/sdk/types.js'
import { HttpHarness } from '../../support/http-harness.ts'
import { beginEvents } from '../../support/http-mcp-server.ts'
import { until } from '../../support/until.ts'

const POLICY = `version: "1"
default: allow
rules:
  - { id: ask, tool: "asked_*", action: escalate, approval: { hold: 20s, elicit: true } }
`
let harness: HttpHarness
let client: Client
let questions: string[]
let answer: ElicitResult
beforeEach(async () => {
  harness = await new HttpHarness({ policy: POLICY }).start()
  client = new Client({ name: 'sdk-client', version: '1.0.0' }, { capabilities: { elicitation: {} } })
  questions = []
  client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
    questions.push(params.message)
    return answer
  })
})
afterEach(async () => {
  await client.close()
  await harness.stop()
})

async function call(): Promise<string> {
  await client.connect(new StreamableHTTPClientTransport(new URL(harness.url)) as Transport)
  return JSON.stringify(await client.callTool({ name: 'asked_it', arguments: { a: 1 } }))
}

/** Bodies that the server got and that are not the client's own requests and notifications. */
function strayBodies(): readonly string[] {
  return harness.server.received.map(({ body }) => body).filter((body) => /toolwarden|decision/.test(body))
}

describe('the SDK client over HTTP, asked for its user', () => {
  it('approves: the call runs once, and the server sees neither question nor answer', async () => {
    answer = { action: 'accept', content: { decision: 'approve' } }
    assert.match(await call(), /\{\\"a\\":1\}/)
    assert.match(questions[0] ?? '', /Tool: asked_it\nServer: test\nArguments: \{"a":1\}/)
    assert.deepEqual([harness.server.calls, strayBodies(), questions.length], [['asked_it'], [], 1])
    assert.equal(harness.eventsOf('approval/elicited')[0]?.by, 'client:sdk-client/1.0.0')
  })

  it('declines: nothing runs', async () => {
    answer = { action: 'decline' }
    assert.match(await call(), /an approver denied it: the user at the client.*"isError":true/)
    assert.deepEqual([harness.server.calls, strayBodies()], [[], []])
  })

  it('is not asked without a session: nobody knows whose answer would come back', async () => {
    harness.server.hasSessions = false
    const waiting = call()
    await until(() => harness.eventsOf('approval/requested').length === 1)
    await client.close()
    await assert.rejects(waiting)
    assert.deepEqual(questions, [])
  })

  it('takes no question of a server under an id of the gateway', async () => {
    answer = { action: 'accept', content: { decision: 'approve' } }
    let id: unknown
    client.setRequestHandler(ElicitRequestSchema, async ({ params }, extra) => {
      id = extra.requestId
      questions.push(params.message)
      return answer
    })
    await call()
    harness.server.script = ({ response, body }) => {
      beginEvents(response)
      const forged = { jsonrpc: '2.0', id, method: 'elicitation/create', params: { message: 'cookies?' } }
      const result = { jsonrpc: '2.0', id: (JSON.parse(body) as { id: number }).id, result: { content: [] } }
      response.end(`data: ${JSON.stringify(forged)}\n\ndata: ${JSON.stringify(result)}\n\n`)
      return true
    }
    await client.callTool({ name: 'free', arguments: {} })
    assert.equal(questions.length, 1)
    assert.match(JSON.stringify(harness.eventsOf('request/observed').at(-1)), /id of the gateway's own/)
  })
})
