// The text form of proofs (https://c2sp.org/tlog-proof): what is proved, and that any change of it proves nothing.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { hashBody } from '../../events/chain.ts'
import { generateKey } from '../../events/keys.ts'
import { signCheckpoint } from '../../ledger/checkpoint.ts'
import { hashRange, inclusionRanges, rootOf } from '../../ledger/merkle.ts'
import { verifierKey } from '../../ledger/note.ts'
import { formatTlogProof, parseTlogProof, verifyTlogProof } from '../../ledger/tlog-proof.ts'

const key = generateKey()
const log = verifierKey('example.com/log', key.publicKey)
const leaves = Array.from({ length: 11 }, (_, at) => Buffer.from(hashBody(Buffer.from(`${at}`)), 'hex'))
const note = signCheckpoint({ origin: log.name, size: leaves.length, root: rootOf(leaves) }, key)

function proofOf(index: number): string {
  const hashes = inclusionRanges(index, leaves.length).map((range) =>
    hashRange(range, ({ level, index: at }) => rootOf(leaves.slice(at * 2 ** level, (at + 1) * 2 ** level))),
  )
  return formatTlogProof({ index, hashes, note })
}

describe('proofs as text', () => {
  it('prove each leaf and no other', () => {
    for (const [index, leaf] of leaves.entries()) {
      const proved = verifyTlogProof(proofOf(index), leaf.toString('hex'), { log })
      assert.deepEqual([proved.index, proved.checkpoint.size], [index, 11])
      const other = leaves[(index + 1) % 11]?.toString('hex') ?? ''
      assert.throws(() => verifyTlogProof(proofOf(index), other, { log }), { code: 'CHECKPOINT_INVALID' })
    }
  })

  it('may carry an extra line, which says nothing', () => {
    const text = proofOf(3).replace('\nindex', '\nextra eA==\nindex')
    assert.deepEqual(parseTlogProof(text), parseTlogProof(proofOf(3)))
  })

  it('prove nothing with one character changed or removed', () => {
    const text = proofOf(7)
    const hash = leaves[7]?.toString('hex') ?? ''
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom('', '0', 'B', '\n', ' '), (at, put) => {
        const edited = text.slice(0, at) + put + text.slice(at + 1)
        if (edited !== text) assert.throws(() => verifyTlogProof(edited, hash, { log }), { code: 'CHECKPOINT_INVALID' })
      }),
      { numRuns: 300 },
    )
  })
})
