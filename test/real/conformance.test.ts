// The official conformance suite, directly and through a gateway: every check must come out the same, for 2025-11-25 and
// 2026-07-28 over HTTP, and for 2025-11-25 over stdio. Both columns are printed. The server meets every check but those of
// the tasks extension, which the suite does not score; before a server that meets fewer, the gateway may only be stricter
// where one of its rules says so.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Background, startBackground } from '../support/background.ts'
import { type Comparison, compareChecks, type Revision, runConformance } from '../support/conformance.ts'
import { findFreePort } from '../support/free-port.ts'
import { GatewayBefore } from '../support/gateway-before.ts'
import { peers, peersSkipReason } from '../support/reference-peers.ts'

/** What the suite's own server passes of version 0.2.0-alpha.12, and what fails there too. */
const PASSED = { '2025-11-25': 84, '2026-07-28': 165 } as const
const UNSCORED = /^server-tasks-/
/** The bridge between the suite and stdio has no stream to come back to. */
const STDIO_PASSED = 81

/** Checks that server-everything fails and the gateway does not let it fail, with the gateway's rule. */
const STRICTER: Readonly<Record<Revision, Readonly<Record<string, string>>>> = {
  '2025-11-25': {
    'server-dns-rebinding-protection: localhost-host-rebinding-rejected': 'a foreign Host or Origin is refused',
    'server-server-session-lifecycle: server-session-terminated-returns-404': 'an ended session is not used again',
  },
  '2026-07-28': {
    'server-server-stateless: sep-2575-http-server-error-jsonrpc-id (4)': 'a refusal has the id of its request',
    'server-server-stateless: sep-2575-http-server-error-jsonrpc-id (5)': 'a refusal has the id of its request',
    'server-server-stateless: sep-2575-http-server-header-mismatch-400': 'a field says what the body says',
    'server-server-stateless: sep-2575-request-meta-invalid-missing-meta': 'a field says what the body says',
    'server-server-stateless: sep-2575-request-meta-invalid-missing-protocol-version':
      'a field says what the body says',
    'server-tasks-request-headers: tasks-headers-reject-mismatched-method': 'a field says what the body says',
  },
}

const compiled = join(import.meta.dirname, '..', 'support')
const serverCommand = [process.execPath, join(compiled, 'conformance-server.js')]

describe('the official conformance suite', { skip: peersSkipReason() }, () => {
  let server: Background
  let gateway: GatewayBefore

  before(async () => {
    server = await startBackground([...serverCommand, 'http'], /listening on (\S+)/)
    gateway = new GatewayBefore()
  })
  after(async () => {
    await gateway?.remove()
    await server?.stop()
  })

  for (const revision of ['2025-11-25', '2026-07-28'] as const)
    it(`says the same through the gateway over HTTP, ${revision}`, async () => {
      const direct = server.match[1] ?? ''
      assertSame(await compare(revision, [direct, await through(direct)]), PASSED[revision])
    })

  it('says the same through the gateway over stdio, 2025-11-25', async (context) => {
    const urls = [await startBridge(serverCommand), await startBridge(gateway.command(serverCommand))] as const
    context.after(() => Promise.all(urls.map(({ bridge }) => bridge.stop())))
    assertSame(await compare('2025-11-25', [urls[0].url, urls[1].url]), STDIO_PASSED)
  })

  for (const revision of ['2025-11-25', '2026-07-28'] as const)
    it(`finds the gateway stricter than server-everything where a rule says so, ${revision}`, async (context) => {
      const port = await findFreePort()
      const everything = [peers.node, peers.everything, 'streamableHttp']
      const other = await startBackground(everything, /listening on/, { PORT: String(port) })
      context.after(() => other.stop())
      const direct = `http://localhost:${port}/mcp`
      const { differences, stricter } = await compare(revision, [direct, await through(direct)])
      assert.deepEqual(differences, [])
      assert.deepEqual(stricter, Object.keys(STRICTER[revision]))
      for (const check of stricter) console.log(`stricter: ${check}: ${STRICTER[revision][check]}`)
    })

  async function through(direct: string): Promise<string> {
    return (await gateway.listen(direct)).url.replace('127.0.0.1', 'localhost')
  }

  async function startBridge(
    command: readonly string[],
  ): Promise<{ readonly url: string; readonly bridge: Background }> {
    const port = await findFreePort()
    const bridgeCommand = [process.execPath, join(compiled, 'stdio-bridge.js'), String(port), ...command]
    const bridge = await startBackground(bridgeCommand, /bridge on (\S+)/, gateway.environment)
    return { url: bridge.match[1] ?? '', bridge }
  }
})

async function compare(revision: Revision, [direct, through]: readonly [string, string]): Promise<Comparison> {
  const comparison = compareChecks(await runConformance(direct, revision), await runConformance(through, revision))
  const { lines, passed } = comparison
  for (const line of lines) console.log(line)
  console.log(`${revision}: passed ${passed.direct} directly, ${passed.through} through the gateway`)
  return comparison
}

function assertSame({ differences, stricter, failed, passed }: Comparison, expected: number): void {
  assert.deepEqual([...differences, ...stricter], [])
  assert.deepEqual(
    failed.filter((check) => !UNSCORED.test(check)),
    [],
  )
  assert.equal(passed.through, expected)
}
