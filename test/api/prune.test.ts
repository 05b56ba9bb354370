// Which months stay.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { firstKeptMonth } from '../../api/prune.ts'

describe('firstKeptMonth', () => {
  it('keeps so many whole months before the present one, over years and days that months do not have', () => {
    const at = (time: string): number => Date.parse(time) * 1000
    assert.equal(firstKeptMonth(at('2026-11-22T13:00:00Z'), 1), '2026-10')
    assert.equal(firstKeptMonth(at('2026-01-01T00:00:00Z'), 1), '2025-12')
    assert.equal(firstKeptMonth(at('2026-03-31T23:59:59Z'), 1), '2026-02')
    assert.equal(firstKeptMonth(at('2026-11-22T13:00:00Z'), 12), '2025-11')
    assert.equal(firstKeptMonth(at('2026-11-22T13:00:00Z'), 1_200), '1926-11')
  })
})
