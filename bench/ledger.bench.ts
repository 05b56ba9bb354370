// What the ledger does, in one run: ingest from the log beside a bare insert of the same rows, hashes and links checked in SQL
// beside SHA256 alone, the whole verification, the offline verifier beside Tessera's fsck on the same log, proofs, bytes.
// Wall time, and events a second of processor time, which other work on the machine changes less. Run: npm run bench:ledger
import { join } from 'node:path'
import { openLedgerStore } from '../ledger/clickhouse-store.ts'
import { verifyLedger } from '../ledger/verify.ts'
import { createTestKeys, TEST_LOG, temporaryDirectory } from '../test/support/ledger-harness.ts'
import { measureBytes } from './ledger/bytes.ts'
import { measureIngest } from './ledger/ingest.ts'
import { measureOffline } from './ledger/offline.ts'
import { measureTree } from './ledger/proofs.ts'
import { measureQuickly } from './ledger/quick.ts'
import { printRate, spend } from './ledger/spent.ts'

const keys = createTestKeys()
const { path, remove } = temporaryDirectory()
const directory = join(path, 'store')
const store = await openLedgerStore({ directory, database: 'ingested' }, TEST_LOG)

try {
  const logBytes = await measureIngest({ store, keys, path, directory })
  await measureQuickly(directory)
  let events = 0
  const whole = await spend(async () => {
    const { counts, violations } = await verifyLedger({ store, log: TEST_LOG, trust: keys.trust })
    if (violations[0] !== undefined) throw new Error(JSON.stringify(violations[0]))
    events = counts.events
  })
  printRate('full verification, one thread', events, whole)
  const tree = await measureTree(store, path)
  await measureBytes({ store, tree, events, logBytes })
  await measureOffline({ store, tree, keys })
} finally {
  await store.close()
  remove()
}
