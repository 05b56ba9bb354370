// The map against a plain one: same answers, bounded, nothing changed in place, nothing evicted that a rule or alert holds.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  type BoundedMap,
  countOf,
  dropValue,
  emptyMap,
  findValue,
  listEntries,
  putValue,
} from '../../detectors/bounded-map.ts'

const KEEPING = { nowMs: 1, limit: 1_000_000 }
const key = fc.oneof(fc.nat(500).map(String), fc.constantFrom('__proto__', 'constructor', 'children', 'length', ''))
const steps = fc.array(fc.record({ key, value: fc.nat(), isDrop: fc.boolean() }), { maxLength: 300 })

function fill(count: number, keeping: Partial<Parameters<typeof putValue>[3]> = {}): BoundedMap<number> {
  let map = emptyMap<number>()
  for (let number = 0; number < count; number++)
    map = putValue(map, `key ${number}`, number, { ...KEEPING, nowMs: number, ...keeping })
  return map
}

describe('bounded map', () => {
  it('answers as a plain map does, whatever the keys are, also after a trip through JSON', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const plain = new Map<string, number>()
        let map = emptyMap<number>()
        for (const step of list) {
          if (step.isDrop) plain.delete(step.key)
          else plain.set(step.key, step.value)
          map = step.isDrop ? dropValue(map, step.key) : putValue(map, step.key, step.value, KEEPING)
        }
        const again = JSON.parse(JSON.stringify(map)) as BoundedMap<number>
        assert.deepEqual(new Map(listEntries(again)), plain)
        assert.equal(countOf(again), plain.size)
        for (const each of list) assert.equal(findValue(again, each.key), plain.get(each.key))
      }),
      { seed: 20261122 },
    )
  })

  it('is never changed in place', () => {
    const before = fill(1_000)
    const text = JSON.stringify(before)
    for (const name of ['key 1', 'another']) putValue(before, name, 0, { ...KEEPING, limit: 500 })
    dropValue(before, 'key 1')
    assert.equal(JSON.stringify(before), text)
  })

  it('holds no more than its limit, and keeps what was used last', () => {
    const map = fill(3_000, { limit: 1_000 })
    assert.equal(countOf(map), 1_000)
    const newest = Array.from({ length: 500 }, (_, index) => findValue(map, `key ${2_999 - index}`))
    assert.ok(newest.every((value) => value !== undefined))
  })

  it('evicts nothing that is held by a live rule or alert, and that again once it is over', () => {
    const held = fill(1_000, { keepUntilMs: 10_000 })
    const more = putValue(held, 'one more', 1, { nowMs: 9_999, limit: 1_000 })
    assert.equal(countOf(more), 1_001)
    assert.equal(countOf(putValue(more, 'later', 1, { nowMs: 10_000, limit: 1_000 })), 1_001)
  })

  it('lets keys of one hash crowd nobody but each other', () => {
    const twins = ['costarring', 'liquid']
    assert.equal(findValue(putValue(fill(2_000), twins[0] ?? '', -1, KEEPING), twins[1] ?? ''), undefined)
    const both = twins.reduce((map, name, index) => putValue(map, name, index, KEEPING), fill(2_000))
    assert.deepEqual(
      twins.map((name) => findValue(both, name)),
      [0, 1],
    )
  })
})
