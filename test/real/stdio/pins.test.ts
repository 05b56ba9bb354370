// Definitions through the real gateway: pinned at first sight, kept for the next run, held once they change.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { RawClient } from '../../support/raw-client.ts'
import { StdioHarness } from '../../support/stdio-harness.ts'

const listingServer = join(import.meta.dirname, '..', '..', 'support', 'listing-server.js')
const CLEAN = '{"tools":[{"name":"add","description":"Adds.","inputSchema":{"maximum":9007199254740992}}]}'
/** One more than 2^53: a double makes both the same number. */
const TURNED = '{"tools":[{"name":"add","description":"Adds.","inputSchema":{"maximum":9007199254740993}}]}'

let harness: StdioHarness
beforeEach(() => {
  harness = new StdioHarness()
  setList(CLEAN)
  setPinning('warn')
})
afterEach(() => harness.remove())

function listFile(): string {
  return join(harness.directory, 'list.json')
}

function setList(text: string): void {
  writeFileSync(listFile(), text)
}

function setPinning(mode: string): void {
  writeFileSync(harness.policyFile, `version: "1"\ndefault: allow\npinning: ${mode}\nrules: []\n`)
}

async function start(): Promise<RawClient> {
  const client = harness.gateway({ command: [process.execPath, listingServer, listFile()] })
  await client.initialize()
  return client
}

async function listAndCall(client: RawClient, tool = 'add'): Promise<string> {
  await client.request('tools/list')
  return (await client.call(tool)).result?.content?.[0]?.text ?? ''
}

/** A run that sees the clean list under `warn`, and its end. */
async function pinAtFirstSight(): Promise<void> {
  const client = await start()
  assert.equal(await listAndCall(client), 'ran')
  await client.end()
}

describe('a definition that changes under enforce', () => {
  it('is held in the middle of a connection, and callable again once it is what it was', async () => {
    await pinAtFirstSight()
    setPinning('enforce')
    const client = await start()
    assert.equal(await listAndCall(client), 'ran')
    setList(TURNED)
    assert.match(await listAndCall(client), /^Blocked by policy pinning: the definition of this tool .* changed/)
    setList(CLEAN)
    assert.equal(await listAndCall(client), 'ran')
    await client.end()
    const denied = (await harness.eventsOf('authorization/decide')).filter(({ decision }) => decision === 'deny')
    assert.deepEqual(
      denied.map(({ reason, rule }) => [reason, rule]),
      [['pin_changed', 'pinning']],
    )
  })

  it('is recorded with the old digest and the new one, and reaches the client unchanged', async () => {
    await pinAtFirstSight()
    setList(TURNED)
    setPinning('enforce')
    const client = await start()
    await client.request('tools/list')
    assert.ok(client.received.includes(TURNED))
    await client.end()
    const [first, second] = await harness.eventsOf('tools/listed')
    assert.deepEqual([first?.added, first?.changed, second?.added, second?.changed], [['add'], [], [], ['add']])
    assert.equal(first?.tools[0]?.digest, first?.tools[0]?.pinned)
    assert.equal(second?.tools[0]?.pinned, first?.tools[0]?.digest)
    assert.notEqual(second?.tools[0]?.digest, first?.tools[0]?.digest)
  })

  it('stays held in the next run, where the client does not list', async () => {
    await pinAtFirstSight()
    setPinning('enforce')
    setList(TURNED)
    const first = await start()
    assert.match(await listAndCall(first), /changed/)
    await first.end()
    const second = await start()
    assert.match((await second.call('add')).result?.content?.[0]?.text ?? '', /other definitions/)
    await second.end()
  })
})

describe('under enforce', () => {
  it('nothing is trusted by being seen: what is new, and what was never listed, is denied', async () => {
    setPinning('enforce')
    const client = await start()
    assert.match(await listAndCall(client), /are new, and no operator/)
    assert.match(await listAndCall(client, 'hidden'), /no list of the server has shown this tool/)
    await client.end()
    const decides = await harness.eventsOf('authorization/decide')
    assert.deepEqual(
      decides.map(({ reason }) => reason),
      ['pin_unknown', 'pin_unknown'],
    )
  })

  it('a call asks for approval, where the policy says so', async () => {
    writeFileSync(
      harness.policyFile,
      'version: "1"\ndefault: allow\npinning: [{ mode: enforce, held: escalate }]\nrules: []\n',
    )
    const client = await start()
    const called = listAndCall(client)
    // The run makes its installation while the first lines already pass.
    await harness.until(() => existsSync(join(harness.data, 'installation')))
    await harness.until(async () => (await harness.eventsOf('approval/requested')).length === 1)
    const [asked] = await harness.eventsOf('approval/requested')
    assert.deepEqual([asked?.rule, asked?.reason], ['pinning', 'pin_unknown'])
    await client.end()
    assert.match(await called, /^Approval pending/)
  })
})

describe('under warn', () => {
  it('a changed definition is recorded, and its tool runs', async () => {
    await pinAtFirstSight()
    setList(TURNED)
    const client = await start()
    assert.equal(await listAndCall(client), 'ran')
    await client.end()
    assert.deepEqual((await harness.eventsOf('tools/listed')).at(-1)?.changed, ['add'])
  })

  it('a client that lists and ends at once leaves a pin and its record', async () => {
    const client = await start()
    await client.request('tools/list')
    await client.end()
    assert.equal((await harness.eventsOf('tools/listed')).length, 1)
    assert.match(readFileSync(join(harness.data, 'pins', 'echo.jsonl'), 'utf8'), /"pinned"/)
  })

  it('pins are kept in a file that only its owner can read', async () => {
    await pinAtFirstSight()
    const file = join(harness.data, 'pins', 'echo.jsonl')
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.equal(statSync(join(harness.data, 'pins')).mode & 0o777, 0o700)
    assert.match(readFileSync(file, 'utf8'), /^\{"kind":"pinned","tool":"add","digest":"[0-9a-f]{64}"\}\n$/)
  })
})

describe('pins that are damaged', () => {
  it('are named on stderr, and nothing is pinned by being seen', async () => {
    await pinAtFirstSight()
    writeFileSync(join(harness.data, 'pins', 'echo.jsonl'), 'no json\n')
    setPinning('enforce')
    const client = await start()
    assert.match(await listAndCall(client), /new/)
    await client.until(() => client.stderr.includes('echo.jsonl:1'))
    await client.end()
  })
})
