// Self-protection at a real gateway, with what the command line passes to it: a call that names what it must not is denied.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, it } from 'node:test'
import type { RawClient } from '../../support/raw-client.ts'
import { StdioHarness } from '../../support/stdio-harness.ts'

let harness: StdioHarness
afterEach(() => harness.remove())

/** A gateway whose home, configuration and data lie apart, beneath one directory. */
function start(): RawClient {
  harness = new StdioHarness()
  for (const name of ['etc', 'home']) mkdirSync(join(harness.directory, name))
  writeFileSync(join(harness.directory, 'etc', 'tw.yaml'), '')
  return harness.gateway({
    environment: {
      HOME: join(harness.directory, 'home'),
      TOOLWARDEN_CONFIG: join(harness.directory, 'etc', 'tw.yaml'),
      XDG_CONFIG_HOME: '',
    },
  })
}

async function isDenied(client: RawClient, tool: string, path: string): Promise<boolean> {
  const denied = (await client.call(tool, { path })).result?.isError === true
  if (denied) assert.equal((await harness.eventsOf('authorization/decide')).at(-1)?.reason, 'self_protection')
  return denied
}

describe('a gateway before a server that takes paths', () => {
  it('denies its keys by a relative path, its configuration, its policy and those of clients', async () => {
    const client = start()
    const { directory, policyFile } = harness
    for (const path of ['data/installation/gateway.key', join(directory, 'etc', 'tw.yaml'), policyFile])
      assert.ok(await isDenied(client, 'read_file', path), path)
    for (const path of ['.claude.json', '.cursor/mcp.json', '.config/Claude/claude_desktop_config.json'])
      assert.ok(await isDenied(client, 'write_file', join(directory, 'home', path)), path)
    assert.equal(await isDenied(client, 'read_file', 'notes.txt'), false)
  })

  it('denies moving what is above them, and lets it be listed', async () => {
    const client = start()
    for (const path of [harness.directory, join(harness.directory, 'etc')]) {
      assert.ok(await isDenied(client, 'move_file', path), path)
      assert.equal(await isDenied(client, 'list_directory', path), false)
    }
  })
})
