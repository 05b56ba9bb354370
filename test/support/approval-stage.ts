// The API over a real store and a real log, and gateway runs on the same log whose calls wait for a person.
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../events/time.ts'
import { Catalogue } from '../../gateway/catalogue.ts'
import type { Policy } from '../../gateway/policy/policy.ts'
import { lookUpRealPath } from '../../gateway/policy/real-path.ts'
import { type GatewayRun, startGateway } from '../../gateway/start.ts'
import { openLedgerStore } from '../../ledger/clickhouse-store.ts'
import { Ingest } from '../../ledger/ingest.ts'
import type { LedgerStore } from '../../ledger/store.ts'
import { type ApiHarness, LOG_NAME, startApiHarness } from './api-harness.ts'
import { NO_CONTROL } from './gate-bench.ts'
import { NO_PIN_STORE } from './http-harness.ts'

const OPENING = { software: 'toolwarden test', configuration: '0'.repeat(64) }

/** What a stage may be told. */
export interface ApprovalStageOptions {
  readonly policy: Policy
  /** The `api:` section of the configuration. */
  readonly settings?: Record<string, unknown>
}

/** Everything that stands on it. */
export class ApprovalStage {
  readonly harness: ApiHarness
  readonly store: LedgerStore
  readonly #ingest: Ingest
  readonly #directory: string
  readonly #policy: Policy
  readonly #runs: GatewayRun[] = []

  private constructor(parts: {
    readonly harness: ApiHarness
    readonly store: LedgerStore
    readonly ingest: Ingest
    readonly directory: string
    readonly policy: Policy
  }) {
    this.harness = parts.harness
    this.store = parts.store
    this.#ingest = parts.ingest
    this.#directory = parts.directory
    this.#policy = parts.policy
  }

  /** Opens store, API and ingest. */
  static async open({ policy, settings = {} }: ApprovalStageOptions): Promise<ApprovalStage> {
    const directory = await mkdtemp(join(tmpdir(), 'toolwarden-approvals-'))
    const store = await openLedgerStore({ directory: join(directory, 'store') }, LOG_NAME)
    const harness = await startApiHarness({ store, settings })
    const { eventLog, trust, clock } = harness.dependencies
    const key = harness.keys.ledger
    const ingest = await Ingest.start({ eventLog, store, clock, trust, log: LOG_NAME, key, opening: OPENING })
    return new ApprovalStage({ harness, store, ingest, directory, policy })
  }

  /** A gateway run on the same log. */
  gateway(name = 'files'): GatewayRun {
    const { eventLog, keys, dependencies } = this.harness
    const run = startGateway({
      ...{ eventLog, clock: systemClock(), log: LOG_NAME, writer: `gateway/${name}`, server: name },
      ...{ key: keys.gateway, deploymentKey: Buffer.alloc(32, 7), trust: dependencies.trust, opening: OPENING },
      record: { arguments: 'redacted', results: 'commitment', maxBytes: 65_536, redact: [] },
      need: NO_CONTROL,
      policy: this.#policy,
      facts: { realPath: lookUpRealPath, remote: true },
      ...{ pinStore: NO_PIN_STORE, catalogue: new Catalogue(), randomBytes, warn: () => undefined },
    })
    this.#runs.push(run)
    return run
  }

  /** Ends everything. */
  async close(): Promise<void> {
    await Promise.all(this.#runs.map((run) => run.stop()))
    await this.#ingest.stop()
    await this.harness.close()
    await this.store.close()
    await rm(this.#directory, { recursive: true, force: true })
  }
}
