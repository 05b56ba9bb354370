// The Merkle tree of a bundle, made again from left to right: leaves by their hash, skipped leaves by the hashes of perfect
// subtrees. If the root is the one that was signed, every leaf stands where the bundle shows it. Pure; keeps one hash a level.
import { EMPTY_ROOT, hashNode, type LeafRange, type Subtree } from '../merkle.ts'

/** The perfect subtrees of a range that may begin anywhere, from left to right: each as large as its place allows. */
export function coveringSubtrees({ start, end }: LeafRange): readonly Subtree[] {
  const subtrees: Subtree[] = []
  for (let at = start; at < end; ) {
    let level = 0
    while ((at / 2 ** level) % 2 === 0 && at + 2 ** (level + 1) <= end) level++
    subtrees.push({ level, index: at / 2 ** level })
    at += 2 ** level
  }
  return subtrees
}

/** Grows to the right; remembers the roots at the sizes that somebody signed. */
export class BundleTree {
  /** By level: the perfect subtree that waits for its sibling. */
  readonly #waiting: (Buffer | undefined)[] = []
  readonly #wanted: ReadonlySet<number>
  readonly #roots = new Map<number, Buffer>()
  #size = 0

  constructor(wantedSizes: readonly number[]) {
    this.#wanted = new Set(wantedSizes)
    this.#note()
  }

  /** Number of leaves. */
  get size(): number {
    return this.#size
  }

  /** Appends one leaf. */
  leaf(hash: Buffer): void {
    this.#push(0, hash)
    this.#note()
  }

  /** Appends leaves of which nothing but subtrees is known; false where the hashes are not as many as there must be. */
  skip(count: number, hashes: readonly Buffer[]): boolean {
    const end = this.#size + count
    if (!Number.isSafeInteger(end)) return false
    const subtrees = coveringSubtrees({ start: this.#size, end })
    if (subtrees.length !== hashes.length) return false
    subtrees.forEach(({ level }, at) => {
      this.#push(level, hashes[at] ?? EMPTY_ROOT)
    })
    this.#note()
    return true
  }

  /** The root at a wanted size; undefined where the tree never had exactly that size. */
  rootAt(size: number): Buffer | undefined {
    return this.#roots.get(size)
  }

  #push(from: number, leaf: Buffer): void {
    let level = from
    let hash = leaf
    for (let left = this.#waiting[level]; left !== undefined; left = this.#waiting[level]) {
      hash = hashNode(left, hash)
      this.#waiting[level] = undefined
      level++
    }
    this.#waiting[level] = hash
    this.#size += 2 ** from
  }

  #note(): void {
    if (!this.#wanted.has(this.#size)) return
    const parts = this.#waiting.filter((hash) => hash !== undefined)
    this.#roots.set(this.#size, parts.length === 0 ? EMPTY_ROOT : parts.reduce((right, left) => hashNode(left, right)))
  }
}
