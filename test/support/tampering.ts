// A store that tests of verification share: filled with an honest run before each test, then changed behind its back.
import assert from 'node:assert/strict'
import type { Trust } from '../../events/trust.ts'
import type { LedgerStore } from '../../ledger/store.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import type { VerifyReport } from '../../ledger/verify-report.ts'
import {
  asStored,
  createTestKeys,
  createTestStores,
  storeRecords,
  TEST_LOG,
  type TestKeys,
  type TestStores,
} from './ledger-harness.ts'
import { buildRun, type RunBuilder } from './run-builder.ts'

const DATABASE = 'verified'

/** One store for a test file. */
export class Tampering {
  readonly keys: TestKeys = createTestKeys()
  readonly #stores: TestStores
  readonly store: LedgerStore

  private constructor(stores: TestStores, store: LedgerStore) {
    this.#stores = stores
    this.store = store
  }

  static async open(): Promise<Tampering> {
    const stores = await createTestStores()
    return new Tampering(stores, await stores.open(DATABASE))
  }

  /** Empties it. */
  async clear(): Promise<void> {
    for (const table of ['events', 'payloads', 'quarantine'])
      await this.#stores.run(`TRUNCATE TABLE ${DATABASE}.${table}`)
  }

  async close(): Promise<void> {
    await this.store.close()
    await this.#stores.close()
  }

  /** Stores a run of five calls: events 1 and 2 open it, call n (from 1) has the events 3n to 3n + 2. */
  async storeHonestRun(build: (run: RunBuilder) => void = () => undefined): Promise<RunBuilder> {
    const run = buildRun({ seed: 1, key: this.keys.gateway }, 5)
    build(run)
    await storeRecords(this.store, this.keys, [asStored(run.records)])
    return run
  }

  /** `ALTER TABLE … UPDATE`, as somebody with access to the tables can. */
  async update(change: string, where: string, table = 'events'): Promise<void> {
    await this.#stores.run(
      `ALTER TABLE ${DATABASE}.${table} UPDATE ${change} WHERE ${where} SETTINGS mutations_sync = 2`,
    )
  }

  async remove(where: string, table = 'events'): Promise<void> {
    await this.#stores.run(`ALTER TABLE ${DATABASE}.${table} DELETE WHERE ${where} SETTINGS mutations_sync = 2`)
  }

  /** Inserts copies of rows with some columns replaced. */
  async insertCopies(replace: string, where: string): Promise<void> {
    // The rows are chosen in a query of their own: outside, `where` would see the replaced columns.
    const rows = `SELECT * FROM ${DATABASE}.events WHERE ${where}`
    await this.#stores.run(`INSERT INTO ${DATABASE}.events SELECT * REPLACE(${replace}) FROM (${rows})`)
  }

  async verify(trust: Trust = this.keys.trust): Promise<VerifyReport> {
    return await verifyLedger({ store: this.store, log: TEST_LOG, trust })
  }

  /** Verifies, and expects just these violations: code and sequence number. */
  async expectViolations(...expected: readonly (readonly [string, number | undefined])[]): Promise<VerifyReport> {
    const report = await this.verify()
    const found = report.violations.map(({ code, sequence }) => [code, sequence])
    assert.deepEqual(found, expected, JSON.stringify(report.violations, undefined, 2))
    return report
  }
}
