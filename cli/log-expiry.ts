// Lets go of old segments of the embedded event log: at the start and every hour, what is older than `retention.logDays` and what
// each of its readers has read for good: the ledger stored it, the detectors and the delivery of alerts saved that they are past
// it. What one of them has not said yet stays, whatever its age.
import type { Logger } from 'pino'
import { loadDeliveryState } from '../detectors/delivery/delivery-file.ts'
import { SnapshotFile } from '../detectors/snapshot.ts'
import { expireSegments } from '../events/file-log-retention.ts'
import type { Clock } from '../events/time.ts'
import type { LedgerStore } from '../ledger/store.ts'
import { deliveryDirectory } from './alert-delivery.ts'
import { embeddedLogRoot } from './backbone.ts'
import { type Config, sendsAlerts } from './config.ts'
import { detectorsDirectory } from './detectors-directory.ts'
import { HourlyWork } from './hourly-work.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** What it works with. */
export interface LogExpiryOptions {
  readonly config: Config
  /** Name of the ledger. */
  readonly log: string
  readonly store: LedgerStore
  readonly clock: Clock
  /** Resolves when the ledger has stored what stood in the log at its start. */
  readonly caughtUp: Promise<void>
  readonly logger: Logger
}

/** By partition: the offset of the first record that a reader has not read for good. */
type Positions = ReadonlyMap<string, number>

/** Expires by itself; stopped by its owner. */
export function startLogExpiry(options: LogExpiryOptions): HourlyWork {
  const { caughtUp, logger } = options
  const run = async (): Promise<void> => {
    try {
      const removed = await expireLog(options)
      if (removed.length > 0) logger.info({ segments: removed.length }, 'old segments of the event log are removed')
    } catch (error) {
      logger.warn({ err: error }, 'the event log is not shortened')
    }
  }
  return new HourlyWork({ caughtUp, run })
}

/** Removes what may go; resolves to the paths. Throws what store, log and the files of the readers throw. */
async function expireLog({
  config,
  log,
  store,
  clock,
}: Pick<LogExpiryOptions, 'config' | 'log' | 'store' | 'clock'>): Promise<readonly string[]> {
  const readers = await readPositions(config, log)
  return await expireSegments(embeddedLogRoot(config), 'events', {
    isStored: async (partition) => {
      const stored = await store.findWatermark('events', partition)
      return firstUnread([stored === undefined ? 0 : stored + 1, ...readers.map((read) => read.get(partition) ?? 0)])
    },
    minAgeMs: config.retention.logDays * DAY_MS,
    now: clock.nowMicros() / 1000,
  })
}

/** The first record that one of the readers has not read for good. */
function firstUnread(positions: readonly number[]): number {
  return Math.min(...positions)
}

/** How far each reader beside the ledger has come, by what it would begin with after a crash: nothing where it saved nothing yet. */
async function readPositions(config: Config, log: string): Promise<readonly Positions[]> {
  const loaded = await new SnapshotFile(detectorsDirectory(config), log).load()
  const detectors = loaded.type === 'loaded' ? loaded.snapshot.book.positions : []
  const readers: Positions[] = [new Map(detectors)]
  if (sendsAlerts(config)) {
    const state = await loadDeliveryState(deliveryDirectory(config), log)
    readers.push(new Map(state?.book.positions ?? []))
  }
  return readers
}
