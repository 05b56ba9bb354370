// The Merkle log over HTTP: what the specification of tiles asks for, and proofs that a stranger can check.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { parseEvent } from '../../events/event.ts'
import { verifyCheckpoint } from '../../ledger/checkpoint.ts'
import { consistencyHolds } from '../../ledger/merkle-proof.ts'
import type { VerifierKey } from '../../ledger/note.ts'
import { decodeBundle } from '../../ledger/tiles.ts'
import { verifyTlogProof } from '../../ledger/tlog-proof.ts'
import { type ApiHarness, startApiHarness } from '../support/api-harness.ts'
import type { RunBuilder } from '../support/run-builder.ts'
import { SequencerBench } from '../support/sequencer-bench.ts'

let bench: SequencerBench
let harness: ApiHarness
let empty: ApiHarness
let log: VerifierKey
let run: RunBuilder
let size: number
before(async () => {
  bench = await SequencerBench.open()
  await bench.begin()
  run = await bench.storeRun(4)
  const sequencer = await bench.sequencer()
  await sequencer.sequence()
  await sequencer.stop()
  size = sequencer.status.size
  log = await bench.logKey()
  harness = await startApiHarness({ store: bench.store, treeDirectory: bench.tree })
  empty = await startApiHarness()
})
after(async () => {
  await harness.close()
  await empty.close()
  await bench.close()
})

const bytesOf = async (answer: Response): Promise<Buffer> => Buffer.from(await answer.arrayBuffer())
const withoutToken = (path: string): Promise<Response> =>
  Promise.resolve(harness.api.app.request(path, { headers: { host: '127.0.0.1:8787' } }))

describe('/tlog', () => {
  it('gives the signed checkpoint to everybody', async () => {
    const answer = await withoutToken('/tlog/checkpoint')
    assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; ?charset=utf-8$/i)
    assert.equal(verifyCheckpoint(await answer.text(), log).size, size)
  })

  it('gives hashes to everybody, and entries to those who may read', async () => {
    const hashes = await withoutToken(`/tlog/tile/0/000.p/${size}`)
    assert.equal(hashes.headers.get('content-type'), 'application/octet-stream')
    assert.equal((await bytesOf(hashes)).length, size * 32)
    const path = `/tlog/tile/entries/000.p/${size}`
    assert.equal((await withoutToken(path)).status, 401)
    assert.equal((await harness.request(path, { scopes: ['approve'] })).status, 403)
    const entries = await bytesOf(await harness.request(path, { scopes: ['read'] }))
    assert.equal(decodeBundle(entries, size, '').length, size)
  })

  it('has no other files', async () => {
    for (const path of ['tile/0/001', 'tile/0/000', 'tile/9/000', 'tile/0/..%2f..%2flog.key', 'tile/x', 'log.key'])
      assert.equal((await withoutToken(`/tlog/${path}`)).status, 404, path)
  })

  it('is not there before the first checkpoint', async () => {
    for (const path of ['/tlog/checkpoint', '/v1/proofs/consistency?from=1'])
      assert.equal((await empty.request(path)).status, 404)
  })
})

describe('/v1/proofs', () => {
  it('proves that an event is in the log', async () => {
    const hash = run.calls[1]?.decide.hash ?? ''
    const answer = await harness.request(`/v1/proofs/inclusion?hash=${hash}`)
    assert.equal(answer.status, 200)
    assert.equal(verifyTlogProof(await answer.text(), hash, { log }).checkpoint.size, size)
  })

  it('has no proof for what is not in it', async () => {
    const answer = await harness.request(`/v1/proofs/inclusion?hash=${'0'.repeat(64)}`)
    assert.equal(answer.status, 404)
    assert.equal((await harness.request('/v1/proofs/inclusion?hash=x')).status, 400)
  })

  it('proves that the log only grew', async () => {
    const answer = await harness.request('/v1/proofs/consistency?from=5')
    const { from, to, ...rest } = (await answer.json()) as Record<'from' | 'to', number> &
      Record<'fromRoot' | 'toRoot', string> & { proof: string[] }
    const [fromRoot, toRoot] = [Buffer.from(rest.fromRoot, 'base64'), Buffer.from(rest.toRoot, 'base64')]
    const proof = rest.proof.map((hash) => Buffer.from(hash, 'base64'))
    assert.ok(consistencyHolds({ from, to, fromRoot, toRoot, proof }))
    assert.deepEqual([from, to, fromRoot], [5, size, await bench.reader.rootAt(5, size)])
  })

  it('refuses sizes that the log does not have', async () => {
    for (const query of ['from=0', 'from=3&to=2', `from=1&to=${size + 1}`, 'from=1.5', ''])
      assert.equal((await harness.request(`/v1/proofs/consistency?${query}`)).status, 400, query)
  })
})

describe('/v1/bundle', () => {
  it('gives a whole bundle to who may export, and records that before', async () => {
    const answer = await harness.request('/v1/bundle?payloads=true&reason=audit', { scopes: ['operate'] })
    assert.equal(answer.headers.get('content-type'), 'text/x-ndjson')
    const lines = (await answer.text()).trimEnd().split('\n')
    const { checkpoint, whole } = JSON.parse(lines[0] ?? '') as { checkpoint: string; whole: boolean }
    assert.deepEqual([verifyCheckpoint(checkpoint, log).size, whole], [size, true])
    const { end } = JSON.parse(lines.at(-1) ?? '') as { end: { events: number; leaves: number; payloads: number } }
    assert.deepEqual([end.events, end.leaves], [size, size])
    assert.ok(end.payloads > 0)
    const exported = await recordedExports()
    assert.deepEqual(exported, [{ by: 'user:ann', events: size, reason: 'audit' }])
  })

  it('shows what lies between as bare hashes where one type is asked for, and no payload unless told', async () => {
    const text = await (await harness.request('/v1/bundle?type=authorization/receipt')).text()
    const { end } = JSON.parse(text.trimEnd().split('\n').at(-1) ?? '') as { end: Record<string, number> }
    assert.deepEqual([end.events, end.payloads, end.leaves], [4, 0, size])
    assert.ok((end.withheld ?? 0) > 0)
  })

  it('is refused to who may only read, for nonsense, and where there is no log', async () => {
    assert.equal((await harness.request('/v1/bundle', { scopes: ['read'] })).status, 403)
    for (const query of ['call=x', 'payloads=1', 'kept=-1', 'unknown=1'])
      assert.equal((await harness.request(`/v1/bundle?${query}`)).status, 400, query)
    assert.equal((await empty.request('/v1/bundle')).status, 404)
  })
})

/** What the API's own chain says of exports. */
async function recordedExports(): Promise<readonly object[]> {
  const found: object[] = []
  const subscription = await harness.eventLog.subscribe('events', { from: 'beginning' }, (records) => {
    for (const { value } of records) {
      const event = parseEvent(Buffer.from(value))
      if (event.type === 'admin/exported') found.push({ by: event.by, events: event.events, reason: event.reason })
    }
  })
  await subscription.caughtUp
  await subscription.stop()
  return found
}

describe('every answer', () => {
  it('carries the latest checkpoint, also a refusal', async () => {
    for (const path of ['/v1/status', '/v1/proofs/inclusion?hash=x', '/v1/nothing']) {
      const header = (await harness.request(path)).headers.get('toolwarden-checkpoint') ?? ''
      assert.equal(verifyCheckpoint(Buffer.from(header, 'base64').toString(), log).size, size, path)
    }
  })
})
