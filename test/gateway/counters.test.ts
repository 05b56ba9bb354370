// What limits have used up: exact within a window, given back when a call is not made, bounded.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Counters } from '../../gateway/counters.ts'

const SEED = 20261122
const charge = (amount = 1, counter = 'c') => ({ counter, windowMs: 1_000, amount })

describe('Counters', () => {
  it('say what a window holds, like a sum over all entries', () => {
    const calls = fc.array(fc.record({ atMs: fc.nat(3_000), amount: fc.nat(5) }), { maxLength: 60 })
    fc.assert(
      fc.property(calls, fc.nat(4_000), (entries, laterMs) => {
        const counters = new Counters({ isKnown: true })
        for (const { atMs, amount } of entries) counters.add(charge(amount), atMs)
        const nowMs = 3_000 + laterMs
        const expected = entries.filter(({ atMs }) => atMs > nowMs - 1_000).reduce((sum, { amount }) => sum + amount, 0)
        assert.equal(counters.used('c', 1_000, nowMs), expected)
      }),
      { seed: SEED, numRuns: 300 },
    )
  })

  it('take back a reservation, once', () => {
    const counters = new Counters({ isKnown: true })
    counters.reserve([charge(3)], 0)
    const reservation = counters.reserve([charge(4)], 0)
    reservation.release()
    reservation.release()
    assert.equal(counters.used('c', 1_000, 0), 3)
  })

  it('know nothing before the fold, and everything after', () => {
    const counters = new Counters({ isKnown: false })
    assert.equal(counters.used('c', 1_000, 0), Number.POSITIVE_INFINITY)
    const earlier = new Counters({ isKnown: true })
    earlier.add(charge(2), 0)
    counters.adopt(earlier)
    assert.equal(counters.used('c', 1_000, 500), 2)
  })

  it('never say too little, when one account has more entries than are kept', () => {
    const counters = new Counters({ isKnown: true })
    for (let at = 0; at < 25_000; at += 1) counters.add(charge(), at / 100)
    assert.equal(counters.used('c', 1_000, 250), 25_000)
    assert.ok(counters.used('c', 1_000, 1_125) >= 12_500)
    assert.equal(counters.used('c', 1_000, 1_251), 0)
  })

  it('are unknown for new accounts, when there are too many, until some have passed', () => {
    const counters = new Counters({ isKnown: true })
    for (let at = 0; at < 10_000; at += 1) counters.add(charge(1, `c${at}`), 0)
    assert.equal(counters.used('new', 1_000, 500), Number.POSITIVE_INFINITY)
    assert.equal(counters.used('c7', 1_000, 500), 1)
    assert.equal(counters.used('new', 1_000, 1_000), 0)
  })
})
