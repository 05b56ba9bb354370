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
import { captureState, releaseOlder, restoreState } from '../../detectors/saved-state.ts'

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
        const again = restoreState(JSON.parse(JSON.stringify(map))) as BoundedMap<number>
        assert.deepEqual(new Map(listEntries(again)), plain)
        assert.equal(countOf(again), plain.size)
        for (const each of list) assert.equal(findValue(again, each.key), plain.get(each.key))
      }),
      { seed: 20261122 },
    )
  })

  it('answers in every version as if nothing had come after it, in whatever order versions are read', () => {
    fc.assert(
      fc.property(steps, fc.array(fc.nat(299), { maxLength: 20 }), (list, reads) => {
        const versions = [emptyMap<number>()]
        for (const { key: name, value, isDrop } of list) {
          // Some go on from an older version, as branches.
          const from = versions[value % 7 === 0 ? value % versions.length : versions.length - 1] ?? emptyMap<number>()
          versions.push(isDrop ? dropValue(from, name) : putValue(from, name, value, { nowMs: value, limit: 20 }))
        }
        const texts = versions.map((version) => JSON.stringify(version))
        for (const at of reads) assert.equal(JSON.stringify(versions[at]), at < texts.length ? texts[at] : undefined)
      }),
      { seed: 20261123 },
    )
  })

  it('is what it was when it was captured, whatever comes later, and goes on from there', () => {
    const before = fill(100)
    const captured = captureState({ before, others: [before] })
    putValue(before, 'key 1', -1, KEEPING)
    const { before: again } = restoreState(JSON.parse(JSON.stringify(captured))) as { before: BoundedMap<number> }
    assert.deepEqual(listEntries(again), listEntries(fill(100)))
  })

  it('reads no other version of a table once it was released, and goes on from the one that was', () => {
    const before = fill(10)
    const after = putValue(before, 'key 1', -1, KEEPING)
    releaseOlder({ entries: [{ after }] })
    assert.equal(findValue(before, 'key 1'), 1)
    releaseOlder({ entries: [{ after }] })
    assert.throws(() => findValue(before, 'key 1'), /released/)
    const later = putValue(after, 'key 2', -2, KEEPING)
    assert.equal(findValue(after, 'key 2'), 2)
    assert.deepEqual([findValue(later, 'key 1'), findValue(later, 'key 2')], [-1, -2])
  })

  it('begins anew from an empty one, which keeps nothing of what came of it', () => {
    const empty = emptyMap<number>()
    const [one, two] = ['one', 'two'].map((name) => putValue(empty, name, 1, KEEPING))
    assert.deepEqual(
      [one, two, empty].map((map) => map && listEntries(map)),
      [[['one', 1]], [['two', 1]], []],
    )
  })

  it('holds no more than its limit, and keeps what was used last', () => {
    const map = fill(3_000, { limit: 1_000 })
    assert.equal(countOf(map), 1_000)
    const newest = Array.from({ length: 1_000 }, (_, index) => `key ${2_000 + index}`)
    assert.deepEqual(
      listEntries(map).map(([name]) => name),
      newest,
    )
  })

  it('evicts nothing that is held by a live rule or alert, and that again once it is over', () => {
    const held = fill(1_000, { keepUntilMs: 10_000 })
    const more = putValue(held, 'one more', 1, { nowMs: 9_999, limit: 1_000 })
    assert.equal(countOf(more), 1_001)
    assert.equal(countOf(putValue(more, 'later', 1, { nowMs: 10_000, limit: 1_000 })), 1_000)
  })

  it('holds no more than twice its limit, even of what is held', () => {
    assert.equal(countOf(fill(3_000, { keepUntilMs: 10_000, limit: 1_000 })), 2_000)
  })
})
