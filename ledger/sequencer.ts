// Gives every stored event its place in the Merkle log, and signs how far the log goes. One sequencer a ledger.
// A tick: rows durable → places → staging → claim → sign → compare-and-set → tiles and index → publish. Nothing is signed that is
// not durable, and what was won before a crash is finished before anything else (as Sunlight does it).
import { join } from 'node:path'
import { type DirectoryLock, lockDirectory } from '../events/directory-lock.ts'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import type { Clock } from '../events/time.ts'
import { originOf, signCheckpoint } from './checkpoint.ts'
import type { Claims } from './claims.ts'
import { countLeaves, FIRST_ROW, findNewLeaves, type NewLeaf, type RowOrder } from './leaf-rows.ts'
import { openLogKey } from './log-key.ts'
import { pause } from './pause.ts'
import { claimTree } from './sequencer-claim.ts'
import { type SequencerFault, SequencerFiles } from './sequencer-files.ts'
import { finishStaged, type OpenTree, openTree, type TreeMeans } from './sequencer-open.ts'
import type { LedgerStore } from './store.ts'
import { appendLeaves, edgeRoot } from './tree-edge.ts'
import { TreeReader } from './tree-reader.ts'

/** How long a stored event waits for its place at most, when the last tick found no more than a batch. */
const TICK_MS = 1_000
/** How often rows are looked for that came with an earlier time than the last leaf's. */
const SWEEP_MS = 60_000
/** How far back they are looked for. */
const SWEEP_WINDOW_MICROS = 600_000_000
/** The most leaves of one tick. */
const MAX_LEAVES = 4_000
/** The most bytes of bodies of one tick: they are staged together. */
const MAX_BYTES = 16 * 1024 * 1024

/** The most ticks of a stop: what is left gets its place at the next start. */
const STOP_TICKS = 10

/** What the sequencer works with. */
export interface SequencerOptions {
  readonly store: LedgerStore
  readonly clock: Clock
  /** Name of the ledger. */
  readonly log: string
  /** What everybody may read: checkpoint, tiles, bundles. */
  readonly treeDirectory: string
  /** The won checkpoint and what is staged; of one process alone. */
  readonly stateDirectory: string
  /** The log's key, and its passphrase where it is encrypted. */
  readonly keyDirectory: string
  readonly keyPassphrase?: string
  /** Told when it stops by itself, because store, tiles and checkpoints do not belong together. */
  readonly onStopped?: (error: unknown) => void
  /** Told of each checkpoint once it is published, and of the one that stands at the start. */
  readonly onPublished?: (note: string) => void
  readonly tickMs?: number
  readonly maxLeaves?: number
  readonly fault?: SequencerFault
  /** The register that all sequencers of the ledger share, where there could be more than one. */
  readonly claims?: Claims | undefined
}

/** How the sequencer is doing. */
export interface SequencerStatus {
  /** Leaves in the published tree. */
  readonly size: number
  /** Why the last tick failed; undefined when all is well. */
  readonly waitingFor: ToolwardenError | undefined
}

/** A running sequencer. */
export class Sequencer {
  readonly #options: SequencerOptions
  readonly #means: TreeMeans
  readonly #lock: DirectoryLock
  readonly #stopping = new AbortController()
  /** The log as the last tick left it; undefined after a failure, whose outcome is read back before the next tick. */
  #tree: OpenTree | undefined
  #size = 0
  #lastError: ToolwardenError | undefined
  #sweptMicros: number
  #ticking: Promise<unknown> = Promise.resolve()
  #running: Promise<void> = Promise.resolve()

  private constructor(options: SequencerOptions, means: TreeMeans, lock: DirectoryLock) {
    this.#options = options
    this.#means = means
    this.#lock = lock
    this.#sweptMicros = options.clock.monotonicMicros()
  }

  /** Opens the log and begins. Throws TREE_INVALID, CHECKPOINT_INVALID, KEY_*, STORE_*, with the way out. */
  static async start(options: SequencerOptions): Promise<Sequencer> {
    const sequencer = await Sequencer.open(options)
    sequencer.#running = sequencer.#run()
    return sequencer
  }

  /** Opens the log; ticks happen when they are asked for. Throws as `start`. */
  static async open(options: SequencerOptions): Promise<Sequencer> {
    const { store, log, treeDirectory, stateDirectory, keyDirectory, keyPassphrase, fault, claims } = options
    const lock = lockDirectory(stateDirectory)
    try {
      const key = await openLogKey(keyDirectory, originOf(log), keyPassphrase)
      const files = new SequencerFiles({ tree: treeDirectory, state: stateDirectory }, fault)
      const means = { store, files, reader: new TreeReader(treeDirectory), key, keyDirectory, claims }
      const sequencer = new Sequencer(options, means, lock)
      sequencer.#keep(await openTree(means))
      return sequencer
    } catch (error) {
      lock.release()
      throw asStoreError(error, stateDirectory)
    }
  }

