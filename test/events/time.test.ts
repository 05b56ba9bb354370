// Times and the identifiers that carry them.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { timeField } from '../../events/field.ts'
import { formatTime, parseTime, systemClock, uuidv7 } from '../../events/time.ts'

const LAST_MICROS = Date.UTC(9999, 11, 31, 23, 59, 59, 999) * 1000 + 999
const micros = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }).filter((value) => value <= LAST_MICROS)

describe('formatTime', () => {
  it('is the reverse of parseTime, and a valid time of an event', () => {
    const property = fc.property(micros, (value) => {
      assert.equal(parseTime(formatTime(value)), value)
      assert.ok(timeField.safeParse(formatTime(value)).success)
    })
    fc.assert(property, { seed: 1 })
  })

  it('orders as the moments do', () => {
    const property = fc.property(micros, micros, (a, b) => assert.equal(formatTime(a) < formatTime(b), a < b))
    fc.assert(property, { seed: 2 })
  })

  it('writes microseconds, before 1970 too', () => {
    assert.equal(formatTime(1_763_816_400_123_456), '2025-11-22T13:00:00.123456Z')
    assert.equal(formatTime(-1), '1969-12-31T23:59:59.999999Z')
  })
})

describe('timeField', () => {
  for (const time of [
    '2026-02-29T00:00:00.000000Z',
    '2026-04-31T00:00:00.000000Z',
    '2026-01-01T24:00:00.000000Z',
    '2026-01-01T00:00:60.000000Z',
    '2026-01-01T00:00:00.000Z',
    '2026-01-01T00:00:00.000000+00:00',
    '+275760-09-13T00:00:009e9',
    '',
  ])
    it(`refuses ${time}`, () => assert.equal(timeField.safeParse(time).success, false))
})

describe('uuidv7', () => {
  it('has version, variant and time, and keeps the random bits (RFC 9562)', () => {
    const property = fc.property(micros, fc.uint8Array({ minLength: 10, maxLength: 10 }), (value, random) => {
      const id = uuidv7(value, random)
      assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      assert.equal(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16), Math.floor(value / 1000))
      assert.equal(id.slice(24), Buffer.from(random).toString('hex').slice(8))
    })
    fc.assert(property, { seed: 3 })
  })

  it('sorts by time', () => {
    const property = fc.property(micros, micros, (a, b) => {
      if (Math.floor(a / 1000) === Math.floor(b / 1000)) return
      assert.equal(uuidv7(a) < uuidv7(b), a < b)
    })
    fc.assert(property, { seed: 4 })
  })

  it('is the example of RFC 9562, appendix A.6', () => {
    const random = Buffer.from('0cc318c4dc0c0c07398f', 'hex')
    assert.equal(uuidv7(0x017f22e279b0 * 1000, random), '017f22e2-79b0-7cc3-98c4-dc0c0c07398f')
  })

  it('is another each time', () => assert.equal(new Set(Array.from({ length: 1_000 }, () => uuidv7(0))).size, 1_000))
})

describe('systemClock', () => {
  it('stays near the wall clock, and its monotonic side never goes back', () => {
    const clock = systemClock()
    let before = 0
    for (let round = 0; round < 1_000; round++) {
      const now = clock.monotonicMicros()
      assert.ok(now >= before && Number.isInteger(clock.nowMicros()))
      before = now
    }
    assert.ok(Math.abs(clock.nowMicros() / 1000 - Date.now()) < 50)
  })

  it('follows the wall clock, when that jumps', (context) => {
    const clock = systemClock()
    const day = 24 * 3_600_000
    for (const jump of [day, -day]) {
      const wall = Date.now() + jump
      context.mock.method(Date, 'now', () => wall)
      assert.ok(Math.abs(clock.nowMicros() / 1000 - wall) <= 5)
      context.mock.restoreAll()
    }
  })
})
