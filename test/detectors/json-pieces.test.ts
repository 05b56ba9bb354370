// A state put into words piece by piece says what JSON.stringify says.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { inTurns, jsonPieces } from '../../detectors/json-pieces.ts'

describe('JSON in pieces', () => {
  it('is the text of JSON.stringify, at whatever depth it is taken apart', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.nat(8), (value, depth) => {
        assert.equal([...jsonPieces(value, depth)].join(''), JSON.stringify(value))
      }),
      { seed: 20261122 },
    )
  })

  it('leaves absent properties out', () => {
    assert.equal([...jsonPieces({ a: undefined, b: [undefined, 1] })].join(''), '{"b":[null,1]}')
  })

  it('comes in several texts where it is large', async () => {
    const large = Array.from({ length: 40 }, (_, index) => [`${index}`.repeat(20_000)])
    const texts: string[] = []
    for await (const text of inTurns(jsonPieces(large))) texts.push(text)
    assert.ok(texts.length > 3)
    assert.equal(texts.join(''), JSON.stringify(large))
  })
})
