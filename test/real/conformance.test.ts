// The official conformance suite against server-everything, directly and through a gateway: every check must come out the
// same, for 2025-11-25 and 2026-07-28 over HTTP, and for 2025-11-25 over stdio. Both columns are printed. Checks that this
// server does not meet fail in both columns; a server that meets them all is in no package.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Background, startBackground } from '../support/background.ts'
import { compareChecks, type Revision, runConformance } from '../support/conformance.ts'
import { findFreePort } from '../support/free-port.ts'
import { GatewayBefore } from '../support/gateway-before.ts'
import { peers, peersSkipReason } from '../support/reference-peers.ts'

/** So many checks this server passes; fewer would mean that something was not tried. */
const LEAST_PASSED = { '2025-11-25': 20, '2026-07-28': 1 } as const
const STDIO_LEAST_PASSED = 20

const compiled = join(import.meta.dirname, '..', 'support')

describe('the official conformance suite', { skip: peersSkipReason() }, () => {
  let server: Background
  let direct = ''
  let gateway: GatewayBefore

  before(async () => {
    const port = await findFreePort()
    direct = `http://localhost:${port}/mcp`
    server = await startBackground([peers.node, peers.everything, 'streamableHttp'], /listening on/, {
      PORT: String(port),
    })
    gateway = new GatewayBefore()
  })
  after(async () => {
    await gateway?.remove()
    await server?.stop()
  })

  it('says the same through the gateway over HTTP, 2025-11-25', () => compareOverHttp('2025-11-25'))

  it('says the same through the gateway over HTTP, 2026-07-28', () => compareOverHttp('2026-07-28'))

  it('says the same through the gateway over stdio, 2025-11-25', async (context) => {
    const command = [process.execPath, join(compiled, 'http-client-bridge.js'), direct]
    const urls = [await startBridge(command), await startBridge(gateway.command(command))] as const
    context.after(() => Promise.all(urls.map(({ bridge }) => bridge.stop())))
    await compare('2025-11-25', [urls[0].url, urls[1].url], STDIO_LEAST_PASSED)
  })

  async function compareOverHttp(revision: Revision): Promise<void> {
    const { url } = await gateway.listen(direct)
    await compare(revision, [direct, url.replace('127.0.0.1', 'localhost')], LEAST_PASSED[revision])
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

async function compare(revision: Revision, [direct, through]: readonly [string, string], least: number): Promise<void> {
  const { lines, differences, stricter, passed } = compareChecks(
    await runConformance(direct, revision),
    await runConformance(through, revision),
  )
  for (const line of lines) console.log(line)
  console.log(`${revision}: passed ${passed.direct} directly, ${passed.through} through the gateway`)
  for (const line of stricter) console.log(`stricter: ${line}`)
  assert.deepEqual(differences, [])
  assert.ok(passed.direct >= least, `only ${passed.direct} checks passed`)
}
