// The quick check in SQL beside its floor, SHA256 of every body: on copies of what was ingested, each under other instances,
// until there are enough rows for the fixed cost of a statement not to count.
import { openClickHouse } from '../../ledger/clickhouse-connection.ts'
import { openLedgerStore } from '../../ledger/clickhouse-store.ts'
import { verifyQuickly } from '../../ledger/verify-quick.ts'
import { TEST_LOG } from '../../test/support/ledger-harness.ts'
import { leastSpent, printRate, type Spent, spend } from './spent.ts'

const ROWS = 1_000_000
const ROUNDS = 5
const FLOOR_SQL = "SELECT countIf(SHA256(concat('\\0', body)) != unhex(hash)) FROM events"

/** Prints both. */
export async function measureQuickly(directory: string): Promise<void> {
  const store = await openLedgerStore({ directory, database: 'copied' }, TEST_LOG)
  const rows = await fill(directory)
  const times = { quick: [] as Spent[], floor: [] as Spent[] }
  for (let round = 0; round < ROUNDS; round++) {
    times.quick.push(await spend(() => checkQuickly()))
    times.floor.push(await spend(() => store.select(FLOOR_SQL, {}, 'verify')))
  }
  await store.close()
  printRate(`hashes and links in SQL, ${rows} rows (target 1 M)`, rows, leastSpent(times.quick))
  printRate('  SHA256 of the bodies alone, the floor', rows, leastSpent(times.floor))

  async function checkQuickly(): Promise<void> {
    const { violations, counts } = await verifyQuickly(store)
    if (violations.length > 0 || counts.rows !== rows) throw new Error(JSON.stringify(violations[0] ?? counts))
  }
}

async function fill(directory: string): Promise<number> {
  const { ingest, close } = await openClickHouse({ directory, database: 'copied' })
  let rows = 0
  for (let copy = 0; rows < ROWS; copy++) {
    const instance = `concat(substring(instance, 1, 30), '${String(copy).padStart(6, '0')}')`
    await ingest.command(
      `INSERT INTO events SELECT * REPLACE(concat(substring(instance, 34), ${instance}) AS instance)
       FROM ingested.events WHERE outcome = 'accepted'`,
    )
    const [counted] = await ingest.select<{ rows: number }>('SELECT toUInt32(count()) AS rows FROM events', {})
    rows = counted?.rows ?? ROWS
  }
  await ingest.command('OPTIMIZE TABLE events FINAL')
  await close()
  return rows
}
