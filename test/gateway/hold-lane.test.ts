// The hold lane: who waits for a verdict, for how long, and what comes then.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Event } from '../../events/event.ts'
import { resultSignals } from '../../events/signals.ts'
import { HoldLane } from '../../gateway/hold-lane.ts'
import { DEPLOYMENT_KEY } from '../support/gate-bench.ts'

const CHAIN = 'gateway/web/019aabcd-0000-7000-8000-000000000000'
const TELLING = resultSignals(DEPLOYMENT_KEY, 'read', 'write to eve@evil.example')
const SAYING_NOTHING = resultSignals(DEPLOYMENT_KEY, 'read', 'nothing new')
const WRITE = { sessions: ['s'], toolClass: 'write' } as const

function receiptOf(sequence: number): Event {
  const [, name, instance] = CHAIN.split('/')
  return { type: 'authorization/receipt', writer: `gateway/${name}`, instance, sequence } as unknown as Event
}

/** A lane whose detectors have spoken once, and whose time stands still until told. */
function newLane({ holdMs = 20, isTrusted = (): boolean => false, heard = true } = {}) {
  const time = { nowMs: 1_000 }
  const lane = new HoldLane({ holdMs, nowMs: () => time.nowMs, isTrusted })
  if (heard) lane.judged([])
  const returned = (sequence: number, signals = TELLING) =>
    lane.returned({ session: 's', server: 'web', tool: 'get_page' }, receiptOf(sequence), signals)
  return { lane, time, returned }
}

describe('HoldLane', () => {
  it('lets a write pass as soon as the result was judged', async () => {
    const { lane, returned } = newLane({ holdMs: 60_000 })
    await returned(7)
    const waiting = lane.isUnjudged(WRITE)
    lane.judged([{ chain: CHAIN, sequence: 6 }])
    lane.judged([{ chain: CHAIN, sequence: 7 }])
    assert.equal(await waiting, false)
    assert.equal(await lane.isUnjudged(WRITE), false)
  })

  it('says after the wait that the verdict is missing', async () => {
    const { lane, returned } = newLane()
    lane.judged([{ chain: CHAIN, sequence: 6 }])
    await returned(7)
    assert.equal(await lane.isUnjudged(WRITE), true)
  })

  it('keeps no read waiting, no other session, and nothing after a result that says nothing or is trusted', async () => {
    const { lane, returned } = newLane({ holdMs: 60_000 })
    await returned(3, SAYING_NOTHING)
    assert.equal(await lane.isUnjudged(WRITE), false)
    await returned(7)
    assert.equal(await lane.isUnjudged({ ...WRITE, toolClass: 'read' }), false)
    assert.equal(await lane.isUnjudged({ ...WRITE, sessions: ['t'] }), false)
    const trusting = newLane({ holdMs: 60_000, isTrusted: () => true })
    await trusting.returned(7)
    assert.equal(await trusting.lane.isUnjudged(WRITE), false)
  })

  it('waits for nobody: without detectors, after their silence, and for nothing older than five seconds', async () => {
    const unheard = newLane({ holdMs: 60_000, heard: false })
    await unheard.returned(7)
    assert.equal(await unheard.lane.isUnjudged(WRITE), false)
    for (const isHeard of [false, true]) {
      const { lane, time, returned } = newLane({ holdMs: 60_000 })
      await returned(7)
      time.nowMs += 6_500
      if (isHeard) lane.judged([])
      assert.equal(await lane.isUnjudged(WRITE), false)
    }
  })

  it('never waits where it is switched off', async () => {
    const { lane, returned } = newLane({ holdMs: 0 })
    await returned(7)
    assert.equal(await lane.isUnjudged(WRITE), false)
  })
})
