// From the embedded log to durable rows, as `up` does it, beside a bare insert of the very same rows in the same batches.
// Rounds take turns, so that both see the same machine; the first round only warms up.
import { join } from 'node:path'
import { openLedgerStore } from '../../ledger/clickhouse-store.ts'
import type { LedgerStore, StoreBatch } from '../../ledger/store.ts'
import { appendAll, openTestLog, startIngest, TEST_LOG, type TestKeys } from '../../test/support/ledger-harness.ts'
import { buildRun } from '../../test/support/run-builder.ts'
import { addSpent, print, printRate, type Spent, spend } from './spent.ts'

const ROUNDS = 4
const RUNS_A_ROUND = 8
const CALLS_A_RUN = 800
const NOTHING: Spent = { wallMs: 0, processorMs: 0 }

/** What is ingested, and where to. */
export interface IngestBench {
  readonly store: LedgerStore
  readonly keys: TestKeys
  /** Of the whole bench. */
  readonly path: string
  /** Of chDB. */
  readonly directory: string
}

/** Prints both rates and their ratio; returns how many bytes the log's records have. */
export async function measureIngest({ store, keys, path, directory }: IngestBench): Promise<number> {
  const bare = await openLedgerStore({ directory, database: 'bare' }, TEST_LOG)
  let [ingested, inserted] = [NOTHING, NOTHING]
  let [events, bytes] = [0, 0]
  for (let round = 0; round <= ROUNDS; round++) {
    const { spent, batches, logBytes } = await ingest({ store, keys, root: join(path, `log-${round}`), round })
    const again = await spend(async () => {
      for (const batch of batches) await bare.insert(batch)
    })
    bytes += logBytes
    if (round === 0) continue
    ingested = addSpent(ingested, spent)
    inserted = addSpent(inserted, again)
    events += batches.reduce((sum, batch) => sum + batch.events.length, 0)
  }
  await bare.close()
  printRate('ingest, from log to durable rows', events, ingested)
  printRate('  bare insert of the same rows', events, inserted)
  print('  ratio (target 0.5)', (inserted.wallMs / ingested.wallMs).toFixed(2))
  return bytes
}

async function ingest({
  store,
  keys,
  root,
  round,
}: Omit<IngestBench, 'path' | 'directory'> & { root: string; round: number }) {
  const eventLog = openTestLog(root)
  let logBytes = 0
  for (let run = 0; run < RUNS_A_ROUND; run++) {
    const { records } = buildRun({ seed: 100 * round + run, key: keys.gateway }, CALLS_A_RUN)
    await appendAll(eventLog, records)
    for (const { value, headers } of records)
      logBytes += value.byteLength + Object.values(headers).reduce((sum, header) => sum + header.byteLength, 0)
  }
  const batches: StoreBatch[] = []
  const spent = await spend(async () => {
    const running = await startIngest({ eventLog, store: recording(store, batches), keys })
    await running.caughtUp
    await running.stop()
  })
  await eventLog.close()
  return { spent, batches, logBytes }
}

/** The same store, whose batches are kept. */
function recording(store: LedgerStore, batches: StoreBatch[]): LedgerStore {
  const insert = async (batch: StoreBatch): Promise<void> => {
    batches.push(batch)
    await store.insert(batch)
  }
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'insert') return insert
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
