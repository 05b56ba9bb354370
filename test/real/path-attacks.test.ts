// Every attack string that is known here, against a real file server behind a real gateway. The server itself may reach a bait
// beside the allowed directory, also through links: only the policy stands before it. Nothing of the bait may be read, and
// nothing outside may be changed. What stays inside has to be let through.
import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { sharedDirectory } from '../gateway/policy/support.ts'
import { INSIDE, OWN_ATTACKS } from '../support/attack-strings.ts'
import { commandFile } from '../support/command.ts'
import { peers, peersSkipReason } from '../support/reference-peers.ts'

const BAIT = 'bait-7d1f0c'
const AT_ONCE = 20
/** Each takes the string in another argument; all but the first three would change something. */
const TOOLS: readonly (readonly [tool: string, make: (path: string, root: string, place: number) => object])[] = [
  ['read_text_file', (path) => ({ path })],
  ['list_directory', (path) => ({ path })],
  ['read_multiple_files', (path, root) => ({ paths: [`${root}/docs/a.txt`, path] })],
  ['write_file', (path) => ({ path, content: 'overwritten' })],
  ['create_directory', (path) => ({ path })],
  ['move_file', (path, root, place) => ({ source: path, destination: `${root}/taken-${place}` })],
  ['move_file', (path, root, place) => ({ source: `${root}/given/${place}`, destination: path })],
]

describe('attack strings before a real file server', { skip: peersSkipReason() }, () => {
  const top = realpathSync(mkdtempSync(join(tmpdir(), 'toolwarden-attacks-')))
  const root = join(top, 'root')
  const outside = join(top, 'outside')
  let guarded: Client
  let bare: Client

  before(async () => {
    makeSandbox(root, outside)
    const policy = join(top, 'policy.yaml')
    writeFileSync(policy, policyFor(root))
    // It takes relative paths from its directory, wherever it was started: that is what `--root` has to say.
    const server = [process.execPath, peers.filesystem, top]
    const flags = ['gateway', '--policy', policy, '--name', 'files', '--root', top, '--']
    guarded = await connect([process.execPath, commandFile, ...flags, ...server], top, join(top, 'data'))
    bare = await connect(server, top, join(top, 'data'))
  })
  after(async () => {
    await guarded?.close()
    await bare?.close()
    rmSync(top, { recursive: true, force: true, maxRetries: 5 })
  })

  it('reach the bait, where no gateway stands before the server', async () => {
    for (const path of [
      `${outside}/secret.txt`,
      `${root}/out/secret.txt`,
      `${root}/../outside/secret.txt`,
      `${root}/secret`,
    ])
      assert.match(await textOf(bare, 'read_text_file', { path }), new RegExp(BAIT), path)
  })

  it('reach nothing outside, whatever argument they stand in', async (context) => {
    const unchanged = snapshot(top, root)
    const strings = [...new Set([...OWN_ATTACKS.map((each) => fill(each, root, outside)), ...published(root)])]
    assert.ok(OWN_ATTACKS.length >= 30)
    mkdirSync(join(root, 'given'))
    for (const place of strings.keys()) writeFileSync(join(root, 'given', String(place)), 'given')
    let refused = 0
    for (const [tool, make] of TOOLS)
      for (let start = 0; start < strings.length; start += AT_ONCE) {
        const batch = strings.slice(start, start + AT_ONCE)
        const answers = await Promise.all(
          batch.map((path, place) => textOf(guarded, tool, make(path, root, start + place))),
        )
        for (const [place, text] of answers.entries()) {
          assert.ok(!text.includes(BAIT), `${tool} read the bait: ${JSON.stringify(batch[place])}`)
          if (/ Call [0-9a-f-]{36}\.$/.test(text)) refused += 1
        }
      }
    assert.equal(snapshot(top, root), unchanged)
    context.diagnostic(
      `${strings.length} strings, ${strings.length * TOOLS.length} calls, ${refused} refused by the gateway`,
    )
  })

  it('are let through, when they have no parent segment and stay inside', async (context: TestContext) => {
    writeFileSync(join(root, 'docs', 'a.txt'), 'inside')
    for (const each of INSIDE) {
      const path = fill(each, root, outside)
      const wrote = await textOf(guarded, 'write_file', { path, content: 'inside' })
      assert.match(wrote, /Successfully wrote/, path)
      assert.match(await textOf(guarded, 'read_text_file', { path }), /^inside/, path)
    }
    context.diagnostic(`${INSIDE.length} strings`)
  })
})

function makeSandbox(root: string, outside: string): void {
  for (const directory of [join(root, 'docs', 'deep'), outside, `${root}-beside`])
    mkdirSync(directory, { recursive: true })
  writeFileSync(join(root, 'docs', 'a.txt'), 'inside')
  writeFileSync(join(outside, 'secret.txt'), BAIT)
  writeFileSync(`${root}-beside/b.txt`, BAIT)
  symlinkSync(outside, join(root, 'out'))
  symlinkSync(join(root, 'out'), join(root, 'chain'))
  symlinkSync(join(outside, 'secret.txt'), join(root, 'secret'))
  symlinkSync(join(outside, 'new.txt'), join(root, 'dangling-out'))
  symlinkSync(join(root, 'docs'), join(root, 'inside'))
}

function policyFor(root: string): string {
  const constraints = { allowedPaths: [`${root}/`], notPaths: ['content'] }
  return JSON.stringify({ version: '1', rules: [{ id: 'inside', tool: '*', action: 'allow', constraints }] })
}

async function connect(words: readonly string[], cwd: string, data: string): Promise<Client> {
  const [command = '', ...args] = words
  const env = { ...process.env, TOOLWARDEN_DATA: data } as Record<string, string>
  const client = new Client({ name: 'attacks', version: '1' })
  await client.connect(new StdioClientTransport({ command, args, cwd, env, stderr: 'ignore' }))
  return client
}

/** The text of an answer, or of its error. */
async function textOf(client: Client, name: string, values: object): Promise<string> {
  try {
    const answer = await client.callTool({ name, arguments: { ...values } })
    return (answer.content as readonly { readonly text?: string }[]).map(({ text = '' }) => text).join('\n')
  } catch (error) {
    return String(error)
  }
}

function fill(text: string, root: string, outside: string): string {
  return text.replaceAll('{root}', root).replaceAll('{outside}', outside)
}

/** The published strings, as they are and below the allowed directory and its links; none where they are absent. */
function published(root: string): readonly string[] {
  const directory = join(sharedDirectory(), 'data', 'payloads')
  if (!existsSync(directory)) return []
  const lines = ['path-traversal.txt', 'file-system.txt', 'parameter-pollution.txt'].flatMap((file) =>
    readFileSync(join(directory, file), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#')),
  )
  return lines.flatMap((line) => [line, `${root}/${line}`, `${root}/out/${line}`])
}

/** Everything in the directory but what lies in the allowed one and the gateway's own data, as one text. */
function snapshot(top: string, root: string): string {
  const entries = readdirSync(top, { recursive: true, withFileTypes: true })
    .map((entry) => ({ path: join(entry.parentPath, entry.name), isFile: entry.isFile() }))
    .filter(({ path }) => path !== root && !path.startsWith(`${root}/`) && !path.startsWith(join(top, 'data')))
  return entries
    .map(({ path, isFile }) => `${path} ${isFile ? readFileSync(path, 'utf8') : ''}`)
    .sort()
    .join('\n')
}
