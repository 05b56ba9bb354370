// The command line over HTTP with detectors in a process of their own: who is denied in one session is denied in the next.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { HttpMcpServer } from '../../support/http-mcp-server.ts'
import { until } from '../../support/until.ts'

const cli = join(import.meta.dirname, '..', '..', '..', 'cli', 'main.js')
const POLICY = 'version: "1"\ndefault: allow\nrules:\n  - { id: no, tool: "denied_*", action: deny }\n'
const MODERN = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'another', version: '2' },
  'io.modelcontextprotocol/clientCapabilities': {},
  traceparent: `00-${'5'.repeat(32)}-b7ad6b7169203331-01`,
}

describe('a client that reconnects over HTTP', () => {
  const directory = mkdtempSync(join(tmpdir(), 'toolwarden-reconnect-'))
  const path = (name: string): string => join(directory, name)
  const environment = { ...process.env, TOOLWARDEN_DATA: path('data') }
  const server = new HttpMcpServer()
  const processes: ChildProcess[] = []
  let url = ''

  /** Starts a role; resolves with its output once that holds a text. */
  const start = async (role: string, said: string): Promise<string> => {
    const child = spawn(process.execPath, [cli, role, '--config', path('toolwarden.yaml')], { env: environment })
    processes.push(child)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += String(chunk)))
    await until(() => output.includes(said), 30_000)
    return output
  }

  before(async () => {
    const upstreams = { files: { url: await server.start(), policy: path('policy.yaml') } }
    const http = { listen: '127.0.0.1:0', anonymous: true }
    const detectors = { readSpike: { distinctReads: 3 } }
    writeFileSync(path('policy.yaml'), POLICY)
    writeFileSync(path('toolwarden.yaml'), JSON.stringify({ detectors, gateway: { http, upstreams } }))
    url = /http:\S+\/mcp\/files/.exec(await start('gateway', '/mcp/files'))?.[0] ?? ''
    await start('detectors', 'detectors runs')
  })
  after(async () => {
    for (const child of processes.toReversed()) {
      const ended = new Promise((resolve) => child.once('close', resolve))
      child.kill('SIGTERM')
      await ended
    }
    await server.stop()
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  })

  const post = (message: object, session = ''): Promise<Response> => {
    const fields = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
    const headers = session === '' ? fields : { ...fields, 'mcp-session-id': session }
    return fetch(url, { method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', ...message }), headers })
  }
  const begin = async (): Promise<string> => {
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'one', version: '1' } }
    return (await post({ id: 1, method: 'initialize', params })).headers.get('mcp-session-id') ?? ''
  }
  let reads = 0
  const read = async (session = '', _meta = {}): Promise<string> => {
    const params = { name: 'read_file', arguments: { path: `/srv/${++reads}` }, _meta }
    return (await post({ id: 2, method: 'tools/call', params }, session)).text()
  }

  it('meets the rule in its next session, and without one', async () => {
    const first = await begin()
    await until(async () => (await read(first)).includes('Blocked by policy adaptive-'), 30_000)
    assert.match(await read(await begin()), /Blocked by policy adaptive-/)
    assert.match(await read('', MODERN), /Blocked by policy adaptive-/)
  })
})
