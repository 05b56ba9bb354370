// Governed calls through the real gateway: recorded before they are forwarded, refused with a reason, settled once.
import assert from 'node:assert/strict'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { StdioHarness } from '../../support/stdio-harness.ts'

let harness: StdioHarness
beforeEach(() => {
  harness = new StdioHarness()
})
afterEach(() => harness.remove())

function callLine(id: unknown, name: string, args: object = {}): object {
  return {
    jsonrpc: '2.0',
    ...(id === undefined ? {} : { id }),
    method: 'tools/call',
    params: { name, arguments: args },
  }
}

describe('a call', () => {
  it('has propose, decide and receipt in the log, tied to each other, and its session around it', async () => {
    const client = harness.gateway({ flags: ['--principal', 'agent:me', '--session', 's1'] })
    await client.initialize()
    await client.request('tools/list')
    await client.call('echo', { path: '/a' })
    await client.end()
    const events = await harness.events()
    assert.deepEqual(
      events.map(({ type }) => type),
      [
        'writer/open',
        'writer/heartbeat',
        'session/open',
        'tools/listed',
        'authorization/propose',
        'authorization/decide',
        'authorization/receipt',
        'session/close',
        'writer/close',
      ],
    )
    const [propose, decide, receipt] = await Promise.all([
      harness.eventsOf('authorization/propose'),
      harness.eventsOf('authorization/decide'),
      harness.eventsOf('authorization/receipt'),
    ])
    assert.equal(propose[0]?.call, receipt[0]?.call)
    assert.deepEqual(
      [decide[0]?.principal, decide[0]?.session, decide[0]?.client, decide[0]?.server],
      ['agent:me', 's1', 'test-client/1.0', 'echo'],
    )
  })

  it('that is denied or needs approval never reaches the server, and the answer says why', async () => {
    const client = harness.gateway()
    const [denied, asked] = [await client.call('denied_x', { a: 1 }), await client.call('asked_x')]
    assert.match(
      denied.result?.content?.[0]?.text ?? '',
      /^Blocked by policy no: Denied by a rule\. Call [0-9a-f-]{36}\.$/,
    )
    assert.match(
      asked.result?.content?.[0]?.text ?? '',
      /^Approval pending \(id [0-9a-f-]{36}\): call again with the same arguments; /,
    )
    assert.ok(denied.result?.isError === true && asked.result?.isError === true)
    await client.end()
    assert.equal(harness.served.length, 0)
    const decides = await harness.eventsOf('authorization/decide')
    assert.deepEqual(
      decides.map(({ decision, reason }) => `${decision} ${reason}`),
      ['deny policy_rule', 'escalate needs_approval', 'deny approval_pending'],
    )
  })

  it('without an id is neither forwarded nor answered, but noted', async () => {
    const client = harness.gateway()
    client.send(callLine(undefined, 'echo'))
    await client.request('ping')
    assert.equal(client.answers.length, 1)
    await client.end()
    assert.doesNotMatch(harness.served.toString(), /tools\/call/)
    assert.deepEqual(
      (await harness.eventsOf('request/observed')).map(({ method }) => method),
      ['tools/call'],
    )
  })

  it('with an id that is under way is refused, and the first one is answered', async () => {
    const client = harness.gateway()
    client.send(callLine('a', 'slow', { first: true }))
    client.send(callLine('a', 'denied_x'))
    assert.match((await client.answerTo('a')).error?.message ?? '', /a request with this id is under way/)
    await client.call('release')
    await client.until(() => client.answers.filter(({ id }) => id === 'a').length === 2)
    await client.end()
    assert.equal((await harness.eventsOf('authorization/propose')).length, 2)
  })

  it('with a name that a server could read otherwise is refused', async () => {
    const client = harness.gateway()
    const names = ['', 'echo\0_safe', 'a\nb', 'x'.repeat(513), 7, ['echo'], { name: 'echo' }, null]
    for (const [id, name] of names.entries()) client.send(callLine(id, name as string))
    client.send({ jsonrpc: '2.0', id: 'array', method: 'tools/call', params: ['echo', {}] })
    client.send({ jsonrpc: '2.0', id: 'none', method: 'tools/call' })
    await client.until(() => client.answers.length === names.length + 2)
    assert.ok(client.answers.every(({ error }) => error?.code === -32602))
    await client.end()
    assert.equal(harness.served.length, 0)
  })
})

