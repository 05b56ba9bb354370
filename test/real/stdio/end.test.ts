// A gateway ends as its server ended: exit code, signal, stderr and end of input as without it, and nothing is lost.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { RawClient } from '../../support/raw-client.ts'
import { StdioHarness } from '../../support/stdio-harness.ts'

let harness: StdioHarness
beforeEach(() => {
  harness = new StdioHarness()
})
afterEach(() => harness.remove())

/** Does the same at once with a server and with a gateway before it. */
async function bothWays<Result>(drive: (client: RawClient) => Promise<Result>): Promise<readonly [Result, Result]> {
  const [direct, gateway] = [harness.direct(), harness.gateway()]
  return Promise.all([drive(direct), drive(gateway)])
}

function send(client: RawClient, name: string, args: object): void {
  client.send({ jsonrpc: '2.0', id: 'x', method: 'tools/call', params: { name, arguments: args } })
}

describe('the end of a server', () => {
  for (const [name, args] of [
    ['crash', { code: 3 }],
    ['signal', { signal: 'SIGKILL' }],
  ] as const) {
    it(`is the gateway's, and the call under way ambiguous: ${name} ${JSON.stringify(args)}`, async () => {
      const [direct, gateway] = await bothWays(async (client) => {
        await client.initialize()
        send(client, name, args)
        return { ...(await client.ended), stderr: client.stderr }
      })
      assert.deepEqual(gateway, direct)
      const [receipt, ...end] = (await harness.events()).slice(-3)
      assert.ok(receipt?.type === 'authorization/receipt' && receipt.status === 'ambiguous')
      assert.deepEqual(
        end.map(({ type }) => type),
        ['session/close', 'writer/close'],
      )
    })
  }

  it('loses no byte of a last answer that the client has not read yet', async () => {
    const client = harness.gateway()
    await client.call('denied_call')
    client.child.stdout.pause()
    send(client, 'exit', { code: 4, bytes: 5_000_000 })
    // The receipt is durable, so the answer is on its way to a client that does not read.
    await harness.until(async () => (await harness.eventsOf('authorization/receipt')).length === 1)
    client.child.stdout.resume()
    assert.deepEqual(await client.ended, { code: 4, signal: null })
    assert.equal(client.answers.at(-1)?.result?.content?.[0]?.text.length, 5_000_000)
  })

  it('is the gateway’s, when Node gives the signal a meaning of its own', async () => {
    const client = harness.gateway()
    send(client, 'signal', { signal: 'SIGUSR2' })
    assert.deepEqual(await client.ended, { code: null, signal: 'SIGUSR2' })
    const another = harness.gateway({ command: ['sh', '-c', 'kill -PIPE $$'] })
    assert.deepEqual(await another.ended, { code: 128 + 13, signal: null })
  })
})

describe('the end of a client', () => {
  it('ends the server and then the gateway with the same code, nothing on stdout', async () => {
    const [direct, gateway] = await bothWays(async (client) => ({
      ...(await client.end()),
      out: client.received.length,
    }))
    assert.deepEqual(gateway, direct)
    assert.deepEqual(gateway, { code: 0, signal: null, out: 0 })
  })

  it('does not cut off answers: a half-closed client gets them all', async () => {
    const client = harness.gateway()
    for (let id = 1; id <= 20; id++)
      client.send({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'echo', arguments: { id } } })
    await client.end()
    assert.deepEqual(
      client.answers.map(({ id }) => id).toSorted(),
      Array.from({ length: 20 }, (_, id) => id + 1).toSorted(),
    )
  })

  it('that only stops reading ends the server too, and what ran is recorded', async () => {
    const client = harness.gateway()
    await client.initialize()
    client.child.stdout.destroy()
    send(client, 'echo', {})
    assert.equal((await client.ended).code, 0)
    assert.deepEqual(
      (await harness.eventsOf('authorization/receipt')).map(({ status }) => status),
      ['ok'],
    )
  })

  it('by SIGTERM ends a server that ignores end of input and SIGTERM within two seconds', async () => {
    const client = harness.gateway({ serverOptions: ['--ignore-eof', '--ignore-sigterm'] })
    await client.call('echo')
    const started = performance.now()
    client.child.stdin.end()
    client.child.kill('SIGTERM')
    assert.deepEqual(await client.ended, { code: null, signal: 'SIGKILL' })
    assert.ok(performance.now() - started < 2_000)
  })

  it('by SIGTERM ends the gateway, when a process of the server keeps its output open', async () => {
    const script = 'sleep 60 & echo ready; exec cat >/dev/null'
    const client = harness.gateway({ command: ['sh', '-c', script] })
    await client.until(() => client.received.includes('ready'))
    client.child.kill('SIGTERM')
    assert.deepEqual(
      await new Promise((resolve) => client.child.once('exit', (_, signal) => resolve(signal))),
      'SIGTERM',
    )
    client.child.stdout.destroy()
    client.child.stderr.destroy()
  })
})

describe('a server command', () => {
  it('that does not exist ends the gateway with code 5 and says so on stderr alone', async () => {
    const client = harness.gateway({ command: ['/no/such/server', '--x'] })
    assert.deepEqual(await client.ended, { code: 5, signal: null })
    assert.equal(client.received.length, 0)
    assert.match(client.stderr, /^toolwarden: UPSTREAM_UNAVAILABLE: .*\n {2}at: \/no\/such\/server\n {2}fix: /)
    assert.doesNotMatch(client.stderr, /node:internal|\n {4}at /)
  })

  it('gets the whole environment but for the gateway’s own variables', async () => {
    const own = { TOOLWARDEN_SESSION: 's', KAFKA_PASSWORD: 'k', CLICKHOUSE_PASSWORD: 'c' }
    const client = harness.gateway({ environment: { ...own, OTHER_TOKEN: 'kept', ODD: 'a=b\n"c"' } })
    const direct = harness.direct({ environment: { OTHER_TOKEN: 'kept', ODD: 'a=b\n"c"' } })
    const [seen, plain] = await Promise.all(
      [client, direct].map(async (each) => {
        const { result } = await each.call('environment')
        return JSON.parse(result?.content?.[0]?.text ?? '{}') as Record<string, string>
      }),
    )
    const { TOOLWARDEN_DATA: _, ...expected } = plain ?? {}
    assert.deepEqual(seen, expected)
  })

  it('that closes its input makes the client’s writes fail, as without a gateway', async () => {
    const client = harness.gateway({ command: ['sh', '-c', 'exec 0<&-; echo closed; exec sleep 60'] })
    await client.until(() => client.received.includes('closed'))
    await harness.until(() => {
      client.send({ jsonrpc: '2.0', method: 'notifications/x' })
      return client.child.stdin.destroyed
    })
    client.child.kill('SIGTERM')
    assert.deepEqual(await client.ended, { code: null, signal: 'SIGTERM' })
  })
})
