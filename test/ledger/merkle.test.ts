// The published vectors of transparency-dev/merkle (https://github.com/transparency-dev/merkle/tree/main/testdata), and
// what must hold for every tree.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { hashBody } from '../../events/chain.ts'
import { consistencyRanges, EMPTY_ROOT, hashRange, inclusionRanges, rootOf, type Subtree } from '../../ledger/merkle.ts'
import { consistencyHolds, inclusionHolds } from '../../ledger/merkle-proof.ts'
import { readProofVectors, vectorsSkip } from '../support/proof-vectors.ts'

const bytes = (text: string): Buffer => Buffer.from(text, 'base64')

describe('the published vectors', () => {
  it('gives the published answer to every inclusion proof', { skip: vectorsSkip }, () => {
    const vectors = readProofVectors('merkle-inclusion.json')
    for (const { name, leafIdx: index, treeSize: size, root, leafHash, proof, wantErr } of vectors) {
      const claim = { index, size, root: bytes(root), leaf: bytes(leafHash), proof: (proof ?? []).map(bytes) }
      assert.equal(inclusionHolds(claim), !wantErr, name)
    }
    assert.equal(vectors.length, 98)
  })

  it('gives the published answer to every consistency proof', { skip: vectorsSkip }, () => {
    const vectors = readProofVectors('merkle-consistency.json')
    for (const { name, size1, size2, root1, root2, proof, wantErr } of vectors) {
      const roots = { fromRoot: bytes(root1), toRoot: bytes(root2) }
      const claim = { from: size1, to: size2, ...roots, proof: (proof ?? []).map(bytes) }
      assert.equal(consistencyHolds(claim), !wantErr, name)
    }
    assert.equal(vectors.length, 98)
  })

  it('has the roots of RFC 6962 for the leaves of its own test tree', () => {
    const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
    const hashes = leaves.map((leaf) => Buffer.from(hashBody(Buffer.from(leaf, 'hex')), 'hex'))
    assert.equal(rootOf(hashes).toString('hex'), '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328')
    assert.equal(EMPTY_ROOT.toString('hex'), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  })
})

const leavesOf = (size: number): readonly Buffer[] =>
  Array.from({ length: size }, (_, index) => createHash('sha256').update(`leaf ${index}`).digest())

/** The hashes of subtrees of a list of leaves. */
const hashesOf =
  (leaves: readonly Buffer[]) =>
  ({ level, index }: Subtree) =>
    rootOf(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level))

const sizes = fc.integer({ min: 1, max: 300 })

describe('trees of any size', () => {
  it('have the same root over subtrees as over leaves', () => {
    const all = leavesOf(300)
    fc.assert(
      fc.property(sizes, (size) => {
        assert.deepEqual(hashRange({ start: 0, end: size }, hashesOf(all)), rootOf(all.slice(0, size)))
      }),
    )
  })

  it('prove each leaf, and no other leaf, index, size or root', () => {
    const all = leavesOf(300)
    fc.assert(
      fc.property(sizes, fc.nat(), (size, seed) => {
        const index = seed % size
        const leaves = all.slice(0, size)
        const proof = inclusionRanges(index, size).map((range) => hashRange(range, hashesOf(leaves)))
        const claim = { index, size, leaf: leaves[index] ?? EMPTY_ROOT, root: rootOf(leaves), proof }
        assert.equal(inclusionHolds(claim), true)
        assert.equal(inclusionHolds({ ...claim, leaf: EMPTY_ROOT }), false)
        assert.equal(inclusionHolds({ ...claim, root: EMPTY_ROOT }), false)
        assert.equal(inclusionHolds({ ...claim, index: index + 1 }), false)
        assert.equal(inclusionHolds({ ...claim, proof: [...proof, EMPTY_ROOT] }), false)
      }),
    )
  })

  it('prove that they extend every smaller one, and nothing else', () => {
    const all = leavesOf(300)
    fc.assert(
      fc.property(sizes, fc.nat(), (to, seed) => {
        const from = 1 + (seed % to)
        const proof = consistencyRanges(from, to).map((range) => hashRange(range, hashesOf(all)))
        const claim = { from, to, fromRoot: rootOf(all.slice(0, from)), toRoot: rootOf(all.slice(0, to)), proof }
        assert.equal(consistencyHolds(claim), true)
        assert.equal(consistencyHolds({ ...claim, fromRoot: EMPTY_ROOT }), false)
        assert.equal(consistencyHolds({ ...claim, toRoot: EMPTY_ROOT }), false)
        assert.equal(consistencyHolds({ ...claim, proof: [...proof, EMPTY_ROOT] }), false)
        assert.equal(consistencyHolds({ ...claim, proof: proof.slice(1) }), from === to)
      }),
    )
  })

  it('have no proofs for what is not in them', () => {
    for (const [index, size] of [
      [0, 0],
      [3, 3],
      [-1, 3],
      [0.5, 3],
    ] as const)
      assert.throws(() => inclusionRanges(index, size), RangeError)
    for (const [from, to] of [
      [0, 3],
      [4, 3],
      [-1, 3],
    ] as const)
      assert.throws(() => consistencyRanges(from, to), RangeError)
  })

  it('go beyond 32 bits', () => {
    const size = 2 ** 40 + 5
    assert.equal(inclusionRanges(2 ** 35, size).length, 41)
    assert.deepEqual(consistencyRanges(2 ** 40, size), [{ start: 2 ** 40, end: size }])
  })
})
