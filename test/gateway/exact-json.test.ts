// The exact form: the same for two texts that say the same, another one for any two that some parser reads differently.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type ExactNode, exactText, membersOf, readExact, textsOf } from '../../gateway/exact-json.ts'
import { anyCharacter } from '../support/any-character.ts'

function exact(text: string | Buffer): string {
  return exactText(readExact(Buffer.from(text)))
}

/** The value that a tree stands for, as JSON.parse would have it. */
function readingOf(node: ExactNode): unknown {
  switch (node.type) {
    case 'string':
      return node.value
    case 'token':
      return JSON.parse(node.text)
    case 'array':
      return node.items.map(readingOf)
    case 'object':
      return Object.fromEntries(node.members.map(({ key, value }) => [key.value, readingOf(value)]))
  }
}

/** The same value with its keys in another order and other white space. */
function shuffled(value: unknown): string {
  if (Array.isArray(value)) return `[ ${value.map(shuffled).join(' ,\n')} ]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).toReversed()
  return `{\t${members.map(([key, item]) => `${JSON.stringify(key)} : ${shuffled(item)}`).join(' , ')}\r\n}`
}

const json = fc.jsonValue({ maxDepth: 5, stringUnit: anyCharacter })

describe('the exact form of a JSON text', () => {
  it('says what JSON.parse says, and is JSON itself', () => {
    fc.assert(
      fc.property(json, (value) => {
        const text = JSON.stringify(value)
        assert.deepEqual(readingOf(readExact(Buffer.from(text))), JSON.parse(text))
        assert.deepEqual(JSON.parse(exact(text)), JSON.parse(text))
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  it('depends neither on the order of keys nor on white space', () => {
    fc.assert(
      fc.property(json, (value) => {
        assert.equal(exact(shuffled(value)), exact(JSON.stringify(value)))
      }),
      { seed: 2, numRuns: 300 },
    )
  })

  it('is another one for another value', () => {
    fc.assert(
      fc.property(json, json, (one, other) => {
        const [a, b] = [JSON.stringify(one), JSON.stringify(other)]
        const isSame = JSON.stringify(JSON.parse(exact(a))) === JSON.stringify(JSON.parse(exact(b)))
        assert.equal(exact(a) === exact(b), isSame)
      }),
      { seed: 3, numRuns: 300 },
    )
  })

  it('keeps numbers as they stand, where a double would make them one', () => {
    const numbers = ['9007199254740992', '9007199254740993', '1', '1.0', '1e0', '0.1', '0.10000000000000000555', '-0']
    assert.equal(new Set(numbers.map((number) => exact(`{"a":${number}}`))).size, numbers.length)
  })

  it('has one spelling for a string, whatever its escapes', () => {
    assert.equal(exact('{"\\u0061":"\\u00e9\\/\\n"}'), exact('{"a":"é/\\u000a"}'))
    assert.notEqual(exact('"\\ud800"'), exact('"\ufffd"'))
  })

  it('keeps both of two equal keys, in their order: parsers differ in which one counts', () => {
    const texts = ['{"a":1,"a":2}', '{"a":2,"a":1}', '{"a":1}', '{"a":2}', '{"\\u0061":1,"b":0,"a":2}']
    assert.equal(new Set(texts.map(exact)).size, texts.length)
    assert.equal(exact('{"b":0,"a":1,"a":2}'), exact('{"a":1,"b":0,"a":2}'))
  })

  it('tells strings apart that are not UTF-8, and no JSON is written as they are', () => {
    const broken = [0xff, 0xfe].map((byte) => exact(Buffer.from([0x22, byte, 0x22])))
    assert.deepEqual(broken, ['x22ff22', 'x22fe22'])
    assert.notEqual(exact(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])), exact('{"\ufffd":1}'))
  })

  it('of 16 MB is read in time that grows with its size', () => {
    const text = `[${'{"a":"x","b":[1.5,true]},'.repeat(40_000)}0]`
    assert.ok(exact(text).length > 800_000)
  })
})

describe('a tree', () => {
  it('gives every value under a key, and every string but the keys', () => {
    const node = readExact(Buffer.from('{"a":"x","b":{"c":["y",{"d":"z"}]},"a":1}'))
    assert.deepEqual(membersOf(node, 'a').map(exactText), ['"x"', '1'])
    assert.deepEqual(membersOf(membersOf(node, 'a')[0], 'a'), [])
    assert.deepEqual(textsOf(node), ['x', 'y', 'z'])
  })
})
