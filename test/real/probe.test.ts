// A probe server with 23 features of MCP and a client that checks each of them, on stdio and on HTTP, directly and through
// the gateway: a go-between that loses one is not invisible. Prints a table.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { type Background, startBackground } from '../support/background.ts'
import { GatewayBefore } from '../support/gateway-before.ts'
import { connectProbe, FEATURES } from '../support/probe-client.ts'

const probeServer = [process.execPath, join(import.meta.dirname, '..', 'support', 'probe-server.js')]

/** What was lost by each way, in the order of the table's columns. */
const lost = new Map<string, ReadonlyMap<string, string>>()

describe('the features of MCP', () => {
  let gateway: GatewayBefore
  let server: Background
  let url = ''

  before(async () => {
    gateway = new GatewayBefore()
    server = await startBackground([...probeServer, 'http'], /listening on (\S+)/)
    url = server.match[1] ?? ''
  })
  after(async () => {
    await gateway.remove()
    await server.stop()
    printTable()
  })

  it('are 23', () => assert.equal(Object.keys(FEATURES).length, 23))

  it('are all there on stdio', () => check('stdio', startStdio(probeServer)))

  it('are all there on stdio through the gateway', () =>
    check('stdio gateway', startStdio(gateway.command(probeServer))))

  it('are all there on HTTP', () => check('HTTP', new StreamableHTTPClientTransport(new URL(url))))

  it('are all there on HTTP through the gateway', async () => {
    const before = await gateway.listen(url)
    await check('HTTP gateway', new StreamableHTTPClientTransport(new URL(before.url)))
  })

  it('are all there on HTTP through the gateway before a stdio server', async () => {
    const before = await gateway.listen(probeServer)
    await check('HTTP to stdio', new StreamableHTTPClientTransport(new URL(before.url)))
  })

  function startStdio([command = '', ...args]: readonly string[]): StdioClientTransport {
    const env = { ...process.env, ...gateway.environment } as Record<string, string>
    return new StdioClientTransport({ command, args, env, stderr: 'ignore' })
  }
})

async function check(way: string, transport: Transport | StreamableHTTPClientTransport): Promise<void> {
  const probe = await connectProbe(transport as Transport)
  const failures = new Map<string, string>()
  for (const [feature, works] of Object.entries(FEATURES)) {
    await works(probe).catch((error: unknown) => {
      failures.set(feature, error instanceof Error ? error.message : 'lost')
    })
  }
  await probe.client.close()
  lost.set(way, failures)
  assert.deepEqual([...failures], [])
}

function printTable(): void {
  const ways = [...lost.keys()]
  const line = (name: string, cells: readonly string[]): void =>
    console.log(`${name.padEnd(20)}${cells.map((cell) => cell.padEnd(16)).join('')}`)
  line('', ways)
  for (const feature of Object.keys(FEATURES))
    line(
      feature,
      ways.map((way) => (lost.get(way)?.has(feature) === true ? 'lost' : 'kept')),
    )
  line(
    'kept',
    ways.map((way) => String(Object.keys(FEATURES).length - (lost.get(way)?.size ?? 0))),
  )
}
