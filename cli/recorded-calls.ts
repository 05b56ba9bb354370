// The one reader of recorded calls, for every command that tries a policy on history: out of the ledger's store, or out of
// files that --history names. Oldest first, in batches, so that memory does not grow with the history.
import { readCliToken } from '../api/cli-token.ts'
import { ToolwardenError } from '../events/errors.ts'
import { formatTime } from '../events/time.ts'
import type { TimeRange } from '../ledger/history-filter.ts'
import type { RecordedCall } from '../ledger/recorded-call.ts'
import type { LedgerStore } from '../ledger/store.ts'
import { readApi } from './api-calls.ts'
import { findApi } from './api-client.ts'
import { openCallFiles } from './call-files.ts'
import { loadConfig } from './config.ts'
import { openInstallation } from './installation.ts'
import { showProgress } from './progress.ts'
import { storeSettings } from './store-place.ts'
import { readRange, type TimeSpan } from './time-range.ts'

/** Which calls, as the command line says it. */
export interface HistoryFlags {
  /** A file or directory of recorded calls; the ledger unless told. */
  readonly history?: string
  /** Not older than this time. */
  readonly from?: string
  /** Older than this time. */
  readonly to?: string
  readonly config?: string
}

/** A history that was opened; reading it to its end, or leaving the loop, closes it. */
export interface RecordedHistory {
  /** Where the calls come from, for people. */
  readonly where: string
  readonly batches: AsyncIterable<readonly RecordedCall[]>
}

/** Opens the history. Throws USAGE for times and files, STORE_* for the ledger; batches throw what reading throws. */
export async function openRecordedCalls(flags: HistoryFlags): Promise<RecordedHistory> {
  const range = readRange(flags)
  if (flags.history === undefined) return await openLedger(flags, range)
  const files = await openCallFiles(flags.history)
  const progress = (): readonly [number, number] => [files.readBytes(), files.totalBytes]
  return { where: flags.history, batches: withProgress(within(files.batches, range), progress) }
}

async function openLedger(flags: HistoryFlags, range: TimeSpan): Promise<RecordedHistory> {
  const config = await loadConfig(process.env, flags.config)
  const installation = await openInstallation(config.data)
  const log = config.log ?? installation.log
  const times = { from: toEventTime(range.fromMs), to: toEventTime(range.toMs) }
  try {
    const { openLedgerStore } = await import('../ledger/clickhouse-store.ts')
    const store = await openLedgerStore(storeSettings(config), log)
    return { where: `the ledger ${log}`, batches: readStore(store, times) }
  } catch (error) {
    // While `up` holds the store, it is asked through its API.
    const url = await findApi(config.data)
    if (!(error instanceof ToolwardenError) || error.code !== 'STORE_LOCKED' || url === undefined) throw error
    const token = await readCliToken(installation.cliTokenFile)
    return { where: `the ledger ${log}`, batches: readApi(url, token, times) }
  }
}

async function* readStore(store: LedgerStore, times: TimeRange): AsyncGenerator<readonly RecordedCall[]> {
  try {
    const { readCallHistory } = await import('../ledger/call-history.ts')
    let done = 0
    const { total, batches } = await readCallHistory(store, times)
    const counted = countCalls(batches, (calls) => {
      done += calls
    })
    yield* withProgress(counted, () => [done, total])
  } finally {
    await store.close()
  }
}

function toEventTime(timeMs: number | undefined): string | undefined {
  return timeMs === undefined ? undefined : formatTime(timeMs * 1000)
}

async function* countCalls(
  batches: AsyncIterable<readonly RecordedCall[]>,
  count: (calls: number) => void,
): AsyncGenerator<readonly RecordedCall[]> {
  for await (const batch of batches) {
    count(batch.length)
    yield batch
  }
}

async function* within(
  batches: AsyncIterable<readonly RecordedCall[]>,
  { fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY }: TimeSpan,
): AsyncGenerator<readonly RecordedCall[]> {
  for await (const batch of batches) yield batch.filter(({ timeMs }) => timeMs >= fromMs && timeMs < toMs)
}

async function* withProgress(
  batches: AsyncIterable<readonly RecordedCall[]>,
  state: () => readonly [done: number, total: number],
): AsyncGenerator<readonly RecordedCall[]> {
  const progress = showProgress('reading recorded calls')
  try {
    for await (const batch of batches) {
      progress.update(...state())
      yield batch
    }
  } finally {
    progress.end()
  }
}
