// The API's role: its own chain and control writer, the ledger's history and verification behind it.
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { ReadinessCheck } from '../api/health.ts'
import { createPrune } from '../api/prune.ts'
import { type RunningApi, startApi } from '../api/server.ts'
import type { LogProtection } from '../api/status.ts'
import { TokenBook } from '../api/tokens.ts'
import { ChainWriter } from '../events/chain-writer.ts'
import { ControlReader } from '../events/control-reader.ts'
import { ControlWriter } from '../events/control-writer.ts'
import { systemClock } from '../events/time.ts'
import { ApprovalHistory } from '../ledger/approval-history.ts'
import { writeBundle } from '../ledger/bundle/write-bundle.ts'
import { Erasures } from '../ledger/erasure.ts'
import { findLegalHolds, type LegalHold } from '../ledger/legal-hold.ts'
import { Prunings } from '../ledger/pruning.ts'
import { LedgerHistory } from '../ledger/query.ts'
import type { LedgerStore } from '../ledger/store.ts'
import { TreeProofs } from '../ledger/tree-proofs.ts'
import { verifyQuickly } from '../ledger/verify-quick.ts'
import type { Cosigning } from '../ledger/witness/cosigning.ts'
import type { Backbone } from './backbone.ts'
import type { Config } from './config.ts'
import type { Installation } from './installation.ts'
import { KeyStatements } from './key-statements.ts'
import { createVerify } from './ledger-verification.ts'
import { merkleLogDirectory } from './merkle-log.ts'
import { RetentionSchedule } from './retention-schedule.ts'
import type { ServiceRole } from './role-lock.ts'
import { softwareName } from './version.ts'

const WRITER = 'api/main'

/** What the API's role is made of. */
export interface ApiServiceOptions {
  readonly store: LedgerStore
  readonly roles: readonly ServiceRole[]
  readonly checks: readonly ReadinessCheck[]
  readonly cosigning: Cosigning | undefined
  /** Resolves when the ledger of this process has stored what stood in the log at its start. */
  readonly caughtUp: Promise<void>
  readonly config: Config
  readonly installation: Installation
  readonly backbone: Backbone
  readonly logger: Logger
  readonly registry: Registry
  readonly onStop: (stop: () => Promise<void> | void) => void
}

/** Starts the API's role. Throws PORT_IN_USE, CONFIG_INVALID, LOG_UNAVAILABLE. */
export async function startApiService(options: ApiServiceOptions): Promise<RunningApi> {
  const { store, roles, checks, cosigning, config, installation, backbone, logger, registry, onStop } = options
  const { eventLog, log, trust } = backbone
  const clock = systemClock()
  const operator = await openOperator(options)
  const erasures = new Erasures(store)
  finishErasures(erasures, options)
  const findHolds = (): Promise<readonly LegalHold[]> => findLegalHolds(store)
  const prunings = new Prunings(store, merkleLogDirectory(config))
  const prune = createPrune({ prunings, findHolds, operator, clock })
  const retention = new RetentionSchedule({ prune, prunings, caughtUp: options.caughtUp, config, clock, logger })
  onStop(() => retention.stop())
  const api = await startApi({
    settings: config.api,
    about: {
      version: softwareName(),
      log,
      eventLog: backbone.isDistributed ? 'kafka' : 'files',
      store: config.clickhouse === undefined ? 'chdb' : 'clickhouse',
      roles,
      protection: () => protectionOf(cosigning),
      startedMicros: clock.nowMicros(),
    },
    history: new LedgerHistory(store),
    approvals: new ApprovalHistory(store),
    erasures,
    findHolds,
    prune,
    verify: createVerify({ store, log, trust, config, installation }),
    verifyQuickly: () => verifyQuickly(store),
    tree: new TreeProofs(store, merkleLogDirectory(config)),
    writeBundle: (request) => writeBundle({ store, log, directory: merkleLogDirectory(config) }, request),
    eventLog,
    trust,
    operator,
    tokens: new TokenBook(installation.tokensFile, () => clock.nowMicros()),
    clock,
    logger: { error: (details, message) => logger.error(details, message) },
    registry,
    checks,
  })
  onStop(() => api.stop())
  return api
}

/** What a crash left between the event of an erasure and the payloads; not in the way of the start. */
function finishErasures(erasures: Erasures, { caughtUp, logger }: ApiServiceOptions): void {
  caughtUp
    .then(() => erasures.finish())
    .then((finished) => {
      if (finished.length > 0) logger.info({ erasures: finished }, 'erasures that were recorded are carried out')
    })
    .catch((error: unknown) => logger.error({ err: error }, 'recorded erasures are not carried out yet'))
}

/** Without a quorum of witnesses nothing holds against the owner of the keys. */
function protectionOf(cosigning: Cosigning | undefined): LogProtection {
  if (cosigning === undefined) return { class: 'C' }
  const { quorum, size, problem, witnesses } = cosigning.status
  const each = witnesses.map((witness) => ({ name: witness.name, size: witness.size, ...textOf(witness.problem) }))
  const isWitnessed = problem === undefined && size > 0
  return { class: isWitnessed ? 'A' : 'C', witnesses: { quorum, size, ...textOf(problem), each } }
}

function textOf(problem: string | undefined): { readonly problem?: string } {
  return problem === undefined ? {} : { problem }
}

async function openOperator({
  store,
  caughtUp,
  config,
  installation,
  backbone,
  logger,
  onStop,
}: ApiServiceOptions): Promise<Parameters<typeof startApi>[0]['operator']> {
  const { eventLog, log, trust } = backbone
  const clock = systemClock()
  const chainWriter = new ChainWriter({
    eventLog,
    clock,
    log,
    writer: WRITER,
    key: installation.keys.api,
    opening: { software: softwareName(), configuration: config.digest },
  })
  onStop(() => chainWriter.close())
  const controlReader = new ControlReader({
    eventLog,
    log,
    trust,
    clock,
    onTrouble: (error) => logger.warn({ err: error }, 'control cannot be read'),
  })
  onStop(() => controlReader.stop())
  await controlReader.start()
  const controlWriter = new ControlWriter({ eventLog, clock, log, writer: WRITER, chainWriter, reader: controlReader })
  onStop(() => controlWriter.stop())
  const { directory } = installation
  const parts = { directory, log, store, chainWriter, controlReader, controlWriter, caughtUp, logger }
  const keyStatements = new KeyStatements(parts)
  onStop(() => keyStatements.stop())
  return { chainWriter, controlReader, controlWriter }
}
