// Keyed HMACs: what is remembered is what would be computed, for each key its own, however many texts come between.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { describe, it } from 'node:test'
import { keyedHmac } from '../../events/keyed-hmac.ts'
import { seededBytes } from '../support/seeded-run.ts'

function computed(key: Buffer, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64url')
}

describe('keyedHmac', () => {
  const [key, other] = [seededBytes('key', 32), seededBytes('other', 32)]

  it('is HMAC-SHA-256, the first time and again', () => {
    for (let time = 0; time < 2; time++)
      for (const text of ['', 'path', '\u{1f600}', 'x'.repeat(129)])
        assert.equal(keyedHmac(key, text), computed(key, text))
  })

  it('never takes one key for another', () => {
    assert.equal(keyedHmac(key, 'path'), computed(key, 'path'))
    assert.equal(keyedHmac(other, 'path'), computed(other, 'path'))
  })

  it('is right for texts that were forgotten, and for those that were not', () => {
    const texts = Array.from({ length: 2_500 }, (_, index) => `text ${index}`)
    for (const text of [...texts, ...texts.toReversed()]) assert.equal(keyedHmac(key, text), computed(key, text))
  })
})
