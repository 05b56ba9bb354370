// A revoked key counts for what lies before its revocation: ingest quarantines what comes after it, and verification finds
// what was stored all the same.
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { generateKey, type KeyPair } from '../../events/keys.ts'
import { Trust } from '../../events/trust.ts'
import type { LedgerStore } from '../../ledger/store.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import {
  appendAll,
  asStored,
  createTestKeys,
  createTestStores,
  startIngest,
  storeRecords,
  TEST_LOG,
  type TestKeys,
  type TestStores,
} from '../support/ledger-harness.ts'
import { MemoryLog, MemoryStorage } from '../support/memory-log.ts'
import { buildRevokingRun } from '../support/revoking-run.ts'
import { buildRun, type RunBuilder } from '../support/run-builder.ts'

const enrolment = generateKey()
const api = generateKey()
let keys: TestKeys
let stores: TestStores
let store: LedgerStore
before(async () => {
  stores = await createTestStores()
  const made = createTestKeys()
  const settings = [...Object.entries(made).filter(([role]) => role !== 'trust'), ['api', api] as const].map(
    ([role, key]) => ({ writer: `${role}/*`, key: text(key as KeyPair) }),
  )
  keys = { ...made, trust: new Trust(settings, { enrolment: [text(enrolment)] }) }
})
after(() => stores.close())
beforeEach(async () => {
  store = await stores.open(stores.newDatabase())
})

function text(key: KeyPair): string {
  return key.publicKey.toString('base64url')
}

/** The run of an API that revokes the gateway's key. */
function revokingRun(by: KeyPair = enrolment): RunBuilder {
  return buildRevokingRun({ api, gateway: keys.gateway, enrolment: by })
}

/** Ingests one run after the other, each with an ingest of its own: what is revoked is known after a restart too. */
async function ingestInOrder(...runs: readonly RunBuilder[]): Promise<readonly string[]> {
  const storage = new MemoryStorage()
  for (const run of runs) {
    const eventLog = new MemoryLog({ storage })
    await appendAll(eventLog, run.records)
    const ingest = await startIngest({ eventLog, store, keys })
    await ingest.caughtUp
    await ingest.stop()
    await eventLog.close()
  }
  const rows = await store.select<{ outcome: string; reason: string; rows: number }>(
    `SELECT outcome, reason, count() AS rows FROM events WHERE startsWith(partition, 'gateway/')
     GROUP BY outcome, reason ORDER BY outcome`,
  )
  return rows.map(({ outcome, reason, rows: count }) => `${count} ${outcome} ${reason}`.trim())
}

/** Stores runs as if nobody had looked at revocations. */
async function storeBlindly(...runs: readonly RunBuilder[]): Promise<void> {
  for (const { records } of runs) await storeRecords(store, { ...keys, trust: keys.trust.copy() }, [asStored(records)])
}

describe('a revoked key', () => {
  it('vouches for what was stored before, and for nothing after, whatever is restarted', async () => {
    const [before, after] = [buildRun({ seed: 1, key: keys.gateway }, 2), buildRun({ seed: 2, key: keys.gateway }, 2)]
    const found = await ingestInOrder(before, revokingRun(), after)
    const quarantined = `${after.records.length} quarantined the key that vouches for this run is revoked`
    assert.deepEqual(found, [`${before.records.length} accepted`, quarantined])
  })

  it('is found by verification, when events came into the store under it afterwards', async () => {
    const [before, after] = [buildRun({ seed: 1, key: keys.gateway }, 2), buildRun({ seed: 2, key: keys.gateway }, 2)]
    await storeBlindly(before, revokingRun(), after)
    const { violations } = await verifyLedger({ store, log: TEST_LOG, trust: keys.trust })
    assert.deepEqual(
      violations.map(({ code, chain, sequence }) => [code, chain, sequence]),
      [['key-revoked', after.chain, 1]],
    )
  })

  it('goes on counting, when no enrolment key proves that it was revoked', async () => {
    const after = buildRun({ seed: 2, key: keys.gateway }, 2)
    await storeBlindly(revokingRun(api), after)
    const { violations } = await verifyLedger({ store, log: TEST_LOG, trust: keys.trust })
    assert.deepEqual(violations, [])
  })
})
