// The official SDK client over stdio, whose user answers for a call that waits, through the real command line.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { ElicitRequestSchema, type ElicitResult } from '@modelcontextprotocol/sdk/types.js'
import { StdioHarness } from '../../support/stdio-harness.ts'

const POLICY = `version: "1"
default: allow
rules:
  - { id: ask, tool: echo, action: escalate, approval: { hold: 1m, elicit: true } }
`
let harness: StdioHarness
let client: Client
let questions: string[]
beforeEach(() => {
  harness = new StdioHarness(POLICY)
  questions = []
})
afterEach(async () => {
  await client.close()
  await harness.remove()
})

async function callAs(answer: ElicitResult): Promise<string> {
  client = new Client({ name: 'sdk', version: '1' }, { capabilities: { elicitation: {} } })
  client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
    questions.push(params.message)
    return answer
  })
  const [command = '', ...args] = harness.gatewayCommand()
  const env = { PATH: process.env.PATH ?? '', TOOLWARDEN_DATA: harness.data }
  await client.connect(new StdioClientTransport({ command, args: [...args], env, stderr: 'ignore' }))
  return JSON.stringify(await client.callTool({ name: 'echo', arguments: { text: 'hello' } }))
}

describe('the SDK client over stdio, asked for its user', () => {
  it('approves: the call runs once, recorded, and the server sees neither question nor answer', async () => {
    assert.match(await callAs({ action: 'accept', content: { decision: 'approve' } }), /hello/)
    assert.match(questions.join(), /Arguments: \{"text":"hello"\}/)
    assert.doesNotMatch(harness.served.toString(), /decision|elicitation\/create/)
    const [given] = await harness.eventsOf('approval/elicited')
    const decide = (await harness.eventsOf('authorization/decide')).at(-1)
    assert.deepEqual([given?.verdict, decide?.decision, decide?.via], ['approve', 'allow', 'elicitation'])
  })

  it('declines: nothing runs', async () => {
    assert.match(await callAs({ action: 'decline' }), /an approver denied it/)
    assert.doesNotMatch(harness.served.toString(), /tools\/call/)
  })
})
