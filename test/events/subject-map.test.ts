// The map of control's subjects against a plain one: the same answers in the order in which subjects came last, and no version
// changes when a later one is made.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { LiveSubject } from '../../events/control-view.ts'
import { SubjectMap } from '../../events/subject-map.ts'

function live(number: number, revision: number): LiveSubject {
  return { subject: `rule/${number}`, revision } as LiveSubject
}

describe('subjects of control', () => {
  it('are what a plain map says, the last said last, in every version', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(200), { maxLength: 400 }), (numbers) => {
        const plain = new Map<string, LiveSubject>()
        let map = SubjectMap.of(new Map())
        const versions: [SubjectMap, string][] = []
        for (const [revision, number] of numbers.entries()) {
          const said = live(number, revision)
          plain.delete(said.subject)
          plain.set(said.subject, said)
          map = map.with(said)
          if (revision % 50 === 0) versions.push([map, JSON.stringify([...map])])
        }
        assert.equal(map.size, plain.size)
        assert.deepEqual(new Map(map), plain)
        const newest = [...plain.keys()].slice(-map.newest.size)
        assert.deepEqual([...map.keys()].slice(-map.newest.size), newest)
        for (const [version, text] of versions) assert.equal(JSON.stringify([...version]), text)
      }),
      { seed: 20261123, numRuns: 50 },
    )
  })

  it('answer alike by key, value and entry', () => {
    const map = SubjectMap.of(new Map([['rule/1', live(1, 0)]]))
      .with(live(2, 1))
      .with(live(1, 2))
    assert.deepEqual([map.get('rule/1')?.revision, map.has('rule/2'), map.has('rule/3'), map.size], [2, true, false, 2])
    assert.deepEqual(
      [...map.values()].map(({ revision }) => revision),
      [1, 2],
    )
    const each: string[] = []
    map.forEach((_, subject) => {
      each.push(subject)
    })
    assert.deepEqual(each, [...map.keys()])
  })
})
