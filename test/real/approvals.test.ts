// A person approves what an agent asked for, with everything real: `up`, a gateway, a server, the official client with its
// default time-out of 60 seconds, and the command line of the person.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { commandFile, runCommand } from '../support/command.ts'
import { Pipeline, type RunningUp } from '../support/pipeline.ts'

/** Asks for every call, and holds it as long as a policy that says nothing else does. */
const POLICY = `version: "1"
rules:
  - { id: ask, tool: count, action: escalate }
`
const LATE_MS = 65_000

interface Asked {
  readonly approval: string
  readonly state: string
  readonly answer?: { readonly by: string }
}
interface Answer {
  readonly isError: boolean
  readonly text: string
}

let pipeline: Pipeline
let up: RunningUp
before(async () => {
  pipeline = new Pipeline()
  writeFileSync(pipeline.policyFile, POLICY)
  up = await pipeline.startUp()
})
after(() => pipeline.remove())

async function connect(): Promise<Client> {
  const server = pipeline.gatewayArguments('count')
  const env = Object.fromEntries(
    Object.entries(pipeline.environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
  const client = new Client({ name: 'sdk', version: '1' })
  const args = [commandFile, ...server]
  await client.connect(new StdioClientTransport({ command: process.execPath, args, env, stderr: 'ignore' }))
  return client
}

async function callWith(client: Client, number: string, signal?: AbortSignal): Promise<Answer> {
  const options = signal === undefined ? {} : { signal }
  const result = await client.callTool({ name: 'count', arguments: { number } }, undefined, options)
  const [content] = result.content as readonly { readonly text?: string }[]
  return { isError: result.isError === true, text: content?.text ?? '' }
}

async function approvals(...args: readonly string[]): Promise<string> {
  const { code, output, errors } = await runCommand(['approvals', ...args], pipeline.environment)
  assert.equal(code, 0, errors)
  return output
}

/** The only approval that waits. */
async function waiting(): Promise<string> {
  let items: readonly Asked[] = []
  await pipeline.until(async () => {
    const answer = JSON.parse(await approvals('--json')) as { readonly approvals: readonly Asked[] }
    items = answer.approvals
    return items.length === 1
  })
  return items[0]?.approval ?? ''
}

describe('a default client of the official SDK', () => {
  it('is told to come again after 45 seconds; an approval after 65 is honoured by the repeat, once', async (context) => {
    const client = await connect()
    const startedMs = Date.now()
    const first = await callWith(client, '1')
    const heldMs = Date.now() - startedMs
    assert.match(first.text, /^Approval pending \(id [0-9a-f-]{36}\): call again with the same arguments/)
    assert.ok(first.isError && heldMs > 44_000 && heldMs < 60_000, `${heldMs} ms`)
    const id = await waiting()
    await pipeline.until(() => Date.now() - startedMs > LATE_MS)
    await approvals('approve', id)
    const lateMs = Date.now() - startedMs
    await pipeline.until(async () => (await callWith(client, '1')).text === '1')
    assert.deepEqual(pipeline.executed, ['1'])
    context.diagnostic(`held for ${heldMs} ms, approved after ${lateMs} ms, executed once`)
    await client.close()
  })

  it('gets its answer while it waits, when it is approved in time', async () => {
    const client = await connect()
    const answer = callWith(client, '2')
    await approvals('approve', await waiting(), '--reason', 'looks right')
    assert.deepEqual(await answer, { isError: false, text: '2' })
    await client.close()
  })

  it('that cancels takes its call back: an approval comes too late, and nothing is executed', async () => {
    const client = await connect()
    const abort = new AbortController()
    const answer = callWith(client, '3', abort.signal)
    const id = await waiting()
    abort.abort('changed its mind')
    await assert.rejects(answer)
    await pipeline.until(async () => (await pipeline.get<Asked>(up, `/v1/approvals/${id}`)).state === 'withdrawn')
    const late = await runCommand(['approvals', 'approve', id], pipeline.environment)
    assert.equal(late.code, 3)
    assert.match(late.errors, /withdrawn already/)
    await client.close()
    assert.ok(!pipeline.executed.includes('3'))
  })

  it('that is gone takes its call back too', async () => {
    const client = await connect()
    const answer = callWith(client, '4')
    const id = await waiting()
    await Promise.allSettled([answer, client.close()])
    await pipeline.until(async () => (await pipeline.get<Asked>(up, `/v1/approvals/${id}`)).state === 'withdrawn')
    assert.ok(!pipeline.executed.includes('4'))
  })

  it('leaves a record that verifies', async () => {
    await pipeline.stopUp(up)
    const { code, report } = await pipeline.verify()
    assert.equal(code, 0, JSON.stringify(report))
  })
})