  /** How it is doing now. */
  get status(): SequencerStatus {
    return { size: this.#size, waitingFor: this.#lastError }
  }

  /** Puts cosignatures to the published checkpoint, unless another was published meanwhile. Rejects with what the system says. */
  async publishCosigned(note: string, isQuorum: boolean): Promise<void> {
    await this.#means.files.publishCosigned(note, isQuorum)
  }

  /** Gives all stored events their places. Throws what a tick refuses or can't do; the next call begins by reading back. */
  sequence(): Promise<void> {
    const next = this.#ticking.then(() => this.#untilDone())
    this.#ticking = next.catch(() => undefined)
    return next
  }

  /** Ends it: what is stored by now gets its place, unless the last tick failed. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    try {
      await this.#running
      if (this.#lastError === undefined) await this.sequence()
    } catch (error) {
      // What has no place yet gets it at the next start.
      if (!(error instanceof ToolwardenError) || error.code !== 'STORE_UNAVAILABLE') throw error
    } finally {
      this.#lock.release()
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        await this.sequence()
      } catch (error) {
        if (error instanceof ToolwardenError && error.code === 'STORE_UNAVAILABLE') continue
        if (!signal.aborted) this.#options.onStopped?.(error)
        return
      } finally {
        await pause(this.#options.tickMs ?? TICK_MS, signal)
      }
    }
  }

  async #untilDone(): Promise<void> {
    try {
      if (this.#tree === undefined) this.#keep(await openTree(this.#means))
      if (this.#isSweepDue()) await this.#sweep()
      const isStopping = (): boolean => this.#stopping.signal.aborted
      for (let ticks = 0; (await this.#tick()) > 0; ticks++) if (isStopping() && ticks >= STOP_TICKS) break
      this.#lastError = undefined
    } catch (error) {
      this.#tree = undefined
      this.#lastError = asStoreError(error, this.#options.stateDirectory)
      throw this.#lastError
    }
  }

  /** One batch of leaves after the last one, or after another row; returns how many there were. */
  async #tick(from?: RowOrder): Promise<number> {
    const tree = this.#tree
    if (tree === undefined) return 0
    const found = await findNewLeaves(this.#means.store, from ?? tree.after, this.#options.maxLeaves ?? MAX_LEAVES)
    const leaves = takeBytes(found)
    const last = leaves.at(-1)
    if (last === undefined) return 0
    const { edge, note } = await this.#append(tree, leaves)
    this.#keep({ edge, note, after: from === undefined ? last.order : tree.after })
    return leaves.length
  }

  async #append(tree: OpenTree, leaves: readonly NewLeaf[]): Promise<Pick<OpenTree, 'edge' | 'note'>> {
    const { files, key } = this.#means
    const { edge, files: tiles } = appendLeaves(tree.edge, leaves)
    const root = edgeRoot(edge)
    const hashes = leaves.map(({ hash }) => hash.toString('hex'))
    const staged = { size: edge.size, root: root.toString('hex'), from: tree.edge.size, leaves: hashes, files: tiles }
    await files.stage(staged)
    await claimTree(this.#means, { size: tree.edge.size, root: edgeRoot(tree.edge) }, staged)
    const note = signCheckpoint({ origin: key.verifier.name, size: edge.size, root }, key.pair)
    await files.replace(tree.note, note)
    // From here on the leaves are in the log, whatever happens: opening it finishes what is left.
    await finishStaged(this.#means, staged)
    await files.publish(note)
    await files.discard()
    return { edge, note }
  }

  /** Rows that came with an earlier time than the last leaf's: those of a second consumer. */
  async #sweep(): Promise<void> {
    const { end } = await countLeaves(this.#means.store)
    if (end > this.#size)
      throw new ToolwardenError('TREE_INVALID', `the store knows of ${end} leaves, this log has ${this.#size}`, {
        where: this.#options.stateDirectory,
        fix: 'run one sequencer a ledger',
      })
    const after = this.#tree?.after ?? FIRST_ROW
    const from = { ...FIRST_ROW, micros: Math.max(0, after.micros - SWEEP_WINDOW_MICROS) }
    while ((await this.#tick(from)) > 0);
    this.#sweptMicros = this.#options.clock.monotonicMicros()
  }

  #isSweepDue(): boolean {
    return this.#options.clock.monotonicMicros() - this.#sweptMicros >= SWEEP_MS * 1_000
  }

  #keep(tree: OpenTree): void {
    this.#tree = tree
    this.#size = tree.edge.size
    this.#options.onPublished?.(tree.note)
  }
}

/** The directories of a data directory. */
export function sequencerDirectories(data: string): Pick<SequencerOptions, 'treeDirectory' | 'stateDirectory'> {
  return { treeDirectory: join(data, 'tlog'), stateDirectory: join(data, 'sequencer') }
}

function takeBytes(leaves: readonly NewLeaf[]): readonly NewLeaf[] {
  let bytes = 0
  const end = leaves.findIndex(({ body }) => {
    bytes += body.byteLength
    return bytes > MAX_BYTES
  })
  return end < 0 ? leaves : leaves.slice(0, Math.max(1, end))
}

/** What the system says of files; retried like a store that does not answer. */
function asStoreError(error: unknown, where: string): ToolwardenError {
  if (error instanceof ToolwardenError) return error
  const reason = systemCode(error) ?? (error instanceof Error ? error.message : 'unknown')
  return new ToolwardenError('STORE_UNAVAILABLE', `the Merkle log can't be written: ${reason}`, {
    where,
    retriable: true,
    fix: 'free disk, or make the directory writable',
    cause: error,
  })
}
