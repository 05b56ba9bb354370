// The real command line gateway in a data directory of its own, before the echo server; and the same server without it.
// Events are read back from the log's files and checked as every reader checks them.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openInstallation } from '../../cli/installation.ts'
import { verifyRecords } from '../../events/chain-verifier.ts'
import type { Event, EventOf, EventType } from '../../events/event.ts'
import { FileLog } from '../../events/file-log.ts'
import type { StoredRecord } from '../../events/log.ts'
import { Trust } from '../../events/trust.ts'
import { RawClient } from './raw-client.ts'

const compiled = join(import.meta.dirname, '..', '..')
const cli = join(compiled, 'cli', 'main.js')
const echoServer = join(compiled, 'test', 'support', 'echo-server.js')

/** Denies `denied_*`, asks for `asked_*` (held for a second), allows the rest. */
export const TEST_POLICY = `version: "1"
default: allow
rules:
  - { id: no, tool: "denied_*", action: deny }
  - { id: ask, tool: "asked_*", action: escalate, approval: { hold: 1s } }
`

const PATIENCE_MS = 20_000
const POLL_MS = 10

/** How to start a gateway. */
export interface GatewayStart {
  /** The server's command; the echo server with `serverOptions` unless given. */
  readonly command?: readonly string[]
  readonly serverOptions?: readonly string[]
  readonly flags?: readonly string[]
  readonly environment?: NodeJS.ProcessEnv
}

/** One data directory, and the processes that were started on it. */
export class StdioHarness {
  readonly directory = mkdtempSync(join(tmpdir(), 'toolwarden-stdio-'))
  readonly data = join(this.directory, 'data')
  readonly policyFile = join(this.directory, 'policy.yaml')
  /** What the server received, byte for byte. */
  readonly serverLog = join(this.directory, 'server.log')
  readonly #clients: RawClient[] = []

  constructor(policy: string = TEST_POLICY) {
    writeFileSync(this.policyFile, policy)
    writeFileSync(this.serverLog, '')
  }

  /** The command line of a gateway before the server. */
  gatewayCommand(start: GatewayStart = {}): readonly string[] {
    const flags = ['--policy', this.policyFile, '--name', 'echo', ...(start.flags ?? [])]
    return [process.execPath, cli, 'gateway', ...flags, '--', ...this.#server(start)]
  }

  /** A client of the server through a gateway. */
  gateway(start: GatewayStart = {}): RawClient {
    return this.#start(this.gatewayCommand(start), start)
  }

  /** A client of the same server without a gateway. */
  direct(start: GatewayStart = {}): RawClient {
    return this.#start(this.#server(start), start)
  }

  /** What the server received. */
  get served(): Buffer {
    return readFileSync(this.serverLog)
  }

  /** Every event in the log, checked: nothing but accepted events. */
  async events(): Promise<readonly Event[]> {
    // A gateway that has only just been started has none yet.
    if (!existsSync(join(this.data, 'installation', 'installation.json'))) return []
    const { log, trust } = await openInstallation(this.data)
    const records = await this.#records()
    const { verdicts } = verifyRecords(records, {
      log,
      trust: new Trust(trust),
      headOf: () => undefined,
      hashAt: () => undefined,
    })
    return verdicts.map((verdict) => {
      assert.equal(verdict.outcome, 'accepted', 'reason' in verdict ? verdict.reason : '')
      assert.ok(verdict.outcome === 'accepted' && verdict.attachmentProblem === undefined && verdict.gap === undefined)
      return verdict.event
    })
  }

  /** Every event of one type. */
  async eventsOf<Type extends EventType>(type: Type): Promise<readonly EventOf<Type>[]> {
    const events = await this.events()
    return events.filter((event): event is EventOf<Type> => event.type === type)
  }

  /** Resolves when something holds. */
  async until(holds: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS
    while (!(await holds())) {
      assert.ok(Date.now() < deadline, 'waited for too long')
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  /** Ends what still runs and removes the directory. */
  async remove(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.abandon()))
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 })
  }

  #server({ command, serverOptions = [] }: GatewayStart): readonly string[] {
    return command ?? [process.execPath, echoServer, '--log', this.serverLog, ...serverOptions]
  }

  #start(command: readonly string[], { environment = {} }: GatewayStart): RawClient {
    const client = new RawClient(command, { ...process.env, TOOLWARDEN_DATA: this.data, ...environment })
    this.#clients.push(client)
    return client
  }

  async #records(): Promise<readonly StoredRecord[]> {
    const log = new FileLog({ root: join(this.data, 'log'), durability: 'process' })
    const records: StoredRecord[] = []
    const take = (batch: readonly StoredRecord[]): void => void records.push(...batch)
    const subscription = await log.subscribe('events', { from: 'beginning' }, take)
    await subscription.caughtUp
    await subscription.stop()
    await log.close()
    return records
  }
}
