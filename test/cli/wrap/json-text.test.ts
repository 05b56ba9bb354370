// The reader of clients' files: as strict as JSON.parse on what both read, and never in two ways.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { withoutLayout } from '../../../cli/wrap/json-look.ts'
import { parseJsonText } from '../../../cli/wrap/json-text.ts'
import { withCode } from '../../support/errors.ts'

function read(text: string): string {
  return withoutLayout(text, parseJsonText(text, 'file'))
}

describe('parseJsonText', () => {
  it('reads what JSON.stringify writes', () => {
    const check = fc.property(fc.jsonValue(), fc.constantFrom(0, 1, '\t'), (value, indent) => {
      assert.equal(read(JSON.stringify(value, null, indent)), JSON.stringify(value))
    })
    fc.assert(check, { seed: 7 })
  })

  it('refuses what JSON.parse refuses, but for comments, trailing commas and a byte order mark', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"a"',
      '"',
      '1',
      '-',
      '0',
      '.5',
      'e1',
      'true',
      'nul',
      ' ',
      '\\',
      '\u0001',
    )
    const check = fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
      const text = pieces.join('')
      if (/,\s*[}\]]/.test(text)) return
      assert.equal(
        isRead(() => read(text)),
        isRead(() => JSON.parse(text)) && !/"a" *:.*"a" *:/.test(text),
      )
    })
    fc.assert(check, { seed: 8, numRuns: 3_000 })
  })

  it('reads comments, trailing commas and a byte order mark', () => {
    assert.equal(read('\uFEFF// a\r\n{"a": [1, /* ] */ 2,], // b\n}\n// end'), '{"a":[1,2]}')
  })

  const refused: readonly (readonly [what: string, text: string, where: string])[] = [
    ['a key that stands twice', '{\n "a": 1, "a": 2}', 'file:2:13'],
    ['a string that never ends', '["abc', 'file:1:2'],
    ['something after the value', '{} {}', 'file:1:4'],
    ['a comma alone', '[,]', 'file:1:2'],
    ['an empty file', '', 'file:1:1'],
    ['a comment that never ends', '{} /* a', 'file:1:4'],
    ['values nested too deep', '['.repeat(300), 'file:1:201'],
  ]
  for (const [what, text, where] of refused) {
    it(`refuses ${what}, with its place`, () => {
      assert.throws(() => read(text), { code: 'CONFIG_INVALID', where })
    })
  }

  it('quotes nothing of a file that it refuses', () => {
    assert.throws(
      () => read('{"token": "secret\\x"}'),
      (error: Error) => !error.message.includes('secret'),
    )
  })

  it('refuses ten megabytes without an end in little time', () => {
    assert.throws(() => read(`["${'a\\"'.repeat(3_000_000)}`), withCode('CONFIG_INVALID'))
  })
})

function isRead(action: () => unknown): boolean {
  try {
    action()
    return true
  } catch {
    return false
  }
}
