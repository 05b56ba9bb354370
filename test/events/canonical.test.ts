// Canonical JSON: RFC 8785 as far as an event may use it, and everything else refused.
// Vectors: https://github.com/cyberphone/json-canonicalization/tree/master/testdata
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { canonicalize as secondOpinion } from 'json-canonicalize'
import { canonicalBytes, MAX_BODY_BYTES, MAX_BODY_DEPTH, parseCanonical } from '../../events/canonical.ts'
import { anyCharacter } from '../support/any-character.ts'
import { withCode } from '../support/errors.ts'
import { projectRoot } from '../support/project-root.ts'

const vectors = join(projectRoot, '../shared/data/vectors/jcs')
const skip = existsSync(vectors) ? false : 'the published vectors are not here'
/** Those that hold floats, which no event holds. */
const FLOATS = ['values']

const integerJson = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 6 },
    fc.maxSafeInteger().map((number) => number + 0),
    fc.boolean(),
    fc.constant(null),
    fc.string({ unit: 'grapheme' }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.string({ unit: anyCharacter }), tie('value'), { maxKeys: 5 }),
  ),
})).value

function parse(text: string): unknown {
  return parseCanonical(Buffer.from(text))
}

function nested(depth: number): string {
  return '['.repeat(depth) + ']'.repeat(depth)
}

describe('the vectors of RFC 8785', { skip }, () => {
  for (const file of existsSync(vectors) ? readdirSync(join(vectors, 'input')) : []) {
    const name = file.replace('.json', '')
    const value: unknown = JSON.parse(readFileSync(join(vectors, 'input', file), 'utf8'))
    const hex = readFileSync(join(vectors, 'outhex', `${name}.txt`), 'utf8').replace(/\s+/g, '')
    if (FLOATS.includes(name))
      it(`refuses ${name}, which holds floats`, () => {
        assert.throws(() => canonicalBytes(value), withCode('CANONICAL_INVALID', /not an integer/))
        assert.throws(() => parseCanonical(Buffer.from(hex, 'hex')), withCode('CANONICAL_INVALID'))
      })
    else
      it(`writes and reads ${name} byte by byte`, () => {
        assert.equal(canonicalBytes(value).toString('hex'), hex)
        assert.deepEqual(parseCanonical(Buffer.from(hex, 'hex')), value)
      })
  }
})

