// What two globs have in common, against the matcher itself on generated names.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { coversGlob, mayOverlap } from '../../../gateway/policy/glob-sets.ts'
import { createNameMatcher } from '../../../gateway/policy/match.ts'

const part = fc.constantFrom('a', 'b', '/', '*', '*', '?', '[ab]', '[^a]', '[a-c]', 'read')
const glob = fc
  .array(part, { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join(''))
  .filter((text) => (text.match(/\*+/g)?.length ?? 0) <= 3)
const name = fc
  .array(fc.constantFrom('a', 'b', 'c', 'd', '_', '/', 'read'), { maxLength: 6 })
  .map((parts) => parts.join(''))

const covers = (wide: string, narrow: string): boolean => coversGlob(createNameMatcher(wide), createNameMatcher(narrow))
const overlap = (left: string, right: string): boolean => mayOverlap(createNameMatcher(left), createNameMatcher(right))

describe('coversGlob', () => {
  it('never says that a glob covers another one, when a name shows that it does not', () =>
    fc.assert(
      fc.property(glob, glob, name, (wide, narrow, text) => {
        const isCounterexample = createNameMatcher(narrow).test(text) && !createNameMatcher(wide).test(text)
        assert.ok(!isCounterexample || !covers(wide, narrow))
      }),
      { seed: 5, numRuns: 1_500 },
    ))

  const cases: readonly (readonly [wide: string, narrow: string, covered: boolean])[] = [
    ['*', 'a*b', true],
    ['read_*', 'read_file', true],
    ['read_*', 'read_*_x', true],
    ['*_*', 'a_*', true],
    ['a*', '*a', false],
    ['?[ab]', '[cd]a', true],
    ['[^a]*', '[bc]*', true],
    ['[^a]*', '[ab]*', false],
    ['a*b*', 'a?b', true],
    ['read_file', 'read_*', false],
  ]
  for (const [wide, narrow, covered] of cases)
    it(`says that ${wide} ${covered ? 'covers' : 'does not cover'} ${narrow}`, () =>
      assert.equal(covers(wide, narrow), covered))
})

describe('mayOverlap', () => {
  it('never says that two globs have nothing in common, when a name meets both', () =>
    fc.assert(
      fc.property(glob, glob, name, (left, right, text) => {
        const isExample = createNameMatcher(left).test(text) && createNameMatcher(right).test(text)
        assert.ok(!isExample || overlap(left, right))
      }),
      { seed: 6, numRuns: 1_500 },
    ))

  it('tells globs apart by their ends, their letters and their length', () => {
    assert.equal(overlap('a*', 'b*'), false)
    assert.equal(overlap('*a', '*b'), false)
    assert.equal(overlap('a*c*', '*b*'), true)
    assert.equal(overlap('[ab]?', '[cd]?'), false)
    assert.equal(overlap('??', '???'), false)
  })
})
