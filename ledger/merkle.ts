// The Merkle tree of RFC 6962, section 2.1 (RFC 9162 has the same hashes): which perfect subtrees make a root and a proof.
// Pure: whoever has the hashes of perfect subtrees (tiles, a list of leaves) can make every root and proof from them.
// An event's hash is its leaf hash already (events/chain.ts), so leaves come in as hashes.
import { createHash, hash } from 'node:crypto'

/** The bytes of one hash. */
export const HASH_BYTES = 32
/** The root of the tree without leaves: SHA-256 of nothing. */
export const EMPTY_ROOT: Buffer = createHash('sha256').digest()

/** The perfect subtree over the leaves `index * 2^level` up to `(index + 1) * 2^level`. */
export interface Subtree {
  readonly level: number
  readonly index: number
}

/** Leaves from `start` up to, and without, `end`. */
export interface LeafRange {
  readonly start: number
  readonly end: number
}

/** Gives the hash of a perfect subtree. */
export type SubtreeHash = (subtree: Subtree) => Buffer

/** What one node is hashed from; used anew for each, since a log has as many nodes as events. */
const node = Buffer.alloc(1 + 2 * HASH_BYTES)
node[0] = 0x01

/** SHA-256(0x01 ‖ left ‖ right). */
export function hashNode(left: Uint8Array, right: Uint8Array): Buffer {
  // What is no hash leaves nothing behind in the next node.
  if (left.byteLength !== HASH_BYTES || right.byteLength !== HASH_BYTES)
    return hash('sha256', Buffer.concat([node.subarray(0, 1), left, right]), 'buffer')
  node.set(left, 1)
  node.set(right, 1 + HASH_BYTES)
  return hash('sha256', node, 'buffer')
}

/** The root over hashes of leaves, or of subtrees of one size. */
export function rootOf(hashes: readonly Buffer[]): Buffer {
  const [only] = hashes
  if (only === undefined) return EMPTY_ROOT
  if (hashes.length === 1) return only
  const split = splitOf(hashes.length)
  return hashNode(rootOf(hashes.slice(0, split)), rootOf(hashes.slice(split)))
}

/**
 * The hashes of an inclusion proof, each as the range of leaves under it, from the leaf's sibling up (RFC 6962, 2.1.1).
 * Throws RangeError for a leaf that is not in a tree of this size.
 */
export function inclusionRanges(index: number, size: number): readonly LeafRange[] {
  if (!isCount(index) || !isCount(size) || index >= size) throw new RangeError(`no leaf ${index} in a tree of ${size}`)
  const ranges: LeafRange[] = []
  let [start, end] = [0, size]
  while (end - start > 1) {
    const middle = start + splitOf(end - start)
    const isLeft = index < middle
    ranges.unshift(isLeft ? { start: middle, end } : { start, end: middle })
    if (isLeft) end = middle
    else start = middle
  }
  return ranges
}

/** The hashes of a consistency proof between two sizes, in order (RFC 6962, 2.1.2). Throws RangeError unless 0 < from <= to. */
export function consistencyRanges(from: number, to: number): readonly LeafRange[] {
  if (!isCount(from) || !isCount(to) || from < 1 || from > to)
    throw new RangeError(`no consistency proof between trees of ${from} and ${to} leaves`)
  const ranges: LeafRange[] = []
  let [start, end] = [0, to]
  while (from < end) {
    const middle = start + splitOf(end - start)
    const isLeft = from <= middle
    ranges.unshift(isLeft ? { start: middle, end } : { start, end: middle })
    if (isLeft) end = middle
    else start = middle
  }
  // Where the old tree is itself one subtree of the new one, the verifier has its hash.
  if (start > 0) ranges.unshift({ start, end })
  return ranges
}

/** The perfect subtrees that make up a range of a proof or a whole tree, from left to right. */
export function subtreesOf({ start, end }: LeafRange): readonly Subtree[] {
  const subtrees: Subtree[] = []
  for (let at = start; at < end; ) {
    const level = Math.floor(Math.log2(largestPower(end - at)))
    subtrees.push({ level, index: at / 2 ** level })
    at += 2 ** level
  }
  return subtrees
}

/** The hash over a range of a proof, or over `{start: 0, end: size}`, a whole tree. */
export function hashRange(range: LeafRange, hashOf: SubtreeHash): Buffer {
  const subtrees = subtreesOf(range)
  const last = subtrees.at(-1)
  if (last === undefined) return EMPTY_ROOT
  return subtrees.slice(0, -1).reduceRight((right, subtree) => hashNode(hashOf(subtree), right), hashOf(last))
}

/** Whether a number counts leaves. */
export function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

/** The largest power of two below n, for n > 1. */
function splitOf(n: number): number {
  return largestPower(n - 1)
}

/** The largest power of two up to n, for n > 0. */
function largestPower(n: number): number {
  let power = 1
  while (power * 2 <= n) power *= 2
  return power
}
