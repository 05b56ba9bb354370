// How many definitions are recorded one by one: of one connection, of all, and again once the hour is over.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ListingBudget, MAX_LISTED_PER_CONNECTION, MAX_LISTED_PER_RUN } from '../../gateway/listing-budget.ts'

const HOUR_MS = 60 * 60 * 1000

describe('what is recorded of lists in an hour', () => {
  it('is limited for one connection, and no list goes in by half', () => {
    const budget = new ListingBudget()
    assert.equal(budget.take('a', MAX_LISTED_PER_CONNECTION, 0), true)
    assert.deepEqual([budget.take('a', 1, 1), budget.take('b', 1, 1)], [false, true])
  })

  it('is limited for all connections together', () => {
    const budget = new ListingBudget()
    const connections = MAX_LISTED_PER_RUN / MAX_LISTED_PER_CONNECTION
    for (let count = 0; count < connections; count++)
      assert.equal(budget.take(`c${count}`, MAX_LISTED_PER_CONNECTION, 0), true)
    assert.equal(budget.take('another', 1, 1), false)
  })

  it('has room again once the hour is over', () => {
    const budget = new ListingBudget()
    budget.take('a', MAX_LISTED_PER_CONNECTION, 0)
    assert.deepEqual([budget.take('a', 1, HOUR_MS - 1), budget.take('a', 1, HOUR_MS)], [false, true])
  })
})
