// The `arguments` constraint: JSON Schema with a strict reading, in linear time, and numbers that every parser reads alike.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { decide } from '../../../gateway/policy/evaluate.ts'
import { hasUnsafeNumber, holdsUnsafeNumber } from '../../../gateway/unsafe-numbers.ts'
import { callWith, decideOn, factsOf, loadErrors, policyWithin } from './support.ts'

const SEED = 20261122

/** What a policy with this schema says of arguments: the reason of a denial, else the decision. */
function verdict(schema: object, value: unknown): string {
  const { decision, reason } = decideOn(policyWithin({ arguments: schema }), value)
  return decision === 'deny' ? reason : decision
}

function schemaErrors(schema: object): string {
  const text = stringify({ version: '1', rules: [{ action: 'allow', constraints: { arguments: schema } }] })
  return loadErrors(text)
    .map(({ key, message }) => `${key}: ${message}`)
    .join('\n')
}

describe('arguments', () => {
  const limit = { type: 'object', properties: { limit: { maximum: 100 } } }
  const optional = { ...limit, required: [] }
  const cases: readonly (readonly [string, object, unknown, string])[] = [
    ['a value within', limit, { limit: 100 }, 'allow'],
    ['a value beyond', limit, { limit: 101 }, 'constraint_argument'],
    ['a missing argument', limit, {}, 'constraint_argument'],
    ['a missing argument that is not required', optional, {}, 'allow'],
    ['a text in the place of a number', limit, { limit: '5' }, 'constraint_argument'],
    ['a whole value', { properties: { a: { pattern: '^x+$' } } }, { a: 'xx' }, 'allow'],
    ['a part of a value', { properties: { a: { pattern: '^x+$' } } }, { a: 'xx\ny' }, 'constraint_argument'],
    ['another argument', { properties: {}, additionalProperties: false }, { b: 1 }, 'constraint_argument'],
    ['a reference', { properties: { a: { $ref: '#/$defs/n' } }, $defs: { n: { enum: ['x'] } } }, { a: 'x' }, 'allow'],
    [
      'equal items',
      { properties: { a: { uniqueItems: true } } },
      {
        a: [
          { x: 1, y: 2 },
          { y: 2, x: 1 },
        ],
      },
      'constraint_argument',
    ],
    ['no arguments', limit, undefined, 'constraint_argument'],
    ['an inherited name', { required: ['toString'] }, {}, 'constraint_argument'],
    ['a number above 2^53', { properties: { a: { type: 'integer' } } }, { a: 2 ** 53 }, 'constraint_argument'],
    ['a number above 2^53 beside texts', { properties: { a: { type: 'string' } } }, { a: '', b: 2 ** 60 }, 'allow'],
  ]
  for (const [what, schema, value, expected] of cases) {
    it(`say ${expected} to ${what}`, () => assert.equal(verdict(schema, value), expected))
  }

  it('keep the patterns of several properties apart', () => {
    const schema = { properties: { a: { pattern: '^x$' }, b: { pattern: '^y$' } } }
    assert.equal(verdict(schema, { a: 'x', b: 'y' }), 'allow')
    assert.equal(verdict(schema, { a: 'x', b: 'x' }), 'constraint_argument')
  })

  it('name the place in the schema, never the value', () => {
    const { text } = decideOn(policyWithin({ arguments: limit }), { limit: 'my secret' })
    assert.match(text, /at \/properties\/limit\/type/)
    assert.doesNotMatch(text, /secret/)
  })

  it('deny by the text what parsers read differently', () => {
    const call = { ...callWith({ limit: 1 }), hasUnsafeNumber: () => true }
    assert.match(decide(policyWithin({ arguments: limit }), call, factsOf()).text, /read differently/)
  })

  const refused: readonly (readonly [string, object, RegExp])[] = [
    ['an unknown keyword', { propertees: {} }, /arguments: .*unknown keyword: "propertees"/],
    ['a wrong value', { properties: { a: { maximum: 'x' } } }, /maximum must be number/],
    ['a remote reference', { $ref: 'https://a.example/s.json' }, /arguments\.\$ref: expected a reference within/],
    ['a reference to nothing', { $ref: '#/$defs/x' }, /there is no \$defs\.x/],
    ['a recursion', { $ref: '#/$defs/a', $defs: { a: { items: { $ref: '#/$defs/a' }, type: 'array' } } }, /itself/],
    ['a format', { properties: { a: { format: 'email' } } }, /formats are not checked/],
    ['a pattern without anchors', { properties: { a: { pattern: 'x' } } }, /properties\.a\.pattern: .*whole value/],
    ['open alternatives', { properties: { a: { pattern: '^a|b$' } } }, /alternatives/],
    ['a look-ahead', { properties: { a: { pattern: '^(?=a)b$' } } }, /no RE2 pattern/],
    ['a back-reference', { properties: { a: { pattern: '^(a)\\1$' } } }, /no RE2 pattern/],
    ['a type left open below not', { not: { maximum: 5 } }, /expected a type here/],
    ['another dialect', { $schema: 'http://json-schema.org/draft-07/schema#' }, /expected https:.*2020-12/],
    [
      'deep nesting',
      Array.from({ length: 80 }).reduce<object>((s) => ({ type: 'array', items: s }), {}),
      /nests deeper/,
    ],
    ['too many schemas', { allOf: Array.from({ length: 2_500 }, () => ({})) }, /more than 2000 schemas/],
  ]
  for (const [what, schema, message] of refused) {
    it(`refuse ${what}`, () => assert.match(schemaErrors(schema), message))
  }

  it('refuse references that multiply', () => {
    const level = (next: number): object => ({ allOf: [{ $ref: `#/$defs/d${next}` }, { $ref: `#/$defs/d${next}` }] })
    const $defs = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`d${at}`, level(at + 1)]))
    assert.match(schemaErrors({ $ref: '#/$defs/d0', $defs: { ...$defs, d30: {} } }), /more than 2000 schemas/)
  })

  it('deny what patterns would take too long for', () => {
    const schema = { properties: { a: { pattern: '^(?:a?){50}a{50}$' } } }
    assert.equal(verdict(schema, { a: 'a'.repeat(100_000) }), 'evaluation_error')
    assert.equal(verdict(schema, { a: 'a'.repeat(60) }), 'allow')
  })
})

describe('unsafe numbers', () => {
  const unsafe = [
    '9007199254740993',
    '-9007199254740993',
    '1e400',
    '1e-400',
    '1.00000000000000000001',
    '[1,{"a":1e17}]',
  ]
  const safe = [
    '9007199254740991',
    '0.1',
    '-0.30000000000000004',
    '1e3',
    '"9007199254740993"',
    '"\\"9007199254740993"',
    '0e5',
  ]
  for (const text of unsafe) it(`are found in ${text}`, () => assert.equal(hasUnsafeNumber(Buffer.from(text)), true))
  for (const text of safe) it(`are not found in ${text}`, () => assert.equal(hasUnsafeNumber(Buffer.from(text)), false))

  it('are none in what JSON.stringify makes of doubles that integers up to 2^53 bound', () => {
    const value = fc.jsonValue({ maxDepth: 3 }).filter((json) => !holdsUnsafeNumber(json))
    fc.assert(
      fc.property(value, (json) => assert.equal(hasUnsafeNumber(Buffer.from(JSON.stringify(json))), false)),
      { seed: SEED, numRuns: 300 },
    )
  })
})
