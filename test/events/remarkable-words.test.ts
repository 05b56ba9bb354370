// The quick look for words finds what a look at each word by itself finds.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { remarkableWords } from '../../events/remarkable-words.ts'
import { findNames, findTokens, isDestination, normaliseToken } from '../../events/signal-text.ts'

const SEPARATORS = /[\s"'`<>()[\]{},;|*=]+/
/** What an identifier has that a plain word has not: a digit, or a sign inside or before it. */
const IDENTIFIER = /\d|\w[@_/\\.:#~-]\w|^[/\\#@~]\w/
const TIME_OR_AMOUNT = /^[$€£+-]?\d{1,4}(?:[.,]\d{1,3})*[%$€£]?$|^\d{1,2}(?::\d{2}){1,2}(?:am|pm)?$|^\d{4}-\d{2}-\d{2}/

const piece = fc.constantFrom(
  ...'abZ019.:!?-/_@#~%,;= \n"\'(*|…·é½ｔ\u00a0\u3000\ufeff',
  'www.',
  'http://',
  '%2F',
  'ab',
)
const texts = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(''))

function tokensOneByOne(text: string): readonly string[] {
  const tokens = text.split(SEPARATORS).flatMap((word) => {
    const token = normaliseToken(word)
    const isToken = token.length >= 3 && IDENTIFIER.test(token) && !TIME_OR_AMOUNT.test(token) && !isDestination(word)
    return isToken ? [token] : []
  })
  return [...new Set(tokens)]
}

describe('remarkableWords', () => {
  it('leaves out no word that is an identifier', () => {
    fc.assert(fc.property(texts, (text) => assert.deepEqual(findTokens(text), tokensOneByOne(text))))
  })

  it('leaves out plain words, with what stands before and after them', () => {
    assert.deepEqual([...remarkableWords('Pay the (usual) fee: now! - or not...', 200)], [])
  })
})

describe('a word that is too long', () => {
  it('is passed over, and nothing behind it', () => {
    assert.deepEqual(findTokens(`${'x-1'.repeat(100)} id_1 ${'y'.repeat(197)}_12 ${'y'.repeat(198)}_12 id_2`), [
      'id_1',
      `${'y'.repeat(197)}_12`,
      'id_2',
    ])
  })
})

describe('findTokens and findNames', () => {
  it('stop where they have as many as are wanted', () => {
    assert.deepEqual(findTokens('id_1 id_2 id_3', 2), ['id_1', 'id_2'])
    assert.deepEqual(findNames('"Ann Lee" "Bob Ray" "Eve Fox"', 2), ['ann lee', 'bob ray'])
  })
})
