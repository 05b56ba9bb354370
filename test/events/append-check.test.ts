// One signature a stretch: the last of appends that follow each other covers them all through the chain.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LogRecord } from '../../events/log.ts'
import { decodeSignature, encodeSignature } from '../../events/record.ts'
import { commitOf, honest, judge, outcomes, resigned, told } from '../support/verdicts.ts'

/** The append with another signature in place of its own; key and certificate stay. */
function spoilt(records: readonly LogRecord[]): readonly LogRecord[] {
  const signature = decodeSignature(records.at(-1)?.headers.signature ?? Buffer.alloc(0))
  return resigned(records, encodeSignature({ ...signature, appendSignature: Buffer.alloc(64, 1) }))
}

describe('the signatures of appends that follow each other', () => {
  const commits = [0, 1, 2, 3].map((index) => commitOf(honest, index))
  const [first = [], second = [], third = [], fourth = []] = commits

  it('accepts what a later signature covers through the chain', () => {
    const verdicts = judge([...first, ...spoilt(second), ...third])
    assert.deepEqual(new Set(outcomes(verdicts)), new Set(['accepted']))
  })

  it('lets each stand by its own signature where the last does not hold', () => {
    const verdicts = judge([...first, ...spoilt(second), ...third, ...spoilt(fourth)])
    const expected = commits.flatMap((records, index) =>
      records.map(() => (index % 2 === 0 ? 'accepted' : 'quarantined')),
    )
    assert.deepEqual(outcomes(verdicts), expected)
  })

  it('covers nothing across a missing append', () => {
    const verdicts = judge([...spoilt(second), ...fourth])
    assert.equal(told(verdicts.slice(0, second.length)), 'quarantined: the signature does not hold')
    assert.deepEqual(
      outcomes(verdicts).slice(second.length),
      fourth.map(() => 'accepted'),
    )
  })

  it('covers nothing of a batch that has only what comes before', () => {
    assert.equal(told(judge(spoilt(second))), 'quarantined: the signature does not hold')
  })
})
