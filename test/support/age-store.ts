// Makes everything that a stopped pipeline's store holds three months old, behind its back.
import { join } from 'node:path'
import { openClickHouse } from '../../ledger/clickhouse-connection.ts'
import type { Pipeline } from './pipeline.ts'

const TABLES = ['events', 'payloads', 'quarantine']

/** Ages the rows of all tables. */
export async function ageStore({ data }: Pipeline): Promise<void> {
  const { ingest, close } = await openClickHouse({ directory: join(data, 'store') })
  for (const table of TABLES) {
    const old = 'SELECT * REPLACE(ingested_at - INTERVAL 3 MONTH AS ingested_at)'
    await ingest.command(`INSERT INTO ${table} ${old} FROM ${table}`)
    await ingest.command(
      `ALTER TABLE ${table} DELETE WHERE ingested_at > now() - INTERVAL 2 MONTH SETTINGS mutations_sync = 2`,
    )
  }
  await close()
}
