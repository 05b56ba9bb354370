// The command line over HTTP: servers of toolwarden.yaml behind TLS, callers by token, and a stdio client before a URL.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request as requestHttps } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { HttpMcpServer } from '../../support/http-mcp-server.ts'
import { RawClient } from '../../support/raw-client.ts'
import { until } from '../../support/until.ts'

const compiled = join(import.meta.dirname, '..', '..', '..')
const cli = join(compiled, 'cli', 'main.js')
const echoServer = join(compiled, 'test', 'support', 'echo-server.js')
const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":1}}}'

describe('toolwarden gateway over HTTP', () => {
  const directory = mkdtempSync(join(tmpdir(), 'toolwarden-http-'))
  const path = (name: string): string => join(directory, name)
  const environment = { ...process.env, TOOLWARDEN_DATA: path('data'), UPSTREAM_TOKEN: 'Bearer up-secret' }
  const server = new HttpMcpServer()
  const run = (...args: readonly string[]): string =>
    execFileSync(process.execPath, [cli, ...args], { env: environment, encoding: 'utf8' })
  let url = ''

  before(async () => {
    url = await server.start()
    writeFileSync(
      path('policy.yaml'),
      'version: "1"\ndefault: allow\nrules:\n  - { id: no, tool: "denied_*", action: deny }\n',
    )
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '1',
        '-subj',
        '/CN=localhost',
        '-addext',
        'subjectAltName=DNS:localhost',
        '-keyout',
        path('key.pem'),
        '-out',
        path('cert.pem'),
      ],
      { stdio: 'ignore' },
    )
    const upstreams = {
      scripted: { url, headers: { Authorization: { env: 'UPSTREAM_TOKEN' } }, policy: path('policy.yaml') },
      echo: { command: [process.execPath, echoServer], policy: path('policy.yaml') },
    }
    const http = { listen: '127.0.0.1:0', tls: { cert: path('cert.pem'), key: path('key.pem') } }
    writeFileSync(path('toolwarden.yaml'), JSON.stringify({ gateway: { http, upstreams } }))
  })
  after(async () => {
    await server.stop()
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  })

  /** Posts over TLS, trusting the test's certificate alone. */
  const post = (port: number, name: string, token: string): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
      const ca = readFileSync(path('cert.pem'))
      requestHttps({
        host: 'localhost',
        family: 4,
        port,
        path: `/mcp/${name}`,
        method: 'POST',
        headers,
        ca,
        agent: false,
      })
        .on('error', reject)
        .on('response', (response) => {
          let text = ''
          response.on('data', (chunk: Buffer) => {
            text += chunk.toString()
          })
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
        })
        .end(CALL)
    })

  it('serves the servers of the configuration, each to the callers of its tokens', async () => {
    const all = run('gateway', 'token', 'add', '--principal', 'agent:ci').trim()
    const one = run('gateway', 'token', 'add', '--principal', 'agent:one', '--server', 'echo').trim()
    const file = path('data/installation/callers.json')
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.ok(!readFileSync(file, 'utf8').includes(all))
    const gateway = spawn(process.execPath, [cli, 'gateway', '--config', path('toolwarden.yaml')], { env: environment })
    let output = ''
    gateway.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    const ended = new Promise((resolve) => gateway.once('close', resolve))
    try {
      await until(() => output.includes('/mcp/echo'))
      const port = Number(/https:\/\/127\.0\.0\.1:(\d+)/.exec(output)?.[1])
      const answer = await post(port, 'scripted', all)
      assert.deepEqual([answer.status, answer.text.includes('"result"')], [200, true])
      assert.equal(server.received[0]?.headers.authorization, 'Bearer up-secret')
      assert.equal((await post(port, 'scripted', one)).status, 403)
      const { tokens } = JSON.parse(run('gateway', 'token', 'list', '--json')) as { tokens: { id: string }[] }
      const [first] = tokens
      run('gateway', 'token', 'revoke', first?.id ?? '')
      assert.equal((await post(port, 'scripted', all)).status, 401)
    } finally {
      gateway.kill('SIGTERM')
      assert.equal(await ended, 0, output)
    }
  })

  it('carries a stdio client to a URL', async () => {
    const client = new RawClient(
      [process.execPath, cli, 'gateway', '--policy', path('policy.yaml'), '--upstream', url],
      environment,
    )
    await client.initialize()
    const allowed = await client.call('echo', { a: 1 })
    assert.equal(allowed.result?.content?.[0]?.text, '{"a":1}')
    assert.equal((await client.call('denied_tool')).result?.isError, true)
    assert.deepEqual(await client.end(), { code: 0, signal: null })
    assert.ok(!server.calls.includes('denied_tool'))
  })
})
