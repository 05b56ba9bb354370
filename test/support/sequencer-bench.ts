// A store and a Merkle log beside it on temporary directories, for tests of the sequencer and of what reads its log.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { systemClock } from '../../events/time.ts'
import { readLogVerifierKey } from '../../ledger/log-key.ts'
import type { VerifierKey } from '../../ledger/note.ts'
import { Sequencer, type SequencerOptions, sequencerDirectories } from '../../ledger/sequencer.ts'
import type { LedgerStore } from '../../ledger/store.ts'
import { TreeReader } from '../../ledger/tree-reader.ts'
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
  temporaryDirectory,
} from './ledger-harness.ts'
import { buildRun, type RunBuilder } from './run-builder.ts'

/** One ledger: `begin` gives each test an empty one. */
export class SequencerBench {
  readonly keys: TestKeys = createTestKeys()
  readonly #stores: TestStores
  #database = ''
  #store: LedgerStore | undefined
  #data: ReturnType<typeof temporaryDirectory> | undefined
  #runs = 0

  private constructor(stores: TestStores) {
    this.#stores = stores
  }

  static async open(): Promise<SequencerBench> {
    return new SequencerBench(await createTestStores())
  }

  async begin(): Promise<void> {
    await this.end()
    this.#database = this.#stores.newDatabase()
    this.#store = await this.#stores.open(this.#database)
    this.#data = temporaryDirectory()
  }

  async end(): Promise<void> {
    await this.#store?.close()
    this.#data?.remove()
    this.#store = undefined
    this.#data = undefined
  }

  async close(): Promise<void> {
    await this.end()
    await this.#stores.close()
  }

  get store(): LedgerStore {
    assert.ok(this.#store !== undefined)
    return this.#store
  }

  /** The data directory. */
  get data(): string {
    assert.ok(this.#data !== undefined)
    return this.#data.path
  }

  get tree(): string {
    return join(this.data, 'tlog')
  }

  get reader(): TreeReader {
    return new TreeReader(this.tree)
  }

  /** The log's public key; there once the log was begun. */
  async logKey(): Promise<VerifierKey> {
    const key = await readLogVerifierKey(this.data)
    assert.ok(key !== undefined)
    return key
  }

  /** A sequencer whose ticks are asked for. */
  async sequencer(more: Partial<SequencerOptions> = {}): Promise<Sequencer> {
    return await Sequencer.open({ ...this.options(), ...more })
  }

  options(): SequencerOptions {
    const directories = sequencerDirectories(this.data)
    return { store: this.store, clock: systemClock(), log: TEST_LOG, keyDirectory: this.data, ...directories }
  }

  /** Stores one more honest run, and what the ledger says of it. */
  async storeRun(calls: number): Promise<RunBuilder> {
    const run = buildRun({ seed: ++this.#runs, key: this.keys.gateway }, calls)
    await storeRecords(this.store, this.keys, [asStored(run.records)])
    return run
  }

  /** Any SQL on this ledger's tables, behind its back. */
  async run(sql: string): Promise<void> {
    await this.#stores.run(
      sql.replaceAll(/\b(events|leaves|payloads|quarantine|erasures)\b(?!')/g, `${this.#database}.$1`),
    )
  }

  /** How many events of the store are to be leaves. */
  async countEvents(): Promise<number> {
    const sql = "SELECT uniqExact(hash) AS count FROM events WHERE outcome IN ('accepted', 'late')"
    return (await this.store.select<{ count: number }>(sql))[0]?.count ?? 0
  }

  async verify(checkpoints: readonly string[] = []): Promise<VerifyReport> {
    const tree = { directory: this.tree, logKey: await this.logKey(), checkpoints }
    return await verifyLedger({ store: this.store, log: TEST_LOG, trust: this.keys.trust, tree })
  }

  /** Everything is in order: every event is a leaf, once, and all files and signatures hold. */
  async expectWhole(): Promise<void> {
    const { violations, counts } = await this.verify()
    assert.deepEqual(violations, [])
    assert.equal(counts.leaves, await this.countEvents())
    const { leaves: size } = counts
    const hashes = new Set<string>()
    for (let index = 0; index * 256 < size; index++)
      for (const hash of await this.reader.hashes(0, index, size)) hashes.add(hash.toString('hex'))
    assert.equal(hashes.size, size)
  }

  /** Verifies, and expects violations of just these kinds. */
  async expectViolations(...codes: readonly string[]): Promise<VerifyReport> {
    const report = await this.verify()
    assert.deepEqual(
      [...new Set(report.violations.map(({ code }) => code))],
      codes,
      JSON.stringify(report.violations[0]),
    )
    return report
  }
}
