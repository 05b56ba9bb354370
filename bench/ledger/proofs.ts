// The Merkle log of what was ingested: how fast events become leaves, and how long a proof takes.
import { join } from 'node:path'
import { systemClock } from '../../events/time.ts'
import { readLogVerifierKey } from '../../ledger/log-key.ts'
import type { VerifierKey } from '../../ledger/note.ts'
import { Sequencer, sequencerDirectories } from '../../ledger/sequencer.ts'
import type { LedgerStore } from '../../ledger/store.ts'
import { TreeProofs } from '../../ledger/tree-proofs.ts'
import { TEST_LOG } from '../../test/support/ledger-harness.ts'
import { print, printRate, spend } from './spent.ts'

const PROOFS = 500

/** The log's files and key. */
export interface BenchTree {
  readonly directory: string
  readonly logKey: VerifierKey
  readonly keyFile: string
  readonly size: number
}

/** Makes the log and prints how long it and its proofs took. */
export async function measureTree(store: LedgerStore, path: string): Promise<BenchTree> {
  const directories = sequencerDirectories(path)
  const sequencer = await Sequencer.open({
    store,
    clock: systemClock(),
    log: TEST_LOG,
    keyDirectory: path,
    ...directories,
  })
  const sequenced = await spend(() => sequencer.sequence())
  const { size } = sequencer.status
  await sequencer.stop()
  printRate('leaves, signed and in tiles', size, sequenced)
  const proofs = new TreeProofs(store, directories.treeDirectory)
  const hashes = await store.select<{ hash: string }>(
    `SELECT hash FROM leaves ORDER BY sipHash64(hash) LIMIT ${PROOFS}`,
  )
  const inclusionMs = await timesOf(hashes, ({ hash }) => proofs.inclusion(hash))
  const sizes = hashes.map((_, index) => 1 + ((index * 7_919) % size))
  const consistencyMs = await timesOf(sizes, (from) => proofs.consistency(from))
  printTimes('inclusion proof', inclusionMs)
  printTimes('consistency proof', consistencyMs)
  const logKey = await readLogVerifierKey(path)
  if (logKey === undefined) throw new Error('the log has no key')
  return { directory: directories.treeDirectory, logKey, keyFile: join(path, 'log.vkey'), size }
}

async function timesOf<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<readonly number[]> {
  const times: number[] = []
  for (const item of items) times.push((await spend(() => work(item))).wallMs)
  return times.sort((one, other) => one - other)
}

function printTimes(name: string, times: readonly number[]): void {
  const quantile = (share: number): string => `${(times[Math.floor(share * (times.length - 1))] ?? 0).toFixed(1)} ms`
  print(name, `p50 ${quantile(0.5)}, p99 ${quantile(0.99)}`)
}
