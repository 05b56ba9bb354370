// The Inspector's command line says the same of a server directly and through the gateway, for every operation that it has
// and every tool, resource and prompt of the reference servers that can be asked without changing anything.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { GatewayBefore } from '../support/gateway-before.ts'
import { peers, peersSkipReason } from '../support/reference-peers.ts'

type Operation = readonly string[]

const LISTS: readonly Operation[] = [['tools/list'], ['resources/list'], ['resources/templates/list'], ['prompts/list']]
const RUN_TIMEOUT_MS = 60_000

describe("the Inspector's command line", { skip: peersSkipReason() }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'toolwarden-inspector-'))
  const files = join(directory, 'files')
  let gateway: GatewayBefore

  before(() => {
    gateway = new GatewayBefore()
    mkdirSync(files)
    writeFileSync(join(files, 'a.txt'), 'first line\nsecond line\n')
  })
  after(async () => {
    await gateway.remove()
    rmSync(directory, { recursive: true, force: true })
  })

  it('says the same of server-everything', async () => {
    await compare(
      [peers.node, peers.everything, 'stdio'],
      [
        ...LISTS,
        call('echo', 'message=hello'),
        call('get-sum', 'a=2', 'b=3'),
        call('get-tiny-image'),
        call('get-annotated-message', 'messageType=error', 'includeImage=true'),
        call('get-structured-content', 'location=Chicago'),
        call('get-resource-links', 'count=2'),
        call('no-such-tool'),
        ['resources/read', '--uri', 'demo://resource/static/document/architecture.md'],
        ['prompts/get', '--prompt-name', 'simple-prompt'],
        ['prompts/get', '--prompt-name', 'args-prompt', '--prompt-args', 'city=Paris'],
      ],
    )
  })

  it('says the same of server-filesystem', async () => {
    const file = join(files, 'a.txt')
    await compare(
      [peers.node, peers.filesystem, files],
      [
        ...LISTS,
        call('read_text_file', `path=${file}`),
        call('list_directory', `path=${files}`),
        call('directory_tree', `path=${files}`),
        call('search_files', `path=${files}`, 'pattern=*.txt'),
        call('list_allowed_directories'),
        call('read_text_file', 'path=/etc/passwd'),
      ],
    )
  })

  it('says the same of server-memory', async () => {
    await compare([peers.node, peers.memory], [...LISTS, call('read_graph'), call('search_nodes', 'query=nothing')])
  })

  async function compare(server: readonly string[], operations: readonly Operation[]): Promise<void> {
    const environment = { ...gateway.environment, MEMORY_FILE_PATH: join(directory, 'memory.jsonl') }
    for (const operation of operations) {
      const direct = await inspect(server, operation, environment)
      const through = await inspect(gateway.command(server), operation, environment)
      assert.notEqual(direct, '', operation.join(' '))
      assert.equal(through, direct, operation.join(' '))
      console.log(`the same, ${String(direct.length).padStart(6)} characters: ${operation.join(' ')}`)
    }
  }
})

function call(tool: string, ...args: readonly string[]): Operation {
  return ['tools/call', '--tool-name', tool, ...args.flatMap((arg) => ['--tool-arg', arg])]
}

/** Exit code and everything that the Inspector writes to stdout, for one operation. */
async function inspect(
  server: readonly string[],
  [method = '', ...options]: Operation,
  environment: NodeJS.ProcessEnv,
): Promise<string> {
  const config = join(mkdtempSync(join(tmpdir(), 'toolwarden-inspector-')), 'mcp.json')
  const [command, ...args] = server
  writeFileSync(config, JSON.stringify({ mcpServers: { it: { type: 'stdio', command, args, env: environment } } }))
  const words = [peers.inspector, '--cli', '--config', config, '--server', 'it', '--method', method, ...options]
  const env = { ...process.env, ...environment, MCP_INSPECTOR_SECRET_STORE: 'memory' }
  const run = promisify(execFile)(peers.node, words, { env, timeout: RUN_TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 })
  return run.then(
    ({ stdout }) => `0\n${stdout}`,
    (error: { readonly code?: unknown; readonly stdout?: string }) => `${String(error.code)}\n${error.stdout ?? ''}`,
  )
}
