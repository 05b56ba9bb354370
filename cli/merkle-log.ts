// Where the Merkle log of a data directory stands, and who keeps it: the sequencer of the ledger's process.
import type { Logger } from 'pino'
import { ToolwardenError } from '../events/errors.ts'
import { systemClock } from '../events/time.ts'
import { readLogVerifierKey } from '../ledger/log-key.ts'
import { Sequencer, sequencerDirectories } from '../ledger/sequencer.ts'
import type { LedgerStore } from '../ledger/store.ts'
import type { TreeToVerify } from '../ledger/verify-tree.ts'
import type { Config } from './config.ts'
import type { Installation } from './installation.ts'

/** What the sequencer starts from. */
export interface MerkleLogOptions {
  readonly store: LedgerStore
  /** Name of the ledger. */
  readonly log: string
  readonly config: Config
  readonly installation: Installation
  readonly logger: Logger
  readonly onStopped: (error: unknown) => void
}

/**
 * Starts the sequencer; undefined where the log of a shared store is kept by another process.
 * Throws TREE_INVALID, CHECKPOINT_INVALID, KEY_*, STORE_* with the way out.
 */
export async function startMerkleLog(options: MerkleLogOptions): Promise<Sequencer | undefined> {
  const { store, log, config, installation, logger, onStopped } = options
  try {
    const directories = sequencerDirectories(config.data)
    const keyDirectory = installation.directory
    return await Sequencer.start({ store, clock: systemClock(), log, keyDirectory, ...directories, onStopped })
  } catch (error) {
    const isKeptElsewhere = error instanceof ToolwardenError && error.code === 'STORE_LOCKED'
    if (config.clickhouse === undefined || !isKeptElsewhere) throw error
    logger.warn({ reason: error.message }, 'another process keeps the Merkle log; this one stores events only')
    return undefined
  }
}

/** The log's directory for those who read it. */
export function merkleLogDirectory(config: Config): string {
  return sequencerDirectories(config.data).treeDirectory
}

/** What to verify of the log; nothing where it was never begun in this data directory. Throws KEY_INVALID. */
export async function findMerkleLog(
  config: Config,
  installation: Installation,
): Promise<{ readonly tree?: TreeToVerify }> {
  const logKey = await readLogVerifierKey(installation.directory)
  return logKey === undefined ? {} : { tree: { directory: merkleLogDirectory(config), logKey } }
}