describe('a cancel', () => {
  it('while the call is being decided keeps call and cancel from the server, and nothing is answered', async () => {
    const client = harness.gateway()
    // In one write, so that the cancel comes before the log has answered.
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } }
    client.send(`${JSON.stringify(callLine(1, 'echo'))}\n${JSON.stringify(cancel)}\n`)
    await client.end()
    assert.equal(harness.served.length + client.received.length, 0)
    assert.deepEqual(
      (await harness.eventsOf('authorization/receipt')).map(({ status }) => status),
      ['not_forwarded'],
    )
  })

  it('after the call was forwarded reaches the server; an answer all the same has its receipt first', async () => {
    const client = harness.gateway()
    client.send(callLine('x', 'slow'))
    await harness.until(() => harness.served.includes('slow'))
    client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'x' } })
    await client.call('release')
    assert.ok((await client.answerTo('x')).result)
    await client.end()
    assert.match(harness.served.toString(), /notifications\/cancelled/)
    assert.equal((await harness.eventsOf('authorization/receipt')).filter(({ status }) => status === 'ok').length, 2)
  })
})

describe('a gateway without a valid policy', () => {
  it('denies every call with the reason, carries all else, and says on stderr what to mend', async () => {
    writeFileSync(harness.policyFile, 'version: "1"\nrules:\n  - tol: echo\n    action: allow\n')
    const client = harness.gateway()
    assert.ok((await client.initialize()).result)
    const denied = await client.call('echo')
    assert.match(denied.result?.content?.[0]?.text ?? '', /no valid policy is loaded/)
    assert.match(client.stderr, /every call is denied: [\s\S]*policy\.yaml:3:5[\s\S]*"?tool"?/)
    await client.end()
    assert.deepEqual(
      (await harness.eventsOf('authorization/decide')).map(({ reason }) => reason),
      ['policy_missing'],
    )
  })

  it('names the file, when there is none', async () => {
    rmSync(harness.policyFile)
    const client = harness.gateway()
    assert.equal((await client.call('echo')).result?.isError, true)
    assert.match(client.stderr, /the policy cannot be read \(ENOENT\)\n {2}at: .*policy\.yaml\n {2}fix: /)
  })
})

describe('a gateway with a bad configuration', () => {
  it('ends with code 4 and the place, and its server with it', async () => {
    const file = join(harness.directory, 'toolwarden.yaml')
    writeFileSync(file, 'gateway:\n  recrod: {}\n')
    const client = harness.gateway({ flags: ['--config', file], serverOptions: ['--ignore-eof'] })
    assert.deepEqual(await client.ended, { code: 4, signal: null })
    assert.match(client.stderr, /CONFIG_INVALID: [\s\S]*toolwarden\.yaml:2:3:gateway\.recrod: unknown key "recrod"/)
    assert.doesNotMatch(client.stderr, /\n {4}at /)
  })
})

describe('two gateways started at once on a new data directory', () => {
  it('make one installation and two chains that verify together', async () => {
    const clients = [harness.gateway(), harness.gateway()]
    await Promise.all(clients.map((client) => client.call('echo')))
    await Promise.all(clients.map((client) => client.end()))
    const opens = await harness.eventsOf('writer/open')
    assert.equal(new Set(opens.map(({ instance }) => instance)).size, 2)
    assert.equal((await harness.eventsOf('authorization/receipt')).length, 2)
    assert.deepEqual(readdirSync(harness.data).toSorted(), ['installation', 'log', 'policies', 'spool'])
  })
})
