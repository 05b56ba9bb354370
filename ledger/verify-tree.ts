// The Merkle log against its checkpoints and against the store: a tail that was cut, or a whole chain that was dropped,
// leaves every chain in order and is seen here alone.
import { ToolwardenError } from '../events/errors.ts'
import { type Checkpoint, verifyCheckpoint } from './checkpoint.ts'
import { findRowOrder } from './leaf-rows.ts'
import { EMPTY_ROOT, rootOf } from './merkle.ts'
import type { VerifierKey } from './note.ts'
import type { LedgerStore } from './store.ts'
import { positionText } from './stored-event.ts'
import { TILE_WIDTH, tilePath, tileWidth } from './tiles.ts'
import { firstBundle } from './tree-pruning.ts'
import { TreeReader } from './tree-reader.ts'
import { type Findings, MAX_LISTED, type ViolationCode } from './verify-report.ts'

/** How many leaves are held against the store's index at once. */
const INDEX_PAGE = 64 * TILE_WIDTH

/** A Merkle log, and whose signature counts. */
export interface TreeToVerify {
  readonly directory: string
  /** From the installation or a trust file, never from the log's directory. */
  readonly logKey: VerifierKey
  /** Checkpoints that somebody kept: the log must still begin with what they say. */
  readonly checkpoints?: readonly string[]
  /** Leaves below this one were pruned: their events may be gone, their hashes not; 0 unless told. */
  readonly minIndex?: number
  /** Entries before this leaf were read by an earlier verification; 0 unless told. Hashes and rows are looked at from the first on. */
  readonly readFrom?: number
}

/** Verifies the log. Throws STORE_*, and what the system says of its files. */
export async function verifyTree(store: LedgerStore, tree: TreeToVerify, findings: Findings): Promise<void> {
  const reader = new TreeReader(tree.directory)
  const report = (code: ViolationCode, position: string, text: string, hash?: string): void =>
    findings.violation({ code, chain: '', position, text, ...(hash === undefined ? {} : { hash }) })
  const published = await reported({ report, code: 'checkpoint-invalid', place: tree.directory }, async () => {
    const note = (await reader.checkpoint())?.note
    return note === undefined ? undefined : verifyCheckpoint(note, tree.logKey)
  })
  if (published === undefined)
    return report('tree-missing', tree.directory, 'there is no checkpoint that can be trusted')
  findings.counts.checkpoints++
  findings.counts.leaves = published.size
  const { minIndex = 0, readFrom = 0 } = tree
  const means = { store, reader, size: published.size, minIndex, readFrom, report }
  const walk = new TreeWalk(means)
  const root = await reported({ report, code: 'tree-damaged', place: tree.directory }, () => walk.root())
  if (root === undefined) return
  if (!root.equals(published.root))
    report('tree-damaged', tree.directory, `the ${published.size} leaves do not have the root that was signed`)
  for (const note of tree.checkpoints ?? []) await verifyKept(note, { tree, reader, published, findings, report })
  await verifyRows(means)
}

type Report = (code: ViolationCode, position: string, text: string, hash?: string) => void

interface WalkMeans {
  readonly store: LedgerStore
  readonly reader: TreeReader
  readonly size: number
  readonly minIndex: number
  readonly readFrom: number
  readonly report: Report
}

/** Reads every tile and bundle of a log once, from its leaves up. */
class TreeWalk {
  readonly #means: WalkMeans

  constructor(means: WalkMeans) {
    this.#means = means
  }

  /** The root of the leaves; each level's tiles are held against the one below. Throws TREE_INVALID for files that are damaged. */
  async root(): Promise<Buffer> {
    const { size } = this.#means
    let roots = await this.#leafTiles()
    const root = roots.length === 0 ? EMPTY_ROOT : rootOf(roots)
    for (let level = 1; tileWidth(level, 0, size) > 0; level++) roots = await this.#level(level, roots)
    return root
  }

