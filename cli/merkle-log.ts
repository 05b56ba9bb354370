// Where the Merkle log of a data directory stands, and who keeps it: the sequencer of the ledger's process.
import { join } from 'node:path'
import type { Logger } from 'pino'
import { ToolwardenError } from '../events/errors.ts'
import { systemClock } from '../events/time.ts'
import type { Claims } from '../ledger/claims.ts'
import { LogClaims } from '../ledger/log-claims.ts'
import { readLogVerifierKey } from '../ledger/log-key.ts'
import { findPruned } from '../ledger/pruning.ts'
import { Sequencer, sequencerDirectories } from '../ledger/sequencer.ts'
import type { LedgerStore } from '../ledger/store.ts'
import { removeEntryBundles } from '../ledger/tree-pruning.ts'
import { TreeReader } from '../ledger/tree-reader.ts'
import type { TreeToVerify } from '../ledger/verify-tree.ts'
import { Cosigning, type CosigningOptions } from '../ledger/witness/cosigning.ts'
import type { Backbone } from './backbone.ts'
import type { Config } from './config.ts'
import type { Installation } from './installation.ts'
import { findPassphrase } from './passphrase.ts'

/** What the sequencer starts from. */
export interface MerkleLogOptions {
  readonly store: LedgerStore
  readonly backbone: Backbone
  readonly config: Config
  readonly installation: Installation
  readonly logger: Logger
  readonly onStopped: (error: unknown) => void
}

/** The log of this process. */
export interface RunningMerkleLog {
  readonly sequencer: Sequencer
  /** Undefined where no witness is configured. */
  readonly cosigning: Cosigning | undefined
  stop(): Promise<void>
}

/**
 * Starts the sequencer, and cosigning beside it; undefined where another process keeps the log of a shared store or Kafka.
 * Throws TREE_INVALID, CHECKPOINT_INVALID, KEY_*, STORE_* with the way out.
 */
export async function startMerkleLog(options: MerkleLogOptions): Promise<RunningMerkleLog | undefined> {
  const { logger } = options
  const claims = openClaims(options)
  try {
    return await startAll(options, claims)
  } catch (error) {
    await claims.close()
    const isKeptElsewhere = error instanceof ToolwardenError && error.code === 'STORE_LOCKED'
    if (claims.register === undefined || !isKeptElsewhere) throw error
    logger.warn({ reason: error.message }, 'another process keeps the Merkle log; this one stores events only')
    return undefined
  }
}

async function startAll(
  { store, backbone, config, installation, logger, onStopped }: MerkleLogOptions,
  claims: SharedClaims,
): Promise<RunningMerkleLog> {
  const directories = sequencerDirectories(config.data)
  const keyDirectory = installation.directory
  const clock = systemClock()
  const cosigning = createCosigning(config, logger, {
    publish: (note, isQuorum) => sequencer.publishCosigned(note, isQuorum),
    nowMs: () => clock.monotonicMicros() / 1_000,
  })
  const onPublished = (note: string): void => cosigning?.offer(note)
  const passphrase = await findPassphrase(process.env)
  const key = { keyDirectory, ...(passphrase === undefined ? {} : { keyPassphrase: passphrase }) }
  const sequencer = await Sequencer.start({
    ...{ store, clock, log: backbone.log, ...key, ...directories, onStopped, onPublished },
    claims: claims.register,
  })
  // Bodies of what was pruned by a process that does not have these files.
  await removeEntryBundles(directories.treeDirectory, (await findPruned(store)).minIndex)
  cosigning?.start()
  const stop = async (): Promise<void> => {
    await cosigning?.stop()
    await sequencer.stop()
    await claims.close()
  }
  return { sequencer, cosigning, stop }
}

interface SharedClaims {
  readonly register: Claims | undefined
  close(): Promise<void>
}

/** What the sequencers of this ledger have in common: the topic, else the server; files alone have the lock of a directory. */
function openClaims({ store, backbone, config }: MerkleLogOptions): SharedClaims {
  const close = async (): Promise<void> => undefined
  if (!backbone.isDistributed) return { register: config.clickhouse === undefined ? undefined : store.claims, close }
  const memory = join(sequencerDirectories(config.data).stateDirectory, 'claim.json')
  const register = new LogClaims({ eventLog: backbone.eventLog, log: backbone.log, memory })
  return { register, close: () => register.close() }
}

function createCosigning(
  config: Config,
  logger: Logger,
  means: Pick<CosigningOptions, 'publish' | 'nowMs'>,
): Cosigning | undefined {
  if (config.ledger.witnesses.length === 0) return undefined
  return new Cosigning({
    ...means,
    settings: config.ledger,
    reader: new TreeReader(merkleLogDirectory(config)),
    onChange: ({ problem, size }) => {
      if (problem === undefined) logger.info({ size }, 'the witnesses have cosigned')
      else logger.warn({ problem }, 'the log lacks its witnesses')
    },
  })
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
