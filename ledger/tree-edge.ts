// The right edge of a growing tree: all that has to be remembered to append leaves, and which files an append makes. Pure.
import { EMPTY_ROOT, hashNode, rootOf, subtreesOf } from './merkle.ts'
import { encodeBundle, encodeTile, TILE_WIDTH, tilePath } from './tiles.ts'

/** The unfinished tile of each level, and the unfinished bundle. */
export interface TreeEdge {
  /** Number of leaves. */
  readonly size: number
  /** Hashes of the unfinished tile of each level, lowest first; each at most 255. */
  readonly levels: readonly (readonly Buffer[])[]
  /** Bodies of the unfinished bundle, one for each hash of level 0. */
  readonly entries: readonly Buffer[]
}

/** The tree without leaves. */
export const EMPTY_EDGE: TreeEdge = { size: 0, levels: [], entries: [] }

/** An entry with its leaf hash. */
export interface Leaf {
  readonly hash: Buffer
  readonly body: Buffer
}

/** A file below the log's prefix. */
export interface TreeFile {
  readonly path: string
  readonly bytes: Buffer
}

/** Appends leaves; the files are those that are new, full ones and the partial ones of the new size. */
export function appendLeaves(
  edge: TreeEdge,
  leaves: readonly Leaf[],
): { readonly edge: TreeEdge; readonly files: readonly TreeFile[] } {
  const growth = new Growth(edge)
  for (const leaf of leaves) growth.append(leaf)
  return growth.finish()
}

/** The root of the whole tree. */
export function edgeRoot({ levels }: TreeEdge): Buffer {
  // From left to right: the perfect subtrees of the highest level come first, and are the largest.
  const parts = levels.toReversed().flatMap((hashes) =>
    subtreesOf({ start: 0, end: hashes.length }).map(({ level, index }) => {
      const count = 2 ** level
      return rootOf(hashes.slice(index * count, (index + 1) * count))
    }),
  )
  const last = parts.at(-1)
  return last === undefined ? EMPTY_ROOT : parts.slice(0, -1).reduceRight((right, left) => hashNode(left, right), last)
}

/** One append under way. */
class Growth {
  #size: number
  readonly #levels: Buffer[][]
  #entries: Buffer[]
  readonly #files: TreeFile[] = []
  readonly #before: number

  constructor({ size, levels, entries }: TreeEdge) {
    this.#size = size
    this.#before = size
    this.#levels = levels.map((hashes) => [...hashes])
    this.#entries = [...entries]
  }

  append({ hash, body }: Leaf): void {
    this.#size++
    this.#entries.push(body)
    if (this.#entries.length === TILE_WIDTH) {
      this.#file('entries', encodeBundle(this.#entries), TILE_WIDTH)
      this.#entries = []
    }
    this.#push(0, hash)
  }

  finish(): { readonly edge: TreeEdge; readonly files: readonly TreeFile[] } {
    if (this.#size > this.#before) {
      if (this.#entries.length > 0) this.#file('entries', encodeBundle(this.#entries), this.#entries.length)
      this.#levels.forEach((hashes, level) => {
        const nodesBefore = Math.floor(this.#before / TILE_WIDTH ** level)
        const isChanged = Math.floor(this.#size / TILE_WIDTH ** level) > nodesBefore
        if (isChanged && hashes.length > 0) this.#file(level, encodeTile(hashes), hashes.length)
      })
    }
    return { edge: { size: this.#size, levels: this.#levels, entries: this.#entries }, files: this.#files }
  }

  #push(level: number, hash: Buffer): void {
    const hashes = this.#levels[level] ?? []
    this.#levels[level] = hashes
    hashes.push(hash)
    if (hashes.length < TILE_WIDTH) return
    this.#levels[level] = []
    this.#file(level, encodeTile(hashes), TILE_WIDTH)
    this.#push(level + 1, rootOf(hashes))
  }

  /** The tile that ends where the tree ends now. */
  #file(kind: number | 'entries', bytes: Buffer, width: number): void {
    const nodes = Math.floor(this.#size / TILE_WIDTH ** (kind === 'entries' ? 0 : kind))
    this.#files.push({ path: tilePath({ kind, index: Math.floor((nodes - 1) / TILE_WIDTH), width }), bytes })
  }
}
