// Opens the Merkle log for appending: finishes what a crash left half done, and refuses to go on where checkpoints, tiles
// and store do not belong together, as going on would sign another history over the one that was signed before.
import { ToolwardenError } from '../events/errors.ts'
import { type Checkpoint, signCheckpoint, type VerifiedCheckpoint, verifyCheckpoint } from './checkpoint.ts'
import { countLeaves, FIRST_ROW, findHashesWithoutRow, findRowOrder, type RowOrder } from './leaf-rows.ts'
import { publishLogKey } from './log-key.ts'
import { EMPTY_ROOT } from './merkle.ts'
import { findPruned } from './pruning.ts'
import { type ClaimMeans, claimTree, settleClaim } from './sequencer-claim.ts'
import { isSameText, type Staged } from './sequencer-files.ts'
import type { LedgerStore } from './store.ts'
import { TILE_WIDTH } from './tiles.ts'
import { edgeRoot, type TreeEdge } from './tree-edge.ts'
import type { TreeReader } from './tree-reader.ts'

/** What the sequencer works on. */
export interface TreeMeans extends ClaimMeans {
  readonly store: LedgerStore
  readonly reader: TreeReader
  /** Where the log's public key is published. */
  readonly keyDirectory: string
}

/** The log, ready to be appended to. */
export interface OpenTree {
  readonly edge: TreeEdge
  /** The won checkpoint, which is the published one too. */
  readonly note: string
  /** The row of the last leaf. */
  readonly after: RowOrder
}

/** Opens the log, or begins it where there never was one. Throws TREE_INVALID, CHECKPOINT_INVALID, STORE_*. */
export async function openTree(means: TreeMeans): Promise<OpenTree> {
  const { files, reader, key, store } = means
  const won = (await settleClaim(means)) ?? (await beginLog(means))
  const checkpoint = verifyCheckpoint(won, key.verifier)
  const staged = await files.staged(checkpoint.size, checkpoint.root.toString('hex'))
  const published = await readPublished(means, checkpoint, staged)
  if (staged !== undefined) await finishStaged(means, staged)
  const edge = await reader.edge(checkpoint.size)
  if (!edgeRoot(edge).equals(checkpoint.root))
    throw refusal('the tiles do not have the root that was signed', checkpoint, 'restore the log from a backup')
  const after = await checkStore(means, checkpoint)
  // With the cosignatures that were collected for it.
  if (!isSameText(published, won)) await files.publish(won)
  await files.discard()
  if (!key.hasBegun) await publishLogKey(means.keyDirectory, key.verifier)
  await indexMissing(store, reader, checkpoint.size)
  return { edge, note: won, after }
}

/** Puts what was staged for a checkpoint where everybody sees it; the same again does no harm. */
export async function finishStaged(means: Pick<TreeMeans, 'files' | 'store'>, staged: Staged): Promise<void> {
  const leaves = staged.leaves.map((hash, at) => ({ position: staged.from + at, hash }))
  await means.files.apply(staged.files)
  await means.files.write('leaves', () => means.store.insertLeaves(leaves))
}

/** The first checkpoint, of no leaves: only where nothing says that there was one before. */
async function beginLog(means: TreeMeans): Promise<string> {
  const { files, key, store } = means
  const { end } = await countLeaves(store)
  if (key.hasBegun || (await files.published()) !== undefined)
    throw refusal(
      'the log is missing though it once existed',
      undefined,
      'restore the sequencer directory from a backup',
    )
  if (end > 0)
    throw new ToolwardenError('STORE_LOCKED', `the store already has a Merkle log of ${end} leaves, kept elsewhere`, {
      fix: 'run the ledger on the data directory in which that log is, or take another store',
    })
  const empty = { size: 0, root: EMPTY_ROOT }
  await claimTree(means, undefined, empty)
  const note = signCheckpoint({ origin: key.verifier.name, ...empty }, key.pair)
  await files.replace(undefined, note)
  return note
}

/** What everybody saw last. It is older than what was won only between winning and publishing, and then that is staged. */
async function readPublished(
  { files, key }: TreeMeans,
  won: VerifiedCheckpoint,
  staged: Staged | undefined,
): Promise<string | undefined> {
  const note = await files.published()
  if (note === undefined && won.size > 0 && staged === undefined)
    throw refusal('the published checkpoint is missing', won, RESTORE_TREE)
  if (note === undefined) return undefined
  const published = verifyCheckpoint(note, key.verifier)
  if (published.size > won.size)
    throw refusal(
      `a larger tree of ${published.size} leaves was published`,
      won,
      'restore the newer sequencer directory',
    )
  if (published.size === won.size && !published.root.equals(won.root))
    throw refusal(
      'another root was published for the same size',
      won,
      'keep both as evidence: history was signed twice',
    )
  if (published.size < won.size && staged === undefined)
    throw refusal(`a smaller tree of ${published.size} leaves was published`, won, RESTORE_TREE)
  return note
}

/** The store must hold what was signed; all of it is compared by `verify`, here the counts and the newest leaves. */
async function checkStore({ store, reader }: TreeMeans, checkpoint: Checkpoint): Promise<RowOrder> {
  const { size } = checkpoint
  const { end, rows } = await countLeaves(store)
  if (end > size)
    throw refusal(`the store knows of ${end} leaves`, checkpoint, 'the log was rolled back: restore the newer one')
  const { minIndex } = await findPruned(store)
  if (rows < size - minIndex)
    throw refusal(`history is shorter than what was signed: the store has ${rows} events`, checkpoint, REPAIR)
  if (size === 0) return FIRST_ROW
  const hashes = await reader.hashes(0, Math.floor((size - 1) / TILE_WIDTH), size)
  const missing = await findHashesWithoutRow(
    store,
    hashes.map((hash) => hash.toString('hex')).slice(Math.max(0, minIndex - size + hashes.length)),
  )
  const order = await findRowOrder(store, hashes.at(-1) ?? EMPTY_ROOT)
  if (missing.length > 0 || order === undefined)
    throw refusal(`history is shorter than what was signed: leaf ${missing[0]} has no row`, checkpoint, REPAIR)
  return order
}

const RESTORE_TREE = 'restore the directory tlog/ from a backup, as new as the sequencer directory'
const REPAIR =
  '`toolwarden verify` lists what is missing; put it back from the event log with `toolwarden repair`, or from a backup'

/** Fills the store's index of leaves where it lost some. */
async function indexMissing(store: LedgerStore, reader: TreeReader, size: number): Promise<void> {
  const { indexed } = await countLeaves(store)
  if (indexed === size) return
  for (let from = 0; from < size; from += TILE_WIDTH) {
    const hashes = await reader.hashes(0, from / TILE_WIDTH, size)
    await store.insertLeaves(hashes.map((hash, at) => ({ position: from + at, hash: hash.toString('hex') })))
  }
}

function refusal(reason: string, checkpoint: Checkpoint | undefined, fix: string): ToolwardenError {
  const signed =
    checkpoint === undefined ? '' : ` (signed: ${checkpoint.size} leaves, root ${checkpoint.root.toString('base64')})`
  return new ToolwardenError('TREE_INVALID', `${reason}${signed}`, { where: 'the Merkle log', fix })
}
