// The store's index of leaves against the tiles of the Merkle log, whose root is signed: whatever else is repaired is held
// against these leaves. The index is no evidence, so a wrong one is made again as a whole.
import { ToolwardenError } from '../../events/errors.ts'
import { type Checkpoint, verifyCheckpoint } from '../checkpoint.ts'
import { EMPTY_ROOT, rootOf } from '../merkle.ts'
import type { VerifierKey } from '../note.ts'
import { SequencerFiles } from '../sequencer-files.ts'
import type { LedgerStore } from '../store.ts'
import { TILE_WIDTH } from '../tiles.ts'
import { TreeReader } from '../tree-reader.ts'

/** How many leaves are held against the index at once. */
const PAGE_LEAVES = 64 * TILE_WIDTH
/** How many wrong leaves are named. */
const MAX_NAMED = 100

/** The Merkle log of a ledger, and where its sequencer keeps what it has won. */
export interface LeafSource {
  readonly treeDirectory: string
  readonly stateDirectory: string
  readonly logKey: VerifierKey
}

/** A leaf that the index does not have as the log has it. */
export interface WrongLeaf {
  readonly position: number
  readonly hash: string
}

/** Opens the published tree: its tiles have the root that was signed. Throws TREE_INVALID, CHECKPOINT_INVALID. */
export async function openSignedTree({ treeDirectory, logKey }: LeafSource): Promise<SignedTree> {
  const reader = new TreeReader(treeDirectory)
  const note = (await reader.checkpoint())?.note
  if (note === undefined) throw damaged('the log has no checkpoint', treeDirectory)
  const checkpoint = verifyCheckpoint(note, logKey)
  const roots: Buffer[] = []
  for (let index = 0; index * TILE_WIDTH < checkpoint.size; index++)
    roots.push(rootOf(await reader.hashes(0, index, checkpoint.size)))
  const root = roots.length === 0 ? EMPTY_ROOT : rootOf(roots)
  if (!root.equals(checkpoint.root)) throw damaged('its tiles do not have the root that was signed', treeDirectory)
  return { reader, checkpoint }
}

/** A tree whose leaves are those that were signed. */
export interface SignedTree {
  readonly reader: TreeReader
  readonly checkpoint: Checkpoint
}

/** The first leaves that the index does not have as the log has them, and rows of leaves that nobody has signed. */
export async function findWrongLeaves(
  store: LedgerStore,
  { reader, checkpoint: { size } }: SignedTree,
  source: LeafSource,
): Promise<readonly WrongLeaf[]> {
  const wrong: WrongLeaf[] = []
  for (let from = 0; from < size && wrong.length < MAX_NAMED; from += PAGE_LEAVES) {
    const hashes: string[] = []
    for (let index = from / TILE_WIDTH; index * TILE_WIDTH < Math.min(size, from + PAGE_LEAVES); index++)
      hashes.push(...(await reader.hashes(0, index, size)).map((hash) => hash.toString('hex')))
    wrong.push(...(await compareIndex(store, from, hashes)))
  }
  const won = await findWonSize(source)
  const beyond = await store.select<WrongLeaf>(
    `SELECT position, hash FROM leaves WHERE position >= {size:UInt64} LIMIT ${MAX_NAMED}`,
    { size: Math.max(size, won) },
    'verify',
  )
  return [...wrong, ...beyond].slice(0, MAX_NAMED)
}

/** Makes the index again. What a crash left half done is done again at the next start. */
export async function rebuildIndex(store: LedgerStore, { reader, checkpoint: { size } }: SignedTree): Promise<void> {
  await store.clearLeaves()
  for (let from = 0; from < size; from += TILE_WIDTH) {
    const hashes = await reader.hashes(0, from / TILE_WIDTH, size)
    await store.insertLeaves(hashes.map((hash, at) => ({ position: from + at, hash: hash.toString('hex') })))
  }
}

async function compareIndex(
  store: LedgerStore,
  from: number,
  hashes: readonly string[],
): Promise<readonly WrongLeaf[]> {
  const rows = await store.select<WrongLeaf>(
    `SELECT DISTINCT position, hash FROM leaves
     WHERE position >= {from:UInt64} AND position < {to:UInt64} ORDER BY position`,
    { from, to: from + hashes.length },
    'verify',
  )
  const right = new Set<number>()
  const wrong: WrongLeaf[] = []
  for (const row of rows) {
    if (hashes[row.position - from] === row.hash) right.add(row.position)
    else wrong.push(row)
  }
  const missing = hashes.flatMap((_, at) => (right.has(from + at) ? [] : [{ position: from + at, hash: '' }]))
  return [...wrong, ...missing].slice(0, MAX_NAMED)
}

/** A crash may have left leaves of a checkpoint that was won and not published: the next start finishes it. */
async function findWonSize({ treeDirectory, stateDirectory, logKey }: LeafSource): Promise<number> {
  const won = await new SequencerFiles({ tree: treeDirectory, state: stateDirectory }).won()
  return won === undefined ? 0 : verifyCheckpoint(won, logKey).size
}

function damaged(reason: string, where: string): ToolwardenError {
  return new ToolwardenError('TREE_INVALID', `the store can't be repaired without its Merkle log: ${reason}`, {
    where,
    fix: 'restore the log from a backup; `toolwarden verify` lists what is damaged',
  })
}
