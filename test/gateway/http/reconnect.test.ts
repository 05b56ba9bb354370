// A rule about a session over HTTP binds whoever led it, with real detectors on the log of a real gateway: no new session id,
// trace or client name lifts it, and no other principal is bound.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { Detector } from '../../../detectors/detector.ts'
import { detectorSettings } from '../../../detectors/settings.ts'
import { DETECTORS_WRITER, type RunningDetectors, startDetectors } from '../../../detectors/start.ts'
import { generateKey, type KeyPair } from '../../../events/keys.ts'
import { systemClock } from '../../../events/time.ts'
import { Trust } from '../../../events/trust.ts'
import type { Caller } from '../../../gateway/http/caller.ts'
import { HttpHarness } from '../../support/http-harness.ts'
import { until } from '../../support/until.ts'

const MODERN = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'another', version: '2' },
  'io.modelcontextprotocol/clientCapabilities': {},
}
const traced = (digit: string): object => ({ traceparent: `00-${digit.repeat(32)}-b7ad6b7169203331-01` })
const caller = (name: string): Caller => {
  return { principal: `agent:${name}`, principalSource: 'token', tokenId: name, servers: undefined }
}

/** Denies everything in a session that used one tool. */
const strict: Detector<null> = {
  name: 'strict',
  version: 1,
  initialState: null,
  observe: (state, { event, hash }) => {
    if (event.type !== 'authorization/receipt' || event.tool !== 'bad') return { state, findings: [] }
    const { session, principal } = event
    const scope = { session, principal }
    const response = { scope, tool: '*', action: 'deny', lifetimeMs: 60_000, reason: 'as the test wants' } as const
    const said = { subject: session, explanation: 'bad was used', causes: [hash], scope, response }
    return { state, findings: [{ severity: 'high', score: 800, ...said }] }
  },
}

describe('a rule about a session over HTTP', () => {
  let harness: HttpHarness
  let detectors: RunningDetectors
  let directory: string

  beforeEach(async () => {
    const keys = { gateway: generateKey(), detectors: generateKey() }
    const entry = (writer: string, { publicKey }: KeyPair) => ({ writer, key: publicKey.toString('base64url') })
    const trust = new Trust([entry('gateway/*', keys.gateway), entry(DETECTORS_WRITER, keys.detectors)])
    const callers = { ann: caller('ann'), bob: caller('bob') }
    harness = await new HttpHarness({ callers, trust, key: keys.gateway, logStartMs: Date.now() }).start()
    directory = await mkdtemp(join(tmpdir(), 'toolwarden-reconnect-'))
    detectors = await startDetectors({
      ...{ eventLog: harness.log, clock: systemClock(), log: 'toolwarden/test', trust, key: keys.detectors },
      ...{ snapshotDirectory: directory, settings: detectorSettings.parse({}), software: 'test' },
      ...{ onNotice: () => undefined, detectors: [strict] },
    })
    await detectors.live
  })
  afterEach(async () => {
    await detectors.stop()
    await harness.stop()
    await rm(directory, { recursive: true, force: true })
  })

  const post = (token: string, message: object, session = ''): Promise<Response> => {
    const fields = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
    const headers = session === '' ? fields : { ...fields, 'mcp-session-id': session }
    return fetch(harness.url, { method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', ...message }), headers })
  }
  const begin = async (token: string, name = 'test'): Promise<string> => {
    const params = { protocolVersion: '2025-11-25', clientInfo: { name, version: '1' } }
    return (await post(token, { id: 1, method: 'initialize', params })).headers.get('mcp-session-id') ?? ''
  }
  /** Calls a tool; resolves with the reason of the decision. */
  const call = async (token: string, session = '', { name = 'echo', meta = {} } = {}): Promise<string | undefined> => {
    const before = harness.eventsOf('authorization/decide').length
    const params = { name, arguments: {}, _meta: meta }
    const response = await post(token, { id: 2, method: 'tools/call', params }, session)
    await response.text()
    return harness.eventsOf('authorization/decide')[before]?.reason
  }
  /** A rule that binds a session once it used the bad tool. */
  const misbehave = async (session: string, meta = {}): Promise<void> => {
    await call('ann', session, { name: 'bad', meta })
    await until(async () => (await call('ann', session, { meta })) === 'adaptive_rule')
  }

  it('binds the next session of its caller, under whatever client name', async () => {
    await misbehave(await begin('ann'))
    assert.equal(await call('ann', await begin('ann', 'another')), 'adaptive_rule')
  })

  it('binds what its caller asks without a session, in protocol 2026-07-28 and a new trace', async () => {
    await misbehave(await begin('ann'), traced('1'))
    assert.equal(await call('ann', '', { meta: { ...MODERN, ...traced('2') } }), 'adaptive_rule')
  })

  it('binds a session that its caller begins after asking without one', async () => {
    await misbehave('', { ...MODERN, ...traced('3') })
    assert.equal(await call('ann', await begin('ann')), 'adaptive_rule')
  })

  it('binds no other principal', async () => {
    await misbehave(await begin('ann'))
    assert.equal(await call('bob', await begin('bob')), 'policy_default')
  })

  it('names no address in any event', async () => {
    await call('ann', await begin('ann'))
    const [propose] = harness.eventsOf('authorization/propose')
    assert.match(propose?.caller ?? '', /^caller:[\w-]{22}$/)
    assert.doesNotMatch(JSON.stringify(harness.events), /127\.0\.0\.1|this machine/)
  })
})
