// `toolwarden classes suggest` as its user calls it, with a real server, and what a configured class does at a real gateway.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import { createPinStore } from '../../cli/pin-file.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import { projectRoot } from '../support/project-root.ts'

const run = promisify(execFile)
const MAIN = join(projectRoot, 'dist', 'cli', 'main.js')

async function suggest(data: string, ...words: readonly string[]): Promise<string> {
  const env = { ...process.env, TOOLWARDEN_DATA: data }
  const { stdout } = await run(process.execPath, [MAIN, 'classes', 'suggest', ...words], { env })
  return stdout
}

async function newData(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'toolwarden-classes-'))
}

describe('toolwarden classes suggest', () => {
  it('prints entries that load, from the lists that gateways saw', async () => {
    const data = await newData()
    const digest = 'a'.repeat(64)
    await createPinStore(data, 'mail box').add([
      { kind: 'pinned', tool: 'send_email', digest },
      { kind: 'pinned', tool: 'read "x"', digest },
    ])
    const { classes } = detectorSettings.parse(parse(await suggest(data)).detectors)
    assert.deepEqual(
      classes.map(({ server, tool, class: toolClass }) => [server, tool, toolClass]),
      [
        ['mail box', 'read "x"', 'read'],
        ['mail box', 'send_email', 'egress'],
      ],
    )
  })

  it('asks a server, and says where each guess comes from', async () => {
    const data = await newData()
    const server = join(data, 'server.mjs')
    await writeFile(server, SERVER)
    const text = await suggest(data, '--from-server', `${process.execPath} ${server}`, '--name', 'things')
    assert.match(text, /server: "things", tool: "get_time", class: read, trust: trusted }/)
    assert.match(text, /tool: "get_all", class: destructive, trust: untrusted } {2}# by the server's hints/)
  })

  it('says what to do where nothing was seen', async () => {
    await assert.rejects(suggest(await newData()), /no gateway here has seen a list of tools yet[\s\S]*--from-server/)
  })
})

const SERVER = `
import { createInterface } from 'node:readline'
const tools = [
  { name: 'get_time', inputSchema: { type: 'object' } },
  { name: 'get_all', inputSchema: { type: 'object' }, annotations: { destructiveHint: true } },
]
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line)
  const info = { protocolVersion: params?.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } }
  const result = method === 'initialize' ? info : method === 'tools/list' ? { tools } : {}
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id, result }))
}
`
