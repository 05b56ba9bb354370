// The live stream over a real log: what is verified comes through, what is not does not.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { revokeToken } from '../../api/tokens.ts'
import type { ChainWriter } from '../../events/chain-writer.ts'
import type { EventDraft } from '../../events/event.ts'
import { generateKey } from '../../events/keys.ts'
import { type ApiHarness, startApiHarness } from '../support/api-harness.ts'
import { EventStream } from '../support/event-stream.ts'
import { problemOf } from '../support/problem.ts'
import { until } from '../support/until.ts'

let harness: ApiHarness
let detectors: ChainWriter
beforeEach(async () => {
  harness = await startApiHarness({
    settings: { limits: { streamClients: 2, streamEvents: 4, streamHeartbeatMs: 50 } },
  })
  detectors = harness.writer('detectors/main')
})
afterEach(() => harness.close())

function alert(subject: string): EventDraft {
  const ids = { alert: 'a'.repeat(64), causes: [] }
  return {
    type: 'alert/raised',
    ...ids,
    detector: 'sweep',
    severity: 'high',
    score: 900,
    subject,
    explanation: 'many reads',
  }
}

async function append(subject: string, writer = detectors): Promise<void> {
  await writer.append([{ draft: alert(subject) }])
}

/** Appends, and waits until the feed has it. */
async function feed(...subjects: readonly string[]): Promise<void> {
  const { recent } = harness.api.feed
  for (const subject of subjects) {
    await append(subject)
    await until(() => recent.at(recent.next - 1)?.data.includes(`"subject":"${subject}"`) === true)
  }
}

async function open(path = '/v1/stream?types=alert/', lastEventId?: string): Promise<EventStream> {
  const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
  const response = await harness.request(path, { headers })
  assert.equal(response.headers.get('content-type'), 'text/event-stream')
  return new EventStream(response)
}

function subjectOf(message: { readonly data: string | undefined } | undefined): string {
  return (JSON.parse(message?.data ?? '{}') as { event: { subject: string } }).event.subject
}

describe('the live stream', () => {
  it('hands over verified events as they come, of the types asked for', async () => {
    const stream = await open('/v1/stream?types=alert/raised')
    await append('first')
    const message = await stream.nextEvent()
    assert.equal(message?.event, 'alert/raised')
    assert.equal(subjectOf(message), 'first')
    const { hash, chain } = JSON.parse(message?.data ?? '') as { hash: string; chain: string }
    assert.deepEqual([hash, chain], [detectors.head.hash, detectors.chain])
    await stream.leave()
  })

  it('shows nothing of a writer whom nobody trusts', async () => {
    const stream = await open()
    const stranger = harness.strangerWriter('detectors/main', generateKey())
    await append('forged', stranger)
    await append('honest')
    assert.equal(subjectOf(await stream.nextEvent()), 'honest')
    await stream.leave()
  })

  it('goes on after the last event that the client had', async () => {
    const stream = await open()
    await feed('one')
    const last = await stream.nextEvent()
    await stream.leave()
    await feed('two', 'three')
    const again = await open('/v1/stream?types=alert/', last?.id)
    assert.deepEqual([subjectOf(await again.nextEvent()), subjectOf(await again.nextEvent())], ['two', 'three'])
    await again.leave()
  })

  it('says that there is a gap, when the last event is too old', async () => {
    await feed('one')
    const old = harness.api.feed.recent.at(harness.api.feed.recent.next - 1)?.id
    await feed('2', '3', '4', '5', '6')
    const stream = await open('/v1/stream', old)
    assert.equal((await stream.nextEvent())?.event, 'gap')
    await stream.leave()
  })

  it('closes a reader that fell behind, and says so', async () => {
    const stream = await open()
    await stream.next()
    await feed('1', '2', '3', '4', '5', '6')
    assert.equal((await stream.nextEvent())?.event, 'lagging')
    assert.equal(await stream.next(), undefined)
    assert.match(await (await harness.request('/metrics')).text(), /stream_lagging_total 1/)
  })

  it('shows that it lives, when nothing happens', async () => {
    const stream = await open()
    assert.equal((await stream.next())?.comment, 'connected')
    assert.equal((await stream.next())?.comment, 'heartbeat')
    await stream.leave()
  })

  it('ends when its token is revoked', async () => {
    const token = await harness.token('read')
    const headers = { authorization: `Bearer ${token}` }
    const stream = new EventStream(await harness.api.app.request('/v1/stream', { headers }))
    const caller = await harness.dependencies.tokens.find(token)
    await revokeToken(harness.tokensPath, caller?.tokenId ?? '')
    assert.equal((await stream.nextEvent())?.event, 'unauthorized')
    assert.equal(await stream.next(), undefined)
  })

  it('takes no more readers than configured, and one again when one has left', async () => {
    const [first, second] = [await open(), await open()]
    assert.equal((await problemOf(await harness.request('/v1/stream'), 429)).code, 'LIMIT_REACHED')
    await first.leave()
    const third = await open()
    await Promise.all([second.leave(), third.leave()])
  })

  it('ends at once when the API stops', async () => {
    const stream = await open()
    await stream.next()
    harness.api.streams.endAll()
    assert.equal(await stream.nextEvent(), undefined)
  })
})
