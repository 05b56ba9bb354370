// The official client and a real server: every tool of server-filesystem answers through the gateway as it does without.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { projectRoot } from '../../support/project-root.ts'
import { StdioHarness } from '../../support/stdio-harness.ts'

const server = join(projectRoot, 'node_modules/@modelcontextprotocol/server-filesystem/dist/index.js')
/** What differs between two runs: times of files. */
const TIMES = /(?:created|modified|accessed): [^\\]*/g

/** Calls of every tool, in an order that works. */
function toolCalls(root: string): Readonly<Record<string, object>> {
  const file = join(root, 'a.txt')
  return {
    list_allowed_directories: {},
    create_directory: { path: join(root, 'sub') },
    write_file: { path: file, content: 'one\ntwo é\n' },
    read_file: { path: file },
    read_text_file: { path: file, head: 1 },
    read_media_file: { path: join(root, 'pixel.png') },
    read_multiple_files: { paths: [file, join(root, 'none')] },
    edit_file: { path: file, edits: [{ oldText: 'one', newText: 'three' }], dryRun: false },
    list_directory: { path: root },
    list_directory_with_sizes: { path: root, sortBy: 'name' },
    directory_tree: { path: root },
    search_files: { path: root, pattern: '**/*.txt' },
    get_file_info: { path: file },
    move_file: { source: file, destination: join(root, 'sub', 'b.txt') },
  }
}

/** The answers of every tool, in a new directory of the same name. */
async function answersOf(
  root: string,
  command: readonly string[],
  env: Record<string, string>,
): Promise<readonly unknown[]> {
  rmSync(root, { recursive: true, force: true })
  mkdirSync(root)
  writeFileSync(join(root, 'pixel.png'), Buffer.from('iVBORw0KGgo=', 'base64'))
  const [program = '', ...args] = command
  const client = new Client({ name: 'sdk', version: '1' })
  await client.connect(new StdioClientTransport({ command: program, args: [...args], env, stderr: 'ignore' }))
  try {
    const { tools } = await client.listTools()
    assert.deepEqual(tools.map(({ name }) => name).toSorted(), Object.keys(toolCalls(root)).toSorted())
    const answers: unknown[] = [tools]
    for (const [name, args] of Object.entries(toolCalls(root))) {
      const answer = await client.callTool({ name, arguments: { ...args } })
      answers.push(JSON.parse(JSON.stringify(answer).replace(TIMES, '')))
    }
    return answers
  } finally {
    await client.close()
  }
}

describe('server-filesystem through the gateway', { skip: !existsSync(server) && 'it is not installed' }, () => {
  it('answers every call of the official client as without it, each recorded', async () => {
    const harness = new StdioHarness()
    const root = join(realpathSync(mkdtempSync(join(tmpdir(), 'toolwarden-files-'))), 'root')
    try {
      const direct = [process.execPath, server, root]
      const expected = await answersOf(root, direct, {})
      const answers = await answersOf(root, harness.gatewayCommand({ command: direct }), {
        TOOLWARDEN_DATA: harness.data,
      })
      assert.deepEqual(answers, expected)
      const receipts = await harness.eventsOf('authorization/receipt')
      assert.ok(
        receipts.length === Object.keys(toolCalls(root)).length &&
          receipts.every(({ status }) => status !== 'ambiguous'),
      )
    } finally {
      rmSync(join(root, '..'), { recursive: true })
      await harness.remove()
    }
  })
})