describe('canonicalBytes', () => {
  it('writes what another implementation writes, and reads it back', () => {
    const property = fc.property(integerJson, (value) => {
      const bytes = canonicalBytes(value)
      assert.equal(bytes.toString('utf8'), secondOpinion(value))
      assert.deepEqual(canonicalBytes(parseCanonical(bytes)), bytes)
    })
    fc.assert(property, { seed: 8785, numRuns: 500 })
  })

  it('leaves out fields that are undefined', () => {
    assert.equal(canonicalBytes({ b: undefined, a: 1 }).toString(), '{"a":1}')
  })

  const foreign: readonly (readonly [string, unknown])[] = [
    ['a float', 1.5],
    ['negative zero', -0],
    ['2^53', 2 ** 53],
    ['NaN', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['a bigint', 1n],
    ['undefined', undefined],
    ['a function', () => 1],
    ['a hole in an array', new Array(1)],
    ['undefined in an array', [undefined]],
    ['a date', new Date(0)],
    ['a map', new Map([['a', 1]])],
    ['a buffer', Buffer.from('a')],
    ['a value that says how it is written', { toJSON: () => 1 }],
    ['a lone surrogate', ['\ud800']],
    ['a lone surrogate as a key', { '\udc00': 1 }],
  ]
  for (const [name, value] of foreign)
    it(`refuses ${name}`, () => assert.throws(() => canonicalBytes(value), withCode('CANONICAL_INVALID')))

  it('refuses a value that holds itself', () => {
    const value: unknown[] = []
    value.push(value)
    assert.throws(() => canonicalBytes(value), withCode('CANONICAL_INVALID'))
  })

  it('agrees with parseCanonical on what is too deep', () => {
    for (const inner of ['', '1', '{}']) {
      const text = (depth: number): string => '['.repeat(depth) + inner + ']'.repeat(depth)
      const room = inner === '{}' ? MAX_BODY_DEPTH - 1 : MAX_BODY_DEPTH
      assert.deepEqual(canonicalBytes(parse(text(room))).toString(), text(room))
      assert.throws(() => parse(text(room + 1)), withCode('CANONICAL_INVALID', /deeper/))
      assert.throws(() => canonicalBytes(JSON.parse(text(room + 1))), withCode('CANONICAL_INVALID', /deeper/))
    }
  })

  it('takes the largest body and refuses one byte more', () => {
    const largest = 'a'.repeat(MAX_BODY_BYTES - 2)
    assert.equal(canonicalBytes(largest).byteLength, MAX_BODY_BYTES)
    assert.throws(() => canonicalBytes(`${largest}a`), withCode('EVENT_TOO_LARGE'))
    assert.throws(() => parse(`"${largest}a"`), withCode('EVENT_TOO_LARGE'))
  })
})

describe('parseCanonical', () => {
  const refused: readonly (readonly [string, string | Buffer])[] = [
    ['nothing', ''],
    ['a double key', '{"a":1,"a":1}'],
    ['a double key in other spelling', '{"a":1,"\\u0061":2}'],
    ['keys out of order', '{"b":1,"a":2}'],
    ['keys in the order of UTF-8 and not of UTF-16', '{"\uffff":1,"\u{10000}":2}'],
    ['1.0', '1.0'],
    ['1e2', '1e2'],
    ['-0', '-0'],
    ['2^53', '9007199254740992'],
    ['2^53 + 1, which parses as 2^53', '9007199254740993'],
    ['a float', '0.5'],
    ['a leading zero', '01'],
    ['white space', '{"a": 1}'],
    ['a line feed at the end', '1\n'],
    ['an escaped slash', '"\\/"'],
    ['an escape of a letter', '"\\u0061"'],
    ['an escape in capitals', '"\\u001F"'],
    ['a long escape of a short one', '"\\u000a"'],
    ['an escaped lone surrogate', '"\\ud800"'],
    ['a raw control character', '"\u0001"'],
    ['a byte order mark', '\ufeff1'],
    ['a NUL after the value', '1\0'],
    ['a trailing comma', '[1,]'],
    ['two values', '1 2'],
    ['closing brackets alone', ']'.repeat(100)],
    ['a surrogate in UTF-8', Buffer.from('22eda08022', 'hex')],
    ['an overlong form', Buffer.from('22c08022', 'hex')],
    ['a cut character', Buffer.from('22c3', 'hex')],
    ['UTF-16', Buffer.from('"a"', 'utf16le')],
  ]
  for (const [name, body] of refused)
    it(`refuses ${name}`, () => assert.throws(() => parseCanonical(Buffer.from(body)), withCode('CANONICAL_INVALID')))

  it('refuses 20,000 levels, balanced or not, without running out of stack', () => {
    assert.throws(() => parse(nested(20_000)), withCode('CANONICAL_INVALID', /deeper/))
    assert.throws(() => parse('{"a":'.repeat(10_000)), withCode('CANONICAL_INVALID', /deeper/))
    assert.throws(() => parse(']'.repeat(20_000) + '['.repeat(20_000)), withCode('CANONICAL_INVALID'))
  })

  it('does not count brackets inside strings', () => {
    assert.equal(parse(`"\\"${'['.repeat(1_000)}"`), `"${'['.repeat(1_000)}`)
  })

  it('reads keys that are numbers in their order, which is not the one that JavaScript keeps', () => {
    assert.deepEqual(parseCanonical(Buffer.from('{"10":1,"9":{"b":2}}')), { 9: { b: 2 }, 10: 1 })
    assert.throws(() => parseCanonical(Buffer.from('{"9":1,"10":2}')), withCode('CANONICAL_INVALID'))
  })

  it('keeps a key named __proto__ as data', () => {
    const value = parse('{"__proto__":{"admin":true}}')
    assert.deepEqual(Object.keys(value as object), ['__proto__'])
    assert.equal((value as { admin?: boolean }).admin, undefined)
    assert.equal(({} as { admin?: boolean }).admin, undefined)
  })

  it('takes no bytes but the canonical ones, whatever is changed in them', () => {
    const property = fc.property(integerJson, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, at, flip) => {
      const bytes = Buffer.from(canonicalBytes(value))
      bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ flip
      try {
        assert.deepEqual(canonicalBytes(parseCanonical(bytes)), bytes)
      } catch (error) {
        assert.ok(withCode('CANONICAL_INVALID')(error), String(error))
      }
    })
    fc.assert(property, { seed: 8785, numRuns: 500 })
  })
})
