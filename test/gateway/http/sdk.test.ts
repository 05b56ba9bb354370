// The official SDK on both sides, server with sessions and streams, client with progress: nothing changes but the record.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { z } from 'zod'
import { HttpUpstream } from '../../../gateway/http/http-upstream.ts'
import { HttpHarness } from '../../support/http-harness.ts'

describe('the SDK over the HTTP gateway', () => {
  let harness: HttpHarness
  let http: Server
  const client = new Client({ name: 'sdk-client', version: '1.0.0' })

  before(async () => {
    http = createServer()
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: () => randomUUID() })
    http.on('request', (request, response) => void transport.handleRequest(request, response))
    await createSdkServer().connect(transport as Transport)
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    const url = new URL(`http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`)
    const upstream = (): HttpUpstream => new HttpUpstream({ url, headers: [], ca: undefined, connectMs: 1_000 })
    harness = await new HttpHarness({ upstream }).start()
    await client.connect(new StreamableHTTPClientTransport(new URL(harness.url)) as Transport)
  })
  after(async () => {
    await client.close()
    http.closeAllConnections()
    http.close()
    await harness.stop()
  })

  it('lists and calls tools', async () => {
    const { tools } = await client.listTools()
    assert.deepEqual(
      tools.map(({ name }) => name),
      ['count', 'denied_tool'],
    )
    const result = await client.callTool({ name: 'count', arguments: { to: 1 } })
    assert.deepEqual(result.content, [{ type: 'text', text: 'counted to 1' }])
    assert.deepEqual(await harness.receipts(1), ['ok'])
    assert.deepEqual(harness.eventsOf('tools/listed')[0]?.added, ['count', 'denied_tool'])
  })

  it('passes progress while the call runs', async () => {
    const seen: number[] = []
    await client.callTool({ name: 'count', arguments: { to: 3 } }, undefined, {
      onprogress: ({ progress }) => seen.push(progress),
    })
    assert.deepEqual(seen, [1, 2, 3])
  })

  it('shows the model why a call was denied', async () => {
    const result = await client.callTool({ name: 'denied_tool', arguments: {} })
    assert.equal(result.isError, true)
    assert.match(JSON.stringify(result.content), /Blocked by policy no/)
  })
})

function createSdkServer(): McpServer {
  const server = new McpServer({ name: 'sdk-server', version: '1.0.0' })
  server.registerTool('count', { inputSchema: { to: z.number() } }, async ({ to }, { _meta, sendNotification }) => {
    const progressToken = _meta?.progressToken
    for (let progress = 1; progressToken !== undefined && progress <= to; progress++)
      await sendNotification({ method: 'notifications/progress', params: { progressToken, progress } })
    return { content: [{ type: 'text', text: `counted to ${to}` }] }
  })
  server.registerTool('denied_tool', {}, async () => ({ content: [{ type: 'text', text: 'ran' }] }))
  return server
}
