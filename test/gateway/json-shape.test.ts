// The scanner sees what JSON.parse sees, and what JSON.parse hides: members as bytes, keys that stand twice.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { hasTooManyKeys, MAX_JSON_DEPTH, MAX_JSON_KEYS, type Members, scanShape } from '../../gateway/json-shape.ts'
import { anyCharacter } from '../support/any-character.ts'

/** Any JSON object, as text with odd white space, and as value. */
const objectText = fc
  .tuple(
    fc.dictionary(fc.string({ unit: anyCharacter }), fc.jsonValue({ maxDepth: 4 })),
    fc.constantFrom(0, 1, '\t', '\r\n'),
  )
  .map(([object, indent]) => ({
    object: { params: object, ...object },
    text: ` ${JSON.stringify({ params: object, ...object }, null, indent)}\n`,
  }))

function parseSpans(bytes: Buffer, members: Members | undefined): Record<string, unknown> {
  const entries = Array.from(members ?? [], ([key, { start, end }]) => [
    key,
    JSON.parse(bytes.toString('utf8', start, end)),
  ])
  return Object.fromEntries(entries) as Record<string, unknown>
}

describe('scanShape', () => {
  it('finds every member of the outer object and of params, whatever JSON.parse finds', () => {
    fc.assert(
      fc.property(objectText, ({ text }) => {
        const bytes = Buffer.from(text)
        const shape = scanShape(bytes)
        const value = JSON.parse(text) as { readonly params: unknown }
        assert.deepEqual(parseSpans(bytes, shape.members), { ...value })
        const params = typeof value.params === 'object' && value.params !== null && !Array.isArray(value.params)
        assert.deepEqual(params ? parseSpans(bytes, shape.params) : undefined, params ? { ...value.params } : undefined)
        assert.equal(shape.duplicateKey, undefined)
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  const doubles: readonly (readonly [text: string, key: string, inOutermost: boolean])[] = [
    ['{"a":1,"a":2}', 'a', true],
    ['{"a":1,"b":{"a":1},"\\u0061":2}', 'a', true],
    ['{"x":[{"y":{"k":1,"k":1}}]}', 'k', false],
    ['{"":1,"":2}', '', true],
    ['{"params":{"name":"x","n\\u0061me":"y"}}', 'name', false],
    ['{"a\\\\":1,"a\\\\":2}', 'a\\', true],
    ['{"a":"}","a":"{\\""}', 'a', true],
    ['{"x":{"k":1,"k":2},"y":1,"y":2}', 'k', true],
  ]
  for (const [text, key, inOutermost] of doubles) {
    it(`finds the key that stands twice in ${text}`, () => {
      const { duplicateKey, duplicateMember } = scanShape(Buffer.from(text))
      assert.equal(duplicateKey, key)
      assert.equal(duplicateMember !== undefined, inOutermost)
    })
  }

  it('takes equal keys of different objects, and keys that stand as values, for no double', () => {
    const text = '{"a":{"a":["a","a",{"a":1},{"a":1}]},"b":"\\"a\\":","c":["a"]}'
    assert.equal(scanShape(Buffer.from(text)).duplicateKey, undefined)
  })

  it('gives the exact bytes of a member, without the white space around it', () => {
    const bytes = Buffer.from('{ "é" : "x" , "params" : { "arguments"\t:\r\n { "n" : 1.50 } } }')
    const span = scanShape(bytes).params?.get('arguments')
    assert.equal(bytes.toString('utf8', span?.start, span?.end), '{ "n" : 1.50 }')
  })

  it('has no members of a text that is no object', () => {
    for (const text of ['[{"id":1}]', '"x"', '1', 'null']) assert.equal(scanShape(Buffer.from(text)).members, undefined)
  })

  it('stops at the limit of depth, with memory for no more', () => {
    const nested = (depth: number): Buffer => Buffer.from('['.repeat(depth) + ']'.repeat(depth))
    assert.equal(scanShape(nested(MAX_JSON_DEPTH)).isTooDeep, false)
    assert.equal(scanShape(nested(8_000_000)).isTooDeep, true)
  })
})

describe('hasTooManyKeys', () => {
  const withKeys = (count: number): Buffer =>
    Buffer.from(`{${Array.from({ length: count }, (_, place) => `"k${place}":":\\":"`).join(',')}}`)

  it('counts keys in every object, and no colon of a text', () => {
    assert.equal(hasTooManyKeys(withKeys(MAX_JSON_KEYS)), false)
    assert.equal(hasTooManyKeys(withKeys(MAX_JSON_KEYS + 1)), true)
    const [half, list] = [withKeys(MAX_JSON_KEYS / 2), JSON.stringify([':'.repeat(1_000_000)])]
    assert.equal(hasTooManyKeys(Buffer.from(`[${half},[${half}],${list}]`)), false)
    assert.equal(hasTooManyKeys(Buffer.from(`[${half},[${half}],{"":0}]`)), true)
  })

  it('ends on what is no JSON', () => {
    const quotes = '"\\'.repeat(1_000_000)
    assert.equal(hasTooManyKeys(Buffer.from(quotes)), false)
    assert.equal(hasTooManyKeys(Buffer.from(`"${'x'.repeat(1_000_000)}`)), false)
  })
})
