// The Merkle log for those who ask: its checkpoint, its files, and proofs of the published tree. Each proof is checked
// before it leaves, so that damaged tiles give an error and never a proof that does not hold.
import { ToolwardenError } from '../events/errors.ts'
import { findLeafIndex } from './leaf-rows.ts'
import { consistencyHolds, inclusionHolds } from './merkle-proof.ts'
import type { LedgerStore } from './store.ts'
import type { Tile } from './tiles.ts'
import { formatTlogProof } from './tlog-proof.ts'
import { type StoredCheckpoint, TreeReader } from './tree-reader.ts'

/** A consistency proof with the roots that it is about. */
export interface ConsistencyProof {
  readonly from: number
  readonly to: number
  readonly fromRoot: Buffer
  readonly toRoot: Buffer
  readonly proof: readonly Buffer[]
}

/** Reads the log of one ledger; of its own it keeps nothing. */
export class TreeProofs {
  readonly #store: LedgerStore
  readonly #reader: TreeReader

  constructor(store: LedgerStore, directory: string) {
    this.#store = store
    this.#reader = new TreeReader(directory)
  }

  /** The published checkpoint. Throws NOT_FOUND before the first, and where the ledger's files are not here. */
  async checkpoint(): Promise<StoredCheckpoint> {
    const checkpoint = await this.#reader.checkpoint()
    if (checkpoint !== undefined) return checkpoint
    throw new ToolwardenError('NOT_FOUND', 'there is no Merkle log here', {
      fix: 'Ask the process that runs the ledger, or give both the same data directory.',
    })
  }

  /** The note of the published checkpoint; undefined where there is none. */
  async note(): Promise<string | undefined> {
    return (await this.#reader.checkpoint())?.note
  }

  /** The bytes of a tile or bundle. Throws NOT_FOUND. */
  async file(tile: Tile): Promise<Buffer> {
    const bytes = await this.#reader.file(tile)
    if (bytes === undefined) throw new ToolwardenError('NOT_FOUND', 'the log has no such tile')
    return bytes
  }

  /** The proof of an event's hash, as text. Throws NOT_FOUND for what is no leaf (yet), TREE_INVALID. */
  async inclusion(hash: string): Promise<string> {
    const { size, root, note } = await this.checkpoint()
    const index = await findLeafIndex(this.#store, hash)
    if (index === undefined || index >= size)
      throw new ToolwardenError('NOT_FOUND', 'no event with this hash is in the Merkle log', {
        where: hash,
        fix: 'An event gets its place about a second after the ledger has stored it.',
      })
    const hashes = await this.#reader.inclusion(index, size)
    if (!inclusionHolds({ index, size, root, leaf: Buffer.from(hash, 'hex'), proof: hashes })) throw damaged(size)
    return formatTlogProof({ index, hashes, note })
  }

  /** The proof between two sizes; `to` is the published size unless told. Throws REQUEST_INVALID, TREE_INVALID. */
  async consistency(from: number, until?: number): Promise<ConsistencyProof> {
    const { size, root } = await this.checkpoint()
    const to = until ?? size
    if (from < 1 || from > to || to > size)
      throw new ToolwardenError('REQUEST_INVALID', `the log has ${size} leaves: sizes go from 1 to that`, {
        where: 'query from, to',
        fix: 'Ask with 1 <= from <= to.',
      })
    const fromRoot = await this.#reader.rootAt(from, size)
    const toRoot = to === size ? root : await this.#reader.rootAt(to, size)
    const proof = await this.#reader.consistency(from, to, size)
    if (!consistencyHolds({ from, to, fromRoot, toRoot, proof })) throw damaged(size)
    return { from, to, fromRoot, toRoot, proof }
  }
}

function damaged(size: number): ToolwardenError {
  return new ToolwardenError('TREE_INVALID', `the tiles do not have the root of the published ${size} leaves`, {
    where: 'the Merkle log',
    fix: 'run `toolwarden verify`',
  })
}
