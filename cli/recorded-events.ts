// The one reader of recorded events, for commands that try detectors on history: out of the ledger's store, or, while `up` holds
// that, out of the event log, as far back as it reaches. Oldest first by the log's own time.
import { ChainBook } from '../detectors/chain-book.ts'
import type { ObservedEvent } from '../detectors/detector.ts'
import { ToolwardenError } from '../events/errors.ts'
import type { StoredRecord } from '../events/log.ts'
import { roleOf } from '../events/role.ts'
import { parseSignals, type Signals } from '../events/signals.ts'
import type { LogTimeRange } from '../ledger/event-history.ts'
import type { LedgerStore } from '../ledger/store.ts'
import { openBackbone } from './backbone.ts'
import type { Config } from './config.ts'
import { openInstallation } from './installation.ts'
import { showProgress } from './progress.ts'
import { storeSettings } from './store-place.ts'

/** Events of the log that are in memory at once: they come chain by chain, and are sorted. */
const MAX_LOG_EVENTS = 1_000_000

/** An event and the log's time of it, milliseconds. */
export interface ReplayedEvent {
  readonly observed: ObservedEvent
  readonly nowMs: number
}

/** A history; reading it to its end, or leaving the loop, closes it. */
export interface EventSource {
  /** Where the events come from, for people. */
  readonly where: string
  readonly batches: AsyncIterable<readonly ReplayedEvent[]>
}

/** Opens the history. Throws STORE_*, LOG_*; batches throw what reading throws. */
export async function openRecordedEvents(config: Config, range: LogTimeRange): Promise<EventSource> {
  const installation = await openInstallation(config.data)
  const log = config.log ?? installation.log
  try {
    const { openLedgerStore } = await import('../ledger/clickhouse-store.ts')
    const store = await openLedgerStore(storeSettings(config), log)
    return { where: `the ledger ${log}`, batches: readStore(store, range) }
  } catch (error) {
    if (!(error instanceof ToolwardenError) || error.code !== 'STORE_LOCKED') throw error
    return { where: `the event log of ${log} (the ledger is in use)`, batches: readLog(config, range) }
  }
}

async function* readStore(store: LedgerStore, range: LogTimeRange): AsyncGenerator<readonly ReplayedEvent[]> {
  const progress = showProgress('reading recorded events')
  try {
    const { readEventHistory } = await import('../ledger/event-history.ts')
    const { total, altered, batches } = await readEventHistory(store, range)
    let done = 0
    for await (const batch of batches) {
      done += batch.length
      progress.update(done, total)
      yield batch.map(({ timeMs, signals, ...event }) => {
        return { observed: { ...event, ...readSignals(signals) }, nowMs: timeMs }
      })
    }
    if (altered() > 0)
      process.stderr.write(`${altered()} events were changed in the store and are left out (toolwarden verify)\n`)
  } finally {
    progress.end()
    await store.close()
  }
}

async function* readLog(config: Config, range: LogTimeRange): AsyncGenerator<readonly ReplayedEvent[]> {
  const { fromMs = 0, toMs = Number.POSITIVE_INFINITY } = range
  const backbone = await openBackbone(config, await openInstallation(config.data), () => undefined)
  const { eventLog, log, trust } = backbone
  const book = new ChainBook({ log, trust })
  const found: ReplayedEvent[] = []
  const take = (records: readonly StoredRecord[]): void => {
    for (const [index, verdict] of book.verify(records).entries()) {
      const nowMs = records[index]?.timeMs ?? 0
      if (verdict.outcome !== 'accepted' && verdict.outcome !== 'late') continue
      if (nowMs < fromMs || nowMs >= toMs || roleOf(verdict.event.writer) === 'detectors') continue
      const { event, hash, chain, headers, attachmentProblem } = verdict
      const gap = verdict.outcome === 'accepted' && verdict.gap !== undefined ? { gap: verdict.gap } : {}
      const signals = attachmentProblem === undefined ? readSignals(headers.signals) : {}
      found.push({ observed: { event, hash, chain, ...gap, ...signals }, nowMs })
    }
    if (found.length > MAX_LOG_EVENTS)
      throw new ToolwardenError('LIMIT_REACHED', `more than ${MAX_LOG_EVENTS} events`, {
        fix: 'stop `toolwarden up`, so that the ledger can be read, or shorten the time with --from and --to',
      })
  }
  try {
    const subscription = await eventLog.subscribe('events', { from: 'beginning', onExpired: () => undefined }, take)
    await subscription.caughtUp
    await subscription.stop()
  } finally {
    await eventLog.close()
  }
  // Chains come one after the other; what one chain wrote in one millisecond keeps its order.
  yield found.toSorted((left, right) => left.nowMs - right.nowMs)
}

/** Signals of another form lower what is known, as they do for running detectors. */
function readSignals(bytes: Uint8Array | undefined): { readonly signals?: Signals } {
  if (bytes === undefined) return {}
  try {
    return { signals: parseSignals(bytes) }
  } catch (error) {
    if (error instanceof ToolwardenError) return {}
    throw error
  }
}
