// Resources, prompts and further methods over stdio: decided, recorded and refused like calls.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { afterEach, describe, it } from 'node:test'
import { StdioHarness } from '../../support/stdio-harness.ts'

let harness: StdioHarness
afterEach(() => harness.remove())

const POLICY = `version: "1"
rules:
  - { id: docs, tool: ["resource:file:///*", "prompt:ok", "method:completion/complete"], action: allow }
`

describe('resources and prompts over stdio', () => {
  it('are forwarded where a rule allows them, and recorded', async () => {
    harness = new StdioHarness(POLICY)
    const client = harness.gateway()
    await client.initialize()
    await client.request('resources/list')
    await client.request('resources/read', { uri: 'file:///srv/a' })
    await client.request('prompts/get', { name: 'ok' })
    await client.request('completion/complete', { ref: { type: 'ref/prompt', name: 'ok' } })
    await client.end()
    const proposals = await harness.eventsOf('authorization/propose')
    assert.deepEqual(
      proposals.map(({ method, tool }) => [method, tool]),
      [
        ['resources/read', 'resource:file:///srv/a'],
        ['prompts/get', 'prompt:ok'],
        ['completion/complete', 'method:completion/complete'],
      ],
    )
    assert.deepEqual(
      new Set((await harness.eventsOf('authorization/receipt')).map(({ status }) => status)),
      new Set(['ok']),
    )
  })

  it('never reach the server where none does: a JSON-RPC error names rule and call', async () => {
    harness = new StdioHarness(POLICY)
    const client = harness.gateway()
    const key = `file://${join(harness.data, 'keys', 'deployment.key')}`
    const answers = [
      await client.request('resources/subscribe', { uri: 'memo:secret' }),
      await client.request('prompts/get', { name: 'secret' }),
      await client.request('secret/run'),
      await client.request('resources/read', { uri: key }),
    ]
    client.send({ jsonrpc: '2.0', method: 'resources/read', params: { uri: 'file:///secret' } })
    await client.end()
    const calls = (await harness.eventsOf('authorization/decide')).map(({ rule, call }) => ({ rule, call }))
    assert.deepEqual(
      answers.map(({ error }) => [error?.code, error?.data]),
      calls.map((data) => [-31403, data]),
    )
    assert.deepEqual(
      calls.map(({ rule }) => rule),
      ['default', 'default', 'default', 'self-protection'],
    )
    assert.deepEqual(
      (await harness.eventsOf('request/observed')).map(({ method }) => method),
      ['resources/read'],
    )
    assert.equal(harness.served.length, 0)
  })
})
