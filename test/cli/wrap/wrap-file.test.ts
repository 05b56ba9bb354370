// Files on disk: private backups, modes and links kept, restored byte for byte, never over somebody else's edit.
import assert from 'node:assert/strict'
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { unwrapFile, wrapFile } from '../../../cli/wrap/wrap-file.ts'
import { withCode } from '../../support/errors.ts'
import { goldenClients, readGolden, settings } from './golden-files.ts'

let directory: string
let path: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'toolwarden-wrap-'))
  path = join(directory, 'mcp.json')
})
afterEach(() => rmSync(directory, { recursive: true }))

const write = { isDryRun: false }
const entry = '{"mcpServers":{"a":{"command":"a"}}}'

function given(text: string | Buffer): void {
  writeFileSync(path, text, { mode: 0o644 })
}

describe('wrapFile and unwrapFile', () => {
  for (const client of goldenClients()) {
    it(`give back the file of ${client} byte for byte, and leave nothing behind`, async () => {
      const before = Buffer.from(`\uFEFF${readGolden(client, 'before').replaceAll('\n', '\r\n')}`)
      given(before)
      assert.equal((await wrapFile(path, settings, write))?.isChanged, true)
      assert.equal((await unwrapFile(path))?.isChanged, true)
      assert.deepEqual(readFileSync(path), before)
      assert.deepEqual(readdirSync(directory), ['mcp.json'])
    })
  }

  it('keep a private backup, the mode of the file, and a link to it', async () => {
    given(entry)
    chmodSync(path, 0o640)
    const link = join(directory, 'link.json')
    symlinkSync(path, link)
    const outcome = await wrapFile(link, settings, write)
    assert.equal(readFileSync(outcome?.backup ?? '', 'utf8'), entry)
    const modes = ['mcp.json', 'mcp.json.toolwarden-backup', 'mcp.json.toolwarden-wrap.json'].map(
      (name) => statSync(join(directory, name)).mode & 0o777,
    )
    assert.deepEqual(modes, [0o640, 0o600, 0o600])
    assert.equal(lstatSync(link).isSymbolicLink(), true)
  })

  it('change nothing the second time, and nothing in a dry run', async () => {
    given(entry)
    const dry = await wrapFile(path, settings, { isDryRun: true })
    assert.match(dry?.diff ?? '', /^\+\{"mcpServers":\{"a":\{"command":"toolwarden"/m)
    assert.deepEqual(readdirSync(directory), ['mcp.json'])
    await wrapFile(path, settings, write)
    const wrapped = readFileSync(path)
    assert.equal((await wrapFile(path, settings, write))?.isChanged, false)
    assert.deepEqual(readFileSync(path), wrapped)
  })

  it('wrap a server that was added later, and restore both', async () => {
    given(entry)
    await wrapFile(path, settings, write)
    const more = ',"b":{"command":"b"}}}'
    writeFileSync(path, readFileSync(path, 'utf8').replace(/\}\}$/, more))
    const states = (await wrapFile(path, settings, write))?.servers.map(({ state }) => state)
    assert.deepEqual(states, ['wrapped', 'wrapped'])
    await unwrapFile(path)
    assert.equal(readFileSync(path, 'utf8'), entry.replace(/\}\}$/, more))
  })

  it('take other settings without a trace of the ones before', async () => {
    given(entry)
    await wrapFile(path, settings, write)
    await wrapFile(path, { ...settings, options: ['--policy', '/other.yaml'] }, write)
    assert.match(readFileSync(path, 'utf8'), /other\.yaml/)
    await unwrapFile(path)
    assert.equal(readFileSync(path, 'utf8'), entry)
  })

  it('refuse where a wrapped entry was edited since, and change nothing', async () => {
    given(entry)
    await wrapFile(path, settings, write)
    const edited = readFileSync(path, 'utf8').replace('"--name", "a"', '"--name", "z"')
    writeFileSync(path, edited)
    await assert.rejects(unwrapFile(path), withCode('CONFIG_INVALID', /edited since: mcpServers\.a/))
    await assert.rejects(wrapFile(path, settings, write), withCode('CONFIG_INVALID'))
    assert.equal(readFileSync(path, 'utf8'), edited)
  })

  it('refuse a file that is no UTF-8, a damaged record, and a backup of something else', async () => {
    given(Buffer.from([0x7b, 0xff, 0x7d]))
    await assert.rejects(wrapFile(path, settings, write), withCode('CONFIG_INVALID'))
    given(entry)
    writeFileSync(`${path}.toolwarden-backup`, '{}')
    await assert.rejects(wrapFile(path, settings, write), withCode('CONFIG_INVALID', /backup of something else/))
    writeFileSync(`${path}.toolwarden-wrap.json`, '{"version":2}')
    await assert.rejects(unwrapFile(path), withCode('CONFIG_INVALID', /damaged/))
    assert.equal(readFileSync(path, 'utf8'), entry)
  })

  it('say so, where there is no file, and where nothing was wrapped', async () => {
    assert.equal(await wrapFile(path, settings, write), undefined)
    given(entry)
    assert.equal((await unwrapFile(path))?.isChanged, false)
  })
})
