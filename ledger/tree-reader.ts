// Reads a Merkle log from its files, and makes proofs from its tiles. What is read is not believed: proofs are checked
// against the root before they leave, and whoever loads the edge of the tree compares its root.
import { join } from 'node:path'
import { readIfThere } from '../events/durable-file.ts'
import { ToolwardenError } from '../events/errors.ts'
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts'
import { consistencyRanges, hashRange, inclusionRanges, type LeafRange, rootOf, subtreesOf } from './merkle.ts'
import { parseNote } from './note.ts'
import {
  checkBundle,
  decodeBundle,
  decodeTile,
  TILE_WIDTH,
  type Tile,
  tileOfSubtree,
  tilePath,
  tileWidth,
} from './tiles.ts'
import { EMPTY_EDGE, type TreeEdge } from './tree-edge.ts'

/** The name of the published checkpoint, below the log's prefix. */
export const CHECKPOINT_FILE = 'checkpoint'
/** The latest checkpoint that has its quorum of witnesses: the published one, or one before it. */
export const WITNESSED_FILE = 'checkpoint.witnessed'

/** A checkpoint as it stands in a file: its signatures are not checked. */
export interface StoredCheckpoint extends Checkpoint {
  readonly note: string
}

/** The files of one log. */
export class TreeReader {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  /** The published checkpoint; undefined before the first. Throws CHECKPOINT_INVALID. */
  async checkpoint(): Promise<StoredCheckpoint | undefined> {
    return await this.#checkpoint(CHECKPOINT_FILE)
  }

  /** The latest one that a quorum cosigned; undefined where there is none. Throws CHECKPOINT_INVALID. */
  async witnessed(): Promise<StoredCheckpoint | undefined> {
    return await this.#checkpoint(WITNESSED_FILE)
  }

  async #checkpoint(file: string): Promise<StoredCheckpoint | undefined> {
    const bytes = await readIfThere(join(this.#directory, file))
    if (bytes === undefined) return undefined
    const note = bytes.toString('utf8')
    return { ...parseCheckpoint(parseNote(note).text), note }
  }

  /** The bytes of a tile or bundle exactly as asked for, or cut from the full one that has replaced it. */
  async file(tile: Tile): Promise<Buffer | undefined> {
    const exact = await readIfThere(join(this.#directory, tilePath(tile)))
    if (exact !== undefined || tile.width === TILE_WIDTH) return exact
    const path = tilePath({ ...tile, width: TILE_WIDTH })
    const full = await readIfThere(join(this.#directory, path))
    if (full === undefined) return undefined
    if (tile.kind === 'entries') return cutBundle(full, tile.width, path)
    return Buffer.concat(decodeTile(full, TILE_WIDTH, path).slice(0, tile.width))
  }

  /** The hashes of a tile in a tree of a size. Throws TREE_INVALID where it is missing or damaged. */
  async hashes(level: number, index: number, size: number): Promise<readonly Buffer[]> {
    const tile = { kind: level, index, width: tileWidth(level, index, size) }
    return decodeTile(await this.#needed(tile), tile.width, this.#where(tile))
  }

  /** The entries of a bundle in a tree of a size, each held against its leaf. Throws TREE_INVALID. */
  async entries(index: number, size: number): Promise<readonly Buffer[]> {
    const tile: Tile = { kind: 'entries', index, width: tileWidth('entries', index, size) }
    const bodies = decodeBundle(await this.#needed(tile), tile.width, this.#where(tile))
    checkBundle(bodies, await this.hashes(0, index, size), this.#where(tile))
    return bodies
  }

  /** The hashes of ranges of leaves in the published tree, whose size says which tiles there are. Throws TREE_INVALID. */
  async hashRanges(ranges: readonly LeafRange[], publishedSize: number): Promise<readonly Buffer[]> {
    const tiles = new Map<string, readonly Buffer[]>()
    for (const subtree of ranges.flatMap(subtreesOf)) {
      const { kind, index } = tileOfSubtree(subtree)
      const key = `${kind}/${index}`
      if (!tiles.has(key)) tiles.set(key, await this.hashes(kind, index, publishedSize))
    }
    return ranges.map((range) =>
      hashRange(range, (subtree) => {
        const { kind, index, from, to } = tileOfSubtree(subtree)
        return rootOf((tiles.get(`${kind}/${index}`) ?? []).slice(from, to))
      }),
    )
  }

  /** The root that the tree had at a size. Throws TREE_INVALID. */
  async rootAt(size: number, publishedSize: number): Promise<Buffer> {
    const [root] = await this.hashRanges([{ start: 0, end: size }], publishedSize)
    return root ?? rootOf([])
  }

  /** The hash of a leaf. Throws TREE_INVALID. */
  async leaf(index: number, publishedSize: number): Promise<Buffer> {
    const [hash] = await this.hashRanges([{ start: index, end: index + 1 }], publishedSize)
    return hash ?? rootOf([])
  }

  /** The inclusion proof of a leaf. Throws TREE_INVALID; RangeError for a leaf that is not there. */
  async inclusion(index: number, publishedSize: number): Promise<readonly Buffer[]> {
    return await this.hashRanges(inclusionRanges(index, publishedSize), publishedSize)
  }

  /** The consistency proof between two sizes, of which none is larger than the published one. Throws as `inclusion`. */
  async consistency(from: number, to: number, publishedSize: number): Promise<readonly Buffer[]> {
    return await this.hashRanges(consistencyRanges(from, to), publishedSize)
  }

  /** What is needed to append to the tree; its last bundle is held against its leaves. Throws TREE_INVALID. */
  async edge(size: number): Promise<TreeEdge> {
    if (size === 0) return EMPTY_EDGE
    const levels: (readonly Buffer[])[] = []
    for (let level = 0, nodes = size; nodes > 0; level++, nodes = Math.floor(nodes / TILE_WIDTH)) {
      const isFull = nodes % TILE_WIDTH === 0
      levels.push(isFull ? [] : await this.hashes(level, Math.floor(nodes / TILE_WIDTH), size))
    }
    const entries = size % TILE_WIDTH === 0 ? [] : await this.entries(Math.floor(size / TILE_WIDTH), size)
    return { size, levels, entries }
  }

  async #needed(tile: Tile): Promise<Buffer> {
    const bytes = await this.file(tile)
    if (bytes !== undefined) return bytes
    throw new ToolwardenError('TREE_INVALID', 'a file of the Merkle log is missing', {
      where: this.#where(tile),
      fix: 'restore it from a backup',
    })
  }

  #where(tile: Tile): string {
    return join(this.#directory, tilePath(tile))
  }
}

/** The first entries of a full bundle. */
function cutBundle(bytes: Buffer, width: number, where: string): Buffer {
  const kept = decodeBundle(bytes, TILE_WIDTH, where).slice(0, width)
  return bytes.subarray(
    0,
    kept.reduce((sum, body) => sum + 2 + body.byteLength, 0),
  )
}
