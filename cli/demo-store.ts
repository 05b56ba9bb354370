// What the demo asks of the store, and the one thing that it does to it: changing a byte, as an intruder with SQL would.
import { ToolwardenError } from '../events/errors.ts'
import type { VerifyReport } from '../ledger/verify-report.ts'
import type { Config } from './config.ts'
import type { Services } from './services.ts'
import { storeSettings } from './store-place.ts'

const POLL_MS = 100
const STORED_DEADLINE_MS = 30_000

/** Waits until the gateway's run is stored to its end, and counts its calls. Throws STORE_UNAVAILABLE after 30 s. */
export async function storedCalls({ store }: Services): Promise<{ readonly total: number; readonly summary: string }> {
  const deadline = Date.now() + STORED_DEADLINE_MS
  while (Date.now() < deadline) {
    const closed = await store?.select(
      "SELECT sequence FROM events WHERE type = 'writer/close' AND startsWith(writer, 'gateway/') LIMIT 1",
    )
    if (closed?.length === 1) return countCalls(await decisions(store))
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  throw new ToolwardenError('STORE_UNAVAILABLE', 'the ledger did not store the run in time')
}

/** Verifies the whole store. */
export async function verifyStore({ store, backbone }: Services): Promise<VerifyReport> {
  if (store === undefined) throw new ToolwardenError('INTERNAL', 'the demo runs with a store')
  const { verifyLedger } = await import('../ledger/verify.ts')
  return verifyLedger({ store, log: backbone.log, trust: backbone.trust })
}

/** The event that was changed. */
export interface ChangedEvent {
  readonly chain: string
  readonly sequence: number
  readonly type: string
  readonly what: string
}

/** Changes one byte of a stored decide, by SQL and not through this program. */
export async function changeOneByte(config: Config): Promise<ChangedEvent> {
  const { openClickHouse } = await import('../ledger/clickhouse-connection.ts')
  const connection = await openClickHouse(storeSettings(config))
  try {
    const [row] = await connection.query.select<{ writer: string; instance: string; sequence: number; hash: string }>(
      "SELECT writer, instance, toUInt32(sequence) AS sequence, hash FROM events WHERE type = 'authorization/decide' AND decision = 'deny' ORDER BY sequence LIMIT 1",
      {},
    )
    if (row === undefined) throw new ToolwardenError('INTERNAL', 'the demo stored no denied call')
    const set = `body = replaceOne(body, '"decision":"deny"', '"decision":"dEny"')`
    await connection.ingest.command(
      `ALTER TABLE events UPDATE ${set} WHERE hash = '${row.hash}' SETTINGS mutations_sync = 2`,
    )
    return {
      chain: `${row.writer}/${row.instance}`,
      sequence: row.sequence,
      type: 'authorization/decide',
      what: '"deny" is now "dEny"',
    }
  } finally {
    await connection.close()
  }
}

async function decisions(
  store: Services['store'],
): Promise<readonly { readonly decision: string; readonly calls: number }[]> {
  return (
    (await store?.select(
      "SELECT decision, count() AS calls FROM events WHERE type = 'authorization/decide' AND outcome = 'accepted' GROUP BY decision ORDER BY decision",
    )) ?? []
  )
}

function countCalls(rows: readonly { readonly decision: string; readonly calls: number }[]): {
  readonly total: number
  readonly summary: string
} {
  return {
    total: rows.reduce((sum, { calls }) => sum + calls, 0),
    summary: rows.map(({ decision, calls }) => `${calls} ${decision}`).join(', '),
  }
}