  async #leafTiles(): Promise<readonly Buffer[]> {
    const { reader, size, minIndex, readFrom } = this.#means
    const first = firstBundle(Math.max(minIndex, readFrom))
    const roots: Buffer[] = []
    let page: string[] = []
    for (let index = 0; index * TILE_WIDTH < size; index++) {
      if (index >= first) await reader.entries(index, size)
      const hashes = await reader.hashes(0, index, size)
      roots.push(rootOf(hashes))
      page.push(...hashes.map((hash) => hash.toString('hex')))
      const end = Math.min(size, (index + 1) * TILE_WIDTH)
      if (page.length < INDEX_PAGE && end < size) continue
      await this.#compareIndex(end - page.length, page)
      page = []
    }
    return roots
  }

  /** The tiles of one level; the roots of its tiles are the nodes of the next. */
  async #level(level: number, nodes: readonly Buffer[]): Promise<readonly Buffer[]> {
    const { reader, size, report } = this.#means
    const roots: Buffer[] = []
    for (let index = 0; tileWidth(level, index, size) > 0; index++) {
      const hashes = await reader.hashes(level, index, size)
      roots.push(rootOf(hashes))
      if (hashes.every((hash, at) => nodes[index * TILE_WIDTH + at]?.equals(hash))) continue
      const path = tilePath({ kind: level, index, width: hashes.length })
      report('tree-damaged', path, 'this tile does not have the hashes of the tiles below it')
    }
    return roots
  }

  async #compareIndex(from: number, hashes: readonly string[]): Promise<void> {
    const { store, report } = this.#means
    const rows = await store.select<{ position: number; hash: string }>(
      'SELECT DISTINCT position, hash FROM leaves WHERE position >= {from:UInt64} AND position < {to:UInt64}',
      { from, to: from + hashes.length },
      'verify',
    )
    const stored = new Map<number, string>()
    // Two different hashes at one place: neither is believed.
    for (const { position, hash } of rows) stored.set(position, stored.has(position) ? '' : hash)
    hashes.forEach((hash, at) => {
      if (stored.get(from + at) === hash) return
      report('leaf-mismatch', `leaf ${from + at}`, "the store's index does not have this leaf as the log has it", hash)
    })
  }
}

interface KeptContext {
  readonly tree: TreeToVerify
  readonly reader: TreeReader
  readonly published: Checkpoint
  readonly findings: Findings
  readonly report: Report
}

/** A checkpoint that somebody kept must be the beginning of the published tree. */
async function verifyKept(note: string, { tree, reader, published, findings, report }: KeptContext): Promise<void> {
  const kept = await reported({ report, code: 'checkpoint-invalid', place: 'a kept checkpoint' }, async () =>
    verifyCheckpoint(note, tree.logKey),
  )
  if (kept === undefined) return
  findings.counts.checkpoints++
  const place = `a kept checkpoint of ${kept.size} leaves`
  if (kept.size > published.size)
    return report('checkpoint-conflict', place, `the log was rolled back: it has ${published.size} leaves now`)
  const root = await reader.rootAt(kept.size, published.size)
  if (!root.equals(kept.root))
    report('checkpoint-conflict', place, 'the log does not begin with what was signed: its history was rewritten')
}

const IS_LEAF = "outcome IN ('accepted', 'late')"

/** Every leaf has its row, and every row up to that of the last leaf is a leaf. */
async function verifyRows({ store, reader, size, minIndex, report }: WalkMeans): Promise<void> {
  const gone = await store.select<{ position: number; hash: string }>(
    `SELECT DISTINCT position, hash FROM leaves
     WHERE position < {size:UInt64} AND position >= {minIndex:UInt64} AND hash NOT IN (SELECT hash FROM events WHERE ${IS_LEAF})
     ORDER BY position LIMIT ${MAX_LISTED}`,
    { size, minIndex },
    'verify',
  )
  for (const { position, hash } of gone)
    report('leaf-without-row', `leaf ${position}`, 'the event that this leaf stands for is not in the store', hash)
  const last = size === 0 ? undefined : await findRowOrder(store, await reader.leaf(size - 1, size))
  if (last === undefined) return
  const extra = await store.select<{ topic: 'events' | 'own'; partition: string; offset: number; hash: string }>(
    `SELECT topic, partition, offset, hash FROM events
     WHERE ${IS_LEAF} AND (ingested_at, topic, partition, offset) <=
       (fromUnixTimestamp64Micro({micros:Int64}), {topic:String}, {partition:String}, {offset:UInt64})
       AND hash NOT IN (SELECT hash FROM leaves)
     ORDER BY ingested_at, topic, partition, offset LIMIT ${MAX_LISTED}`,
    { ...last },
    'verify',
  )
  for (const { hash, ...place } of extra)
    report(
      'row-without-leaf',
      positionText(place),
      'this event stands among those of the log and is no leaf of it',
      hash,
    )
}

/** What a check gives; a violation where it says that something is damaged. */
async function reported<T>(
  { report, code, place }: { readonly report: Report; readonly code: ViolationCode; readonly place: string },
  check: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await check()
  } catch (error) {
    if (!(error instanceof ToolwardenError) || !['TREE_INVALID', 'CHECKPOINT_INVALID'].includes(error.code)) throw error
    report(code, error.where ?? place, error.message)
    return undefined
  }
}
