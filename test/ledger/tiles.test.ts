// Paths and bytes of https://c2sp.org/tlog-tiles, and a tree that grows in files by any steps.
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import fc from 'fast-check'
import { hashBody } from '../../events/chain.ts'
import { writeDurably } from '../../events/durable-file.ts'
import { rootOf } from '../../ledger/merkle.ts'
import { consistencyHolds, inclusionHolds } from '../../ledger/merkle-proof.ts'
import { decodeBundle, decodeTile, encodeBundle, parseTilePath, tilePath, tileWidth } from '../../ledger/tiles.ts'
import { appendLeaves, EMPTY_EDGE, edgeRoot, type Leaf, type TreeEdge } from '../../ledger/tree-edge.ts'
import { TreeReader } from '../../ledger/tree-reader.ts'
import { temporaryDirectory } from '../support/ledger-harness.ts'

const leafOf = (index: number): Leaf => {
  const body = Buffer.from(`entry ${index}`)
  return { body, hash: Buffer.from(hashBody(body), 'hex') }
}
const leavesOf = (from: number, to: number): readonly Leaf[] =>
  Array.from({ length: to - from }, (_, at) => leafOf(from + at))

describe('paths of tiles', () => {
  it('are those of the specification', () => {
    assert.equal(tilePath({ kind: 0, index: 1_234_067, width: 256 }), 'tile/0/x001/x234/067')
    assert.equal(tilePath({ kind: 'entries', index: 7, width: 17 }), 'tile/entries/007.p/17')
    assert.equal(tilePath({ kind: 2, index: 1_000, width: 1 }), 'tile/2/x001/000.p/1')
  })

  it('have one spelling, which is read back', () => {
    const kind = fc.oneof(fc.constant('entries' as const), fc.nat(63))
    const tile = fc.record(
      { kind, index: fc.nat(2 ** 31), width: fc.integer({ min: 1, max: 256 }) },
      { noNullPrototype: true },
    )
    fc.assert(fc.property(tile, (each) => assert.deepEqual(parseTilePath(tilePath(each)), each)))
    const wrong = ['tile/0/000.p/0', 'tile/0/000.p/256', 'tile/0/x000/000', 'tile/64/000', 'tile/00/000', 'tile/0/00']
    for (const path of [...wrong, 'tile/0/../000', 'tile/0/000.p/01', 'tile/names/000', 'checkpoint', ''])
      assert.equal(parseTilePath(path), undefined, path)
  })

  it('cover a tree as in the example of 70,000 leaves', () => {
    const widths = [tileWidth(0, 272, 70_000), tileWidth(0, 273, 70_000), tileWidth(0, 274, 70_000)]
    assert.deepEqual(widths, [256, 112, 0])
    assert.deepEqual([tileWidth(1, 0, 70_000), tileWidth(1, 1, 70_000), tileWidth(2, 0, 70_000)], [256, 17, 1])
  })
})

describe('bundles and tiles', () => {
  it('give back what was put in', () => {
    const bodies = fc.array(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      { maxLength: 20 },
    )
    fc.assert(fc.property(bodies, (all) => assert.deepEqual(decodeBundle(encodeBundle(all), all.length, ''), all)))
    assert.deepEqual(decodeBundle(encodeBundle([Buffer.alloc(65_535)]), 1, '')[0]?.length, 65_535)
  })

  it('are refused where bytes are missing or too many', () => {
    const bundle = encodeBundle([Buffer.from('one'), Buffer.from('two')])
    for (const [bytes, width] of [
      [bundle, 1],
      [bundle, 3],
      [bundle.subarray(0, -1), 2],
      [bundle.subarray(0, 6), 2],
    ] as const)
      assert.throws(() => decodeBundle(bytes, width, 'a bundle'), { code: 'TREE_INVALID', where: 'a bundle' })
    assert.throws(() => decodeTile(Buffer.alloc(33), 1, ''), { code: 'TREE_INVALID' })
  })
})

describe('a tree in files', () => {
  let directory: ReturnType<typeof temporaryDirectory>
  let reader: TreeReader
  beforeEach(() => {
    directory = temporaryDirectory()
    reader = new TreeReader(directory.path)
  })
  afterEach(() => directory.remove())

  const grow = async (edge: TreeEdge, to: number): Promise<TreeEdge> => {
    const grown = appendLeaves(edge, leavesOf(edge.size, to))
    for (const { path, bytes } of grown.files) await writeDurably(join(directory.path, path), bytes)
    return grown.edge
  }

  it('has after any steps the root, the edge and the entries of its leaves', async () => {
    let edge = EMPTY_EDGE
    for (const size of [1, 2, 255, 256, 257, 511, 512, 700, 1_300]) {
      edge = await grow(edge, size)
      assert.deepEqual(edgeRoot(edge), rootOf(leavesOf(0, size).map(({ hash }) => hash)), `${size}`)
      assert.deepEqual(await reader.edge(size), edge)
      assert.deepEqual(await reader.rootAt(size, size), edgeRoot(edge))
    }
    assert.deepEqual((await reader.entries(5, 1_300)).at(-1), leafOf(1_299).body)
  })

  it('has two levels above 65,536 leaves, whatever the steps', () => {
    const all = leavesOf(0, 66_000)
    const whole = appendLeaves(EMPTY_EDGE, all)
    const half = appendLeaves(EMPTY_EDGE, all.slice(0, 33_333))
    const rest = appendLeaves(half.edge, all.slice(33_333))
    assert.deepEqual(rest.edge, whole.edge)
    assert.deepEqual(
      whole.edge.levels.map(({ length }) => length),
      [208, 1, 1],
    )
    assert.deepEqual(edgeRoot(whole.edge), rootOf(all.map(({ hash }) => hash)))
  })

  it('proves leaves, and that it extends what it was', async () => {
    await grow(await grow(EMPTY_EDGE, 300), 1_000)
    const root = await reader.rootAt(1_000, 1_000)
    for (const index of [0, 255, 256, 767, 999]) {
      const proof = await reader.inclusion(index, 1_000)
      assert.ok(inclusionHolds({ index, size: 1_000, leaf: leafOf(index).hash, root, proof }))
    }
    const proof = await reader.consistency(300, 1_000, 1_000)
    const fromRoot = await reader.rootAt(300, 1_000)
    assert.ok(consistencyHolds({ from: 300, to: 1_000, fromRoot, toRoot: root, proof }))
  })

  it('gives a partial tile or bundle that its full one has replaced', async () => {
    await grow(await grow(EMPTY_EDGE, 10), 256)
    const partial = { kind: 'entries', index: 0, width: 10 } as const
    const before = await reader.file(partial)
    await rm(join(directory.path, 'tile/entries/000.p'), { recursive: true })
    assert.deepEqual(await reader.file(partial), before)
    assert.deepEqual((await reader.hashes(0, 0, 10)).length, 10)
  })

  it('is refused where an entry, a tile or a file is not what it was', async () => {
    await grow(EMPTY_EDGE, 300)
    const bundle = join(directory.path, 'tile/entries/001.p/44')
    await writeDurably(bundle, encodeBundle(leavesOf(255, 299).map(({ body }) => body)))
    await assert.rejects(reader.edge(300), { code: 'TREE_INVALID', where: bundle })
    await rm(bundle)
    await assert.rejects(reader.edge(300), { code: 'TREE_INVALID', where: bundle })
  })
})
