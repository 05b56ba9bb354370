// A ledger as a repair meets it: an event log in memory that was ingested and sequenced by real parts, all of it stopped, and
// its store open to be damaged behind its back.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hashBody } from '../../events/chain.ts'
import type { EventLog, LogRecord, OnBatch, StoredRecord, SubscribeOptions, Topic } from '../../events/log.ts'
import { type Clock, systemClock } from '../../events/time.ts'
import { Erasures, PLAN_DIGEST } from '../../ledger/erasure.ts'
import { type RepairOptions, type RepairResult, repairLedger } from '../../ledger/repair/repair.ts'
import { sequencerDirectories } from '../../ledger/sequencer.ts'
import { startIngest, TEST_LOG } from './ledger-harness.ts'
import { MemoryLog, MemoryStorage } from './memory-log.ts'
import { buildRun, RunBuilder } from './run-builder.ts'
import { SequencerBench } from './sequencer-bench.ts'

/** One ledger; `begin` gives each test an honest one. */
export class RepairBench {
  readonly bench: SequencerBench
  storage = new MemoryStorage()

  private constructor(bench: SequencerBench) {
    this.bench = bench
  }

  static async open(): Promise<RepairBench> {
    return new RepairBench(await SequencerBench.open())
  }

  async close(): Promise<void> {
    await this.bench.close()
  }

  /** A ledger of one run of five calls; `build` adds to what is in its log. */
  async begin(build: (run: RunBuilder, storage: MemoryStorage) => void = () => undefined): Promise<RunBuilder> {
    await this.bench.begin()
    this.storage = new MemoryStorage()
    const run = buildRun({ seed: 1, key: this.bench.keys.gateway }, 5)
    for (const from of [0, 8])
      this.storage.write('events', run.chain, run.records.slice(from, from === 0 ? 8 : undefined))
    build(run, this.storage)
    await this.runLedger()
    return run
  }

  /** Begins with an empty log. */
  clear(): void {
    this.storage = new MemoryStorage()
  }

  /** Puts records of a run into the log, each append as it was signed. */
  write(run: RunBuilder, records: readonly LogRecord[]): void {
    let append: LogRecord[] = []
    for (const record of records) {
      append.push(record)
      if (record.headers.signature === undefined) continue
      this.storage.write('events', run.chain, append)
      append = []
    }
  }

  /** The ledger runs until all is stored, published and sequenced. */
  async runLedger(clock: Clock = systemClock()): Promise<void> {
    const { store, keys } = this.bench
    const ingest = await startIngest({ eventLog: this.openLog(), store, keys, clock }, { batchRecords: 8 })
    await ingest.caughtUp
    await ingest.stop()
    const sequencer = await this.bench.sequencer()
    await sequencer.sequence()
    await sequencer.stop()
  }

  openLog(): EventLog {
    return new MemoryLog({ storage: this.storage })
  }

  /** The log after it has let go of the first offsets of a partition. */
  openExpiredLog(partition: string, first: number): EventLog {
    const isKept = ({ position }: StoredRecord): boolean => position.partition !== partition || position.offset >= first
    const inner = this.openLog()
    return Object.assign(this.openLog(), {
      subscribe: (topic: Topic, options: SubscribeOptions, onBatch: OnBatch) =>
        inner.subscribe(topic, options, async (records) => {
          const kept = records.filter(isKept)
          if (kept.length > 0) await onBatch(kept)
        }),
    })
  }

  async repair(more: Partial<RepairOptions> = {}): Promise<RepairResult> {
    const { store, keys } = this.bench
    const opening = { software: 'toolwarden test', configuration: '0'.repeat(64) }
    const tree = { ...sequencerDirectories(this.bench.data), logKey: await this.bench.logKey() }
    return await repairLedger({
      ...{ store, eventLog: this.openLog(), clock: systemClock(), log: TEST_LOG, trust: keys.trust, tree, opening },
      ...{ key: keys.ledger, by: 'user:test', reason: 'as the test wants', isDryRun: false, ...more },
    })
  }

  /** Erases the payload of an event, as the API does it. */
  async erase(hash: string): Promise<void> {
    const { store, keys } = this.bench
    const erasures = new Erasures(store)
    const erasure = '01a20357-9080-7668-9f3b-62d57bfc4935'
    await store.planErasure(erasure, `hash = '${hash}'`, {})
    const [plan] = await store.select<{ digest: string }>(`SELECT ${PLAN_DIGEST} AS digest FROM erasures`)
    const api = new RunBuilder({ seed: 9, key: keys.api, writer: 'api/main' })
    api.open()
    const said = { payloads: 1, digest: plan?.digest ?? '', by: 'user:ann', reason: 'asked to' }
    const [record] = api.draft({ type: 'admin/erased', erasure, what: 'one', ...said })
    for (const each of api.records) this.storage.write('events', api.chain, [each])
    await this.runLedger()
    await erasures.carryOut(erasure, hashBody(record?.value ?? Buffer.alloc(0)))
  }

  /** Changes a byte of the leaves. */
  async damageTiles(): Promise<void> {
    const folder = join(this.bench.tree, 'tile', '0', '000.p')
    for (const name of readdirSync(folder)) {
      const bytes = readFileSync(join(folder, name))
      bytes[0] = (bytes[0] ?? 0) ^ 1
      writeFileSync(join(folder, name), bytes)
    }
  }

  /** `ALTER TABLE … UPDATE`, behind the store's back. */
  async update(change: string, where: string, table = 'events'): Promise<void> {
    await this.bench.run(`ALTER TABLE ${table} UPDATE ${change} WHERE ${where} SETTINGS mutations_sync = 2`)
  }

  async delete(where: string, table = 'events'): Promise<void> {
    await this.bench.run(`ALTER TABLE ${table} DELETE WHERE ${where} SETTINGS mutations_sync = 2`)
  }

  /** Inserts copies of rows with some columns replaced. */
  async copy(replace: string, where: string, table = 'events'): Promise<void> {
    await this.bench.run(
      `INSERT INTO ${table} SELECT * REPLACE(${replace}) FROM (SELECT * FROM ${table} WHERE ${where})`,
    )
  }

  /** Codes of what verification finds now, each once. */
  async violations(): Promise<readonly string[]> {
    const { violations } = await this.bench.verify()
    return [...new Set(violations.map(({ code }) => code))]
  }
}
