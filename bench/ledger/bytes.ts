// How many bytes an event takes, by table and in the Merkle log's files, beside what its record had.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { LedgerStore } from '../../ledger/store.ts'
import type { BenchTree } from './proofs.ts'
import { print } from './spent.ts'

/** What is on the disk. */
export interface BytesBench {
  readonly store: LedgerStore
  readonly tree: BenchTree
  readonly events: number
  /** Of the records as they came: bodies and headers. */
  readonly logBytes: number
}

/** Prints them. */
export async function measureBytes({ store, tree, events, logBytes }: BytesBench): Promise<void> {
  const tables = await store.select<{ table: string; bytes: number }>(
    `SELECT table, sum(bytes_on_disk) AS bytes FROM system.parts
     WHERE database = currentDatabase() AND active GROUP BY table ORDER BY bytes DESC`,
  )
  const each = (bytes: number): string => (bytes / events).toFixed(0)
  const stored = tables.filter(({ bytes }) => bytes > events).map(({ table, bytes }) => `${table} ${each(bytes)}`)
  const files = bytesBelow(tree.directory)
  const all = tables.reduce((sum, { bytes }) => sum + bytes, files)
  print(
    'bytes stored an event',
    `${each(all)}: ${stored.join(', ')}, tiles and entries ${each(files)}; sent ${each(logBytes)}`,
  )
}

function bytesBelow(directory: string): number {
  const entries = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  return entries
    .map((entry) => statSync(join(directory, entry)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0)
}
