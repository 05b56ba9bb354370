// The commands on a home directory: what `wrap` writes is started as a client would start it, and reaches the servers.
import assert from 'node:assert/strict'
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { commandFile } from '../../support/command.ts'
import { HttpMcpServer } from '../../support/http-mcp-server.ts'

const echoServer = join(import.meta.dirname, '..', '..', 'support', 'echo-server.js')
const INITIALIZE =
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}\n'

interface Entry {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

describe('toolwarden wrap, status and unwrap', () => {
  const home = mkdtempSync(join(tmpdir(), 'toolwarden-home-'))
  const file = join(home, '.cursor', 'mcp.json')
  const environment = { PATH: process.env.PATH, HOME: home, TOOLWARDEN_DATA: join(home, 'data') }
  const server = new HttpMcpServer()
  let original = ''

  before(async () => {
    const remote = { url: await server.start(), headers: { Authorization: 'Bearer remote-secret' } }
    const local = { command: process.execPath, args: [echoServer] }
    original = JSON.stringify({ mcpServers: { remote, local } }, null, 2)
    mkdirSync(join(home, '.cursor'))
    writeFileSync(file, original)
  })
  after(async () => {
    await server.stop()
    rmSync(home, { recursive: true })
  })

  // In a directory that holds nothing else: the commands look at files of the working directory too.
  const run = (...args: readonly string[]): SpawnSyncReturns<string> =>
    spawnSync(process.execPath, [commandFile, ...args], { env: environment, cwd: home, encoding: 'utf8' })
  const coverage = (): unknown => {
    const { files, up } = JSON.parse(run('status', '--json').stdout)
    const servers = files.flatMap((each: { servers: { path: string[]; isCovered: boolean }[] }) => each.servers)
    return {
      up: up.runs,
      servers: servers.map(({ path, isCovered }: { path: string[]; isCovered: boolean }) => [path.at(-1), isCovered]),
    }
  }
  /** Starts an entry of the file as a client does, with nothing but a search path of its own. */
  const initialize = async (name: string): Promise<string> => {
    const { command, args, env }: Entry = JSON.parse(readFileSync(file, 'utf8')).mcpServers[name]
    const child = spawn(command, args, {
      env: { PATH: process.env.PATH, HOME: home, ...env },
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    child.stdin.write(INITIALIZE)
    for await (const line of createInterface({ input: child.stdout })) {
      child.stdin.end()
      await new Promise((resolve) => child.once('close', resolve))
      return line
    }
    return ''
  }

  it('shows the change of a dry run without secrets, and writes nothing', () => {
    const { status, stdout } = run('wrap', '--dry-run')
    assert.equal(status, 0)
    assert.match(
      stdout,
      /^Cursor {2}.*mcp\.json\n {2}wrapped {2}mcpServers\.remote\n {2}wrapped {2}mcpServers\.local\n/,
    )
    assert.doesNotMatch(stdout, /remote-secret/)
    assert.equal(readFileSync(file, 'utf8'), original)
    assert.deepEqual(coverage(), {
      up: false,
      servers: [
        ['remote', false],
        ['local', false],
      ],
    })
  })

  it('puts a gateway before each server, and the servers are reached with their header fields', async () => {
    assert.equal(run('wrap').status, 0)
    assert.deepEqual(coverage(), {
      up: false,
      servers: [
        ['remote', true],
        ['local', true],
      ],
    })
    assert.match(await initialize('remote'), /"name":"scripted"/)
    assert.equal(server.received[0]?.headers.authorization, 'Bearer remote-secret')
    assert.match(await initialize('local'), /"id":1/)
  })

  it('restores the file byte for byte, and says what it did', () => {
    const { files } = JSON.parse(run('unwrap', '--json').stdout)
    assert.deepEqual(files, [
      {
        client: 'Cursor',
        path: file,
        isChanged: true,
        servers: [
          ['mcpServers', 'remote'],
          ['mcpServers', 'local'],
        ],
      },
    ])
    assert.equal(readFileSync(file, 'utf8'), original)
  })

  it('goes on with the other files, when one is broken, and ends with 4', () => {
    const broken = join(home, '.claude.json')
    writeFileSync(broken, '{"mcpServers": {')
    const { status, stderr, stdout } = run('wrap', '--dry-run')
    rmSync(broken)
    assert.equal(status, 4)
    assert.match(stderr, /CONFIG_INVALID: the file is not JSON: expected a string\n {2}at: .*\.claude\.json:1:17/)
    assert.match(stdout, /wrapped {2}mcpServers\.local/)
  })

  it('refuses words that make no sense', () => {
    const ends = [
      run('wrap', '--program', 'sh -c x'),
      run('gateway', '--header', 'A=B', '--', 'true'),
      run('gateway', '--upstream', 'https://a.example/', '--header', 'A=secret value'),
      run('gateway', '--listen', '127.0.0.1:0', '--upstream', 'https://a.example/', '--header', 'A=B'),
      run('wrap', join(home, 'none.json')),
    ]
    assert.deepEqual(
      ends.map(({ status }) => status),
      [3, 3, 3, 3, 4],
    )
    assert.doesNotMatch(ends.map(({ stderr }) => stderr).join(''), /secret value/)
  })

  it('says that `up` does not run, when only its announcement is left', () => {
    mkdirSync(join(home, 'data', 'run'), { recursive: true, mode: 0o700 })
    writeFileSync(join(home, 'data', 'run', 'api.url'), 'http://127.0.0.1:9\n')
    assert.match(run('status').stdout, /toolwarden up does not run on/)
  })
})
