// Where a Merkle log stands in files, and their bytes (C2SP tlog-tiles): hash tiles of height 8 and bundles of entries. Pure.
import { hashBody } from '../events/chain.ts'
import { ToolwardenError } from '../events/errors.ts'
import { HASH_BYTES, type Subtree } from './merkle.ts'

/** How many hashes or entries a full tile or bundle has. */
export const TILE_WIDTH = 256
const TILE_HEIGHT = 8
const LENGTH_BYTES = 2

/** A tile of hashes at a level (0 is that of the leaves), or a bundle of entries. */
export type TileKind = number | 'entries'

/** One tile or bundle; its width is how many hashes or entries it has. */
export interface Tile {
  readonly kind: TileKind
  readonly index: number
  readonly width: number
}

/** `tile/0/x001/234`, `tile/entries/000.p/17`: below the log's prefix. */
export function tilePath({ kind, index, width }: Tile): string {
  const digits = String(index)
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0')
  const parts = padded.match(/\d{3}/g) ?? []
  const path = parts.map((part, at) => (at === parts.length - 1 ? part : `x${part}`)).join('/')
  return `tile/${kind}/${path}${width === TILE_WIDTH ? '' : `.p/${width}`}`
}

/** Reads such a path; undefined for what is none. */
export function parseTilePath(path: string): Tile | undefined {
  const found = /^tile\/(entries|[0-9]|[1-5]\d|6[0-3])\/((?:x\d{3}\/){0,4}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/.exec(path)
  if (found === null) return undefined
  const [, kind = '', digits = '', partial] = found
  const width = partial === undefined ? TILE_WIDTH : Number(partial)
  const tile: Tile = {
    kind: kind === 'entries' ? kind : Number(kind),
    index: Number(digits.replaceAll(/[x/]/g, '')),
    width,
  }
  // One spelling only: no leading x000, no partial of 256 and more.
  return Number.isSafeInteger(tile.index) && width <= TILE_WIDTH && tilePath(tile) === path ? tile : undefined
}

/** How wide a tile is in a tree of a size; 0 where it is not there at all. */
export function tileWidth(kind: TileKind, index: number, size: number): number {
  const nodes = Math.floor(size / TILE_WIDTH ** (kind === 'entries' ? 0 : kind))
  return Math.max(0, Math.min(TILE_WIDTH, nodes - index * TILE_WIDTH))
}

/** The tile that holds the hashes from which a perfect subtree is made, and which of them. */
export function tileOfSubtree({ level, index }: Subtree): {
  readonly kind: number
  readonly index: number
  readonly from: number
  readonly to: number
} {
  const kind = Math.floor(level / TILE_HEIGHT)
  const count = 2 ** (level % TILE_HEIGHT)
  const first = index * count
  const from = first % TILE_WIDTH
  return { kind, index: Math.floor(first / TILE_WIDTH), from, to: from + count }
}

/** The bytes of a hash tile. */
export function encodeTile(hashes: readonly Buffer[]): Buffer {
  return Buffer.concat(hashes)
}

/** The hashes of a tile. Throws TREE_INVALID where they are not `width`. */
export function decodeTile(bytes: Buffer, width: number, where: string): readonly Buffer[] {
  if (bytes.byteLength !== width * HASH_BYTES)
    throw damaged(`a tile of ${width} hashes has ${width * HASH_BYTES} bytes, not ${bytes.byteLength}`, where)
  return Array.from({ length: width }, (_, at) => bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES))
}

/** The bytes of a bundle: each entry after its length in 16 bits. An event's body is at most 65,535 bytes. */
export function encodeBundle(bodies: readonly Buffer[]): Buffer {
  return Buffer.concat(
    bodies.flatMap((body) => {
      const length = Buffer.alloc(LENGTH_BYTES)
      length.writeUInt16BE(body.byteLength)
      return [length, body]
    }),
  )
}

/** The entries of a bundle. Throws TREE_INVALID where they are not `width`, or bytes are left. */
export function decodeBundle(bytes: Buffer, width: number, where: string): readonly Buffer[] {
  const bodies: Buffer[] = []
  for (let at = 0; at < bytes.byteLength; ) {
    const start = at + LENGTH_BYTES
    const end = start <= bytes.byteLength ? start + bytes.readUInt16BE(at) : Number.POSITIVE_INFINITY
    if (end > bytes.byteLength) throw damaged('an entry is cut', where)
    bodies.push(bytes.subarray(start, end))
    at = end
  }
  if (bodies.length !== width) throw damaged(`a bundle of ${width} entries has ${bodies.length}`, where)
  return bodies
}

/** Holds entries against the hashes of their leaves. Throws TREE_INVALID naming the first that differs. */
export function checkBundle(bodies: readonly Buffer[], hashes: readonly Buffer[], where: string): void {
  const wrong = bodies.findIndex((body, at) => hashBody(body) !== hashes[at]?.toString('hex'))
  if (wrong >= 0 || bodies.length !== hashes.length)
    throw damaged(`entry ${wrong < 0 ? hashes.length : wrong} does not have the hash of its leaf`, where)
}

function damaged(message: string, where: string): ToolwardenError {
  return new ToolwardenError('TREE_INVALID', message, {
    where,
    fix: 'keep the files as evidence, and restore them from a backup',
  })
}
