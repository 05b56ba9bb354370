// The roles behind the gateways, started from one configuration: ledger, detectors and api, together or apart.
// Each is stopped in the reverse order of its start; what the store or the log refuses for good ends the process.
import type { Logger } from 'pino'
import { Registry } from 'prom-client'
import type { RunningApi } from '../api/server.ts'
import type { RunningDetectors } from '../detectors/start.ts'
import { describeError, ToolwardenError } from '../events/errors.ts'
import { systemClock } from '../events/time.ts'
import { visible } from '../events/visible.ts'
import { pause } from '../gateway/pause.ts'
import type { Ingest } from '../ledger/ingest.ts'
import type { LedgerStore } from '../ledger/store.ts'
import { type Backbone, openBackbone } from './backbone.ts'
import { type Config, sendsAlerts } from './config.ts'
import { closeDeadGateways } from './dead-gateways.ts'
import { registerDeliveryMetrics } from './delivery-metrics.ts'
import { registerDetectorMetrics } from './detector-metrics.ts'
import { detectorsDirectory } from './detectors-directory.ts'
import type { Installation } from './installation.ts'
import { registerLogMetrics } from './log-metrics.ts'
import { type RunningMerkleLog, startMerkleLog } from './merkle-log.ts'
import { readinessChecks } from './readiness-checks.ts'
import { lockRole, type ServiceRole } from './role-lock.ts'
import { sharedStoreSettings, storeSettings } from './store-place.ts'
import { softwareName } from './version.ts'

/** How long a stop waits for what is being closed of dead gateways. */
const CLOSE_WAIT_MS = 2_000
/** How long a stop that comes while the roles start waits for the step that is under way. */
const START_GRACE_MS = 1_000

/** Everything that runs in this process. */
export interface Services {
  readonly backbone: Backbone
  readonly api: RunningApi | undefined
  readonly ingest: Ingest | undefined
  readonly merkleLog: RunningMerkleLog | undefined
  readonly detectors: RunningDetectors | undefined
  readonly store: LedgerStore | undefined
  readonly registry: Registry
  /** Rejects when a role stopped by itself. */
  readonly failed: Promise<never>
  stop(): Promise<void>
}

/** What services start from. */
export interface ServiceOptions {
  readonly config: Config
  readonly installation: Installation
  readonly logger: Logger
}

/** Starts the roles. Throws DATA_LOCKED where another process has one of them, and what each role throws. */
export async function startServices(roles: readonly ServiceRole[], options: ServiceOptions): Promise<Services> {
  const services = await startUnlessStopped(roles, options, new Promise(() => undefined))
  if (services === undefined) throw new ToolwardenError('INTERNAL', 'a start ended that nobody stopped')
  return services
}

/**
 * Starts the roles; undefined where `stopped` came first, once what had started has stopped. A step that hangs then, a broker that does
 * not answer, is left to the end of the process. Throws as startServices does.
 */
export async function startUnlessStopped(
  roles: readonly ServiceRole[],
  options: ServiceOptions,
  stopped: Promise<unknown>,
): Promise<Services | undefined> {
  const stops: (() => Promise<void> | void)[] = []
  let isStopping = false
  const stop = async (): Promise<void> => {
    for (const each of stops.splice(0).toReversed()) await each()
  }
  const starting = startAll(roles, {
    ...options,
    onStop: (each) => void stops.push(each),
    stop,
    isStopping: () => isStopping,
  })
  const late = stopped.then(async () => {
    isStopping = true
    await pause(START_GRACE_MS)
    return undefined
  })
  try {
    const services = await Promise.race([starting, late])
    if (services === undefined) await stop()
    return services
  } catch (error) {
    await stop()
    throw error
  } finally {
    // What a step that was left has to say is of no use any more.
    starting.catch(() => undefined)
  }
}

interface Starting extends ServiceOptions {
  readonly onStop: (stop: () => Promise<void> | void) => void
  readonly stop: () => Promise<void>
  /** True once the process was told to end: no further step is begun. */
  readonly isStopping: () => boolean
}

/** Undefined where it was told to end on the way. */
async function startAll(roles: readonly ServiceRole[], starting: Starting): Promise<Services | undefined> {
  const { config, installation, logger, onStop, stop, isStopping } = starting
  for (const role of roles) {
    const lock = lockRole(config, role)
    onStop(() => lock.release())
  }
  const backbone = await openBackbone(config, installation, (text) => logger.warn(text))
  onStop(() => backbone.eventLog.close())
  let fail: (error: unknown) => void = () => undefined
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  // Nobody may be waiting yet; whoever runs the services does.
  failed.catch(() => undefined)
  const parts = { ...starting, backbone, fail, registry: new Registry() }
  if (isStopping()) return undefined
  const store = roles.includes('ledger') || roles.includes('api') ? await openStore(roles, parts) : undefined
  const isLedger = store !== undefined && roles.includes('ledger')
  if (isStopping()) return undefined
  // Before ingest, and so stopped after it: what it refuses is refused before anything more is stored.
  const merkleLog = isLedger ? await startLog(store, parts) : undefined
  const ingest = isLedger ? await startLedger(store, parts) : undefined
  if (isStopping()) return undefined
  if (isLedger) closeLeftRuns(parts)
  const detectors = roles.includes('detectors') ? await startDetectorRole(parts) : undefined
  if (isStopping()) return undefined
  const api =
    store !== undefined && roles.includes('api')
      ? await startApiRole({ store, roles, ingest, merkleLog, detectors }, parts)
      : undefined
  return { backbone, api, ingest, merkleLog, detectors, store, registry: parts.registry, failed, stop }
}

