// Checks inclusion and consistency proofs as RFC 9162 describes it (sections 2.1.3.2 and 2.1.4.2). Pure, and closed: what is
// not exactly such a proof is none. Sizes go beyond 32 bits, so halving is done by division.
import { HASH_BYTES, hashNode, isCount } from './merkle.ts'

/** That a leaf stands at an index of a tree. */
export interface InclusionClaim {
  readonly index: number
  readonly size: number
  readonly leaf: Uint8Array
  readonly root: Uint8Array
  /** From the leaf's sibling up. */
  readonly proof: readonly Uint8Array[]
}

/** That a tree begins with all leaves of an older one. */
export interface ConsistencyClaim {
  readonly from: number
  readonly to: number
  readonly fromRoot: Uint8Array
  readonly toRoot: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/** Whether the proof shows that the leaf is there. */
export function inclusionHolds({ index, size, leaf, root, proof }: InclusionClaim): boolean {
  if (!isCount(index) || !isCount(size) || index >= size || !areHashes([leaf, root, ...proof])) return false
  const climb = new Climb(index, size - 1)
  let hash: Buffer = Buffer.from(leaf)
  for (const sibling of proof) {
    if (climb.isAtTop) return false
    hash = climb.isRight ? hashNode(sibling, hash) : hashNode(hash, sibling)
    climb.up()
  }
  return climb.isAtTop && hash.equals(root)
}

/** Whether the proof shows that nothing of the older tree was changed. The empty tree proves nothing, so it never holds. */
export function consistencyHolds({ from, to, fromRoot, toRoot, proof }: ConsistencyClaim): boolean {
  if (!isCount(from) || !isCount(to) || from < 1 || from > to) return false
  if (from === to) return proof.length === 0 && Buffer.from(fromRoot).equals(toRoot)
  if (proof.length === 0 || !areHashes([fromRoot, toRoot, ...proof])) return false
  const isPerfect = Number.isInteger(Math.log2(from)) && 2 ** Math.round(Math.log2(from)) === from
  const [first, ...rest] = isPerfect ? [fromRoot, ...proof] : proof
  if (first === undefined) return false
  const climb = new Climb(from - 1, to - 1)
  climb.skipRightEdge()
  let older: Buffer = Buffer.from(first)
  let newer = older
  for (const sibling of rest) {
    if (climb.isAtTop) return false
    if (climb.isRight) {
      older = hashNode(sibling, older)
      newer = hashNode(sibling, newer)
    } else newer = hashNode(newer, sibling)
    climb.up()
  }
  return climb.isAtTop && older.equals(fromRoot) && newer.equals(toRoot)
}

/** The way from a node up to the root: `fn` and `sn` of the RFC. */
class Climb {
  #node: number
  #last: number

  constructor(node: number, last: number) {
    this.#node = node
    this.#last = last
  }

  get isAtTop(): boolean {
    return this.#last === 0
  }

  /** Whether the sibling of this node stands to its left. */
  get isRight(): boolean {
    return this.#node % 2 === 1 || this.#node === this.#last
  }

  up(): void {
    // The last node of a level may have no sibling: it then rises by itself.
    if (this.isRight && this.#node % 2 === 0) while (this.#node % 2 === 0 && this.#node !== 0) this.#halve()
    this.#halve()
  }

  /** Up to the largest subtree that ends where the older tree does. */
  skipRightEdge(): void {
    while (this.#node % 2 === 1) this.#halve()
  }

  #halve(): void {
    this.#node = Math.floor(this.#node / 2)
    this.#last = Math.floor(this.#last / 2)
  }
}

function areHashes(all: readonly Uint8Array[]): boolean {
  return all.every((hash) => hash.byteLength === HASH_BYTES)
}