/** Nothing waits for it; the log that refuses it is tried again at the next start, as everything here is. */
function closeLeftRuns({ config, installation, backbone, logger, onStop }: Parts): void {
  const ending = new AbortController()
  const warn = (text: string): void => logger.warn(text)
  const closed = closeDeadGateways({ config, installation, backbone, warn, signal: ending.signal }).catch(
    (error: unknown) => warn(describeError(error)),
  )
  onStop(async () => {
    ending.abort()
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, CLOSE_WAIT_MS).unref())])
  })
}

interface Parts extends Starting {
  readonly backbone: Backbone
  readonly registry: Registry
  readonly fail: (error: unknown) => void
}

async function openStore(roles: readonly ServiceRole[], { config, backbone, onStop }: Parts): Promise<LedgerStore> {
  const { openLedgerStore } = await import('../ledger/clickhouse-store.ts')
  const together = roles.includes('ledger') && roles.includes('api')
  const settings = together
    ? storeSettings(config)
    : sharedStoreSettings(config, roles.includes('ledger') ? 'ledger' : 'api')
  const store = await openLedgerStore(settings, backbone.log)
  onStop(() => store.close())
  return store
}

async function startLedger(
  store: LedgerStore,
  { config, installation, backbone, logger, onStop, fail }: Parts,
): Promise<Ingest> {
  const { Ingest } = await import('../ledger/ingest.ts')
  const ingest = await Ingest.start({
    eventLog: backbone.eventLog,
    store,
    clock: systemClock(),
    trust: backbone.trust,
    log: backbone.log,
    key: installation.keys.ledger,
    opening: { software: softwareName(), configuration: config.digest },
    onStopped: fail,
    onProblem: (problem) => logger.error({ problem }, 'the store does not match what the ledger said of it'),
  })
  onStop(() => ingest.stop())
  if (!backbone.isDistributed) await expireLog({ store, ingest, config, backbone, logger, onStop })
  return ingest
}

/** Kafka lets go of old records by itself. */
async function expireLog({
  store,
  ingest,
  config,
  backbone,
  logger,
  onStop,
}: Pick<Parts, 'config' | 'backbone' | 'logger' | 'onStop'> & {
  readonly store: LedgerStore
  readonly ingest: Ingest
}): Promise<void> {
  const { startLogExpiry } = await import('./log-expiry.ts')
  const { log } = backbone
  const { caughtUp } = ingest
  const expiry = startLogExpiry({ config, log, store, clock: systemClock(), caughtUp, logger })
  onStop(() => expiry.stop())
}

async function startLog(store: LedgerStore, parts: Parts): Promise<RunningMerkleLog | undefined> {
  const { config, installation, backbone, logger, fail, onStop, registry } = parts
  const merkleLog = await startMerkleLog({ store, backbone, config, installation, logger, onStopped: fail })
  if (merkleLog === undefined) return undefined
  onStop(() => merkleLog.stop())
  registerLogMetrics(registry, merkleLog)
  return merkleLog
}

async function startDetectorRole(parts: Parts): Promise<RunningDetectors> {
  const { config, installation, backbone, logger, onStop, fail, registry } = parts
  // Before the detectors, so that not even their first alert is missed, and stopped after them.
  if (sendsAlerts(config)) {
    const { startAlertDelivery } = await import('./alert-delivery.ts')
    registerDeliveryMetrics(registry, await startAlertDelivery(parts))
  }
  const { startDetectors } = await import('../detectors/start.ts')
  const detectors = await startDetectors({
    eventLog: backbone.eventLog,
    clock: systemClock(),
    log: backbone.log,
    trust: backbone.trust,
    key: installation.keys.detectors,
    snapshotDirectory: detectorsDirectory(config),
    settings: config.detectors,
    software: softwareName(),
    onNotice: (notice) => {
      if (notice.type === 'failed') fail(notice.error)
      else if (notice.type === 'alert')
        logger.warn(
          { alert: notice.alert.alert, severity: notice.alert.severity, detector: notice.alert.detector },
          visible(notice.alert.explanation),
        )
      else if (notice.type === 'isolated')
        logger.warn(
          { detector: notice.detector },
          `the detector ${notice.detector} is switched off since it failed: only a new version of it begins anew`,
        )
      else logger.warn(notice, 'detectors')
    },
  })
  onStop(() => detectors.stop())
  registerDetectorMetrics(registry, detectors)
  return detectors
}

interface ApiParts {
  readonly store: LedgerStore
  readonly roles: readonly ServiceRole[]
  readonly ingest: Ingest | undefined
  readonly merkleLog: RunningMerkleLog | undefined
  readonly detectors: RunningDetectors | undefined
}

async function startApiRole(
  { store, roles, ingest, merkleLog, detectors }: ApiParts,
  parts: Parts,
): Promise<RunningApi> {
  const { startApiService } = await import('./api-service.ts')
  const { config, installation, backbone, logger, onStop, registry } = parts
  const checks = readinessChecks({ ingest, merkleLog, detectors })
  const cosigning = merkleLog?.cosigning
  const caughtUp = ingest?.caughtUp ?? Promise.resolve()
  return startApiService({
    store,
    roles,
    checks,
    cosigning,
    caughtUp,
    config,
    installation,
    backbone,
    logger,
    onStop,
    registry,
  })
}
