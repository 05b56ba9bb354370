// The HTTP gateway in this process before the scripted server, on an event log in memory whose appends a test can hold up
// or fail; the events that reached the log are read back as they stand.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type Event, type EventOf, type EventType, parseEvent } from '../../events/event.ts'
import { generateKey, type KeyPair } from '../../events/keys.ts'
import { systemClock } from '../../events/time.ts'
import { Trust } from '../../events/trust.ts'
import { Catalogue } from '../../gateway/catalogue.ts'
import type { Caller } from '../../gateway/http/caller.ts'
import { CallersSeen } from '../../gateway/http/callers-seen.ts'
import { createEndpoint } from '../../gateway/http/create-endpoint.ts'
import { HttpGateway } from '../../gateway/http/http-gateway.ts'
import { HttpUpstream } from '../../gateway/http/http-upstream.ts'
import { type HttpLimits, httpLimits } from '../../gateway/http/limits.ts'
import { QuietSessions } from '../../gateway/http/quiet-sessions.ts'
import type { Upstream } from '../../gateway/http/upstream.ts'
import type { PinStore } from '../../gateway/pins.ts'
import { parsePolicy } from '../../gateway/policy/load.ts'
import { createProtection } from '../../gateway/policy/protect.ts'
import { lookUpRealPath } from '../../gateway/policy/real-path.ts'
import { type GatewayRun, startGateway } from '../../gateway/start.ts'
import { HttpMcpServer } from './http-mcp-server.ts'
import { type FaultHook, MemoryLog, MemoryStorage } from './memory-log.ts'
import { TEST_POLICY } from './stdio-harness.ts'
import { until } from './until.ts'

/** Everybody without a token. */
const ANYBODY: Caller = {
  principal: 'agent:anybody@test',
  principalSource: 'declared',
  tokenId: 'anonymous',
  servers: undefined,
}

/** How to start a gateway. */
export interface HttpStart {
  readonly limits?: Partial<HttpLimits>
  /** Callers by token; with any of them there is nobody without a token. */
  readonly callers?: Readonly<Record<string, Caller>>
  readonly fault?: FaultHook
  /** Text of the policy; TEST_POLICY unless given. */
  readonly policy?: string
  readonly upstream?: (url: URL) => Upstream
  readonly upstreamHeaders?: readonly (readonly [string, string])[]
  readonly dropped?: readonly string[]
  readonly pinStore?: PinStore
  /** Whom the gateway believes; nobody unless given. */
  readonly trust?: Trust
  /** The gateway's own; any unless given. */
  readonly key?: KeyPair
  /** The log's time of the first records, for those who judge by it. */
  readonly logStartMs?: number
}

/** Keeps nothing. */
export const NO_PIN_STORE: PinStore = { load: async () => [], add: async () => undefined }

/** One gateway at `/mcp/test`, its server and its log. */
export class HttpHarness {
  readonly server = new HttpMcpServer()
  readonly failures: unknown[] = []
  readonly #start: HttpStart
  readonly log: MemoryLog
  #gateway: HttpGateway | undefined
  #run: GatewayRun | undefined
  /** `http://127.0.0.1:<port>`. */
  origin = ''

  constructor(start: HttpStart = {}) {
    this.#start = start
    const storage = new MemoryStorage(start.logStartMs)
    this.log = new MemoryLog({ storage, ...(start.fault === undefined ? {} : { fault: start.fault }) })
  }

  get url(): string {
    return `${this.origin}/mcp/test`
  }

  get port(): number {
    return Number(new URL(this.origin).port)
  }

  async start(): Promise<this> {
    const { callers, upstreamHeaders = [], dropped = [] } = this.#start
    const limits = httpLimits.parse(this.#start.limits ?? {})
    const clock = systemClock()
    const fail = (error: unknown): void => void this.failures.push(error)
    const url = new URL(await this.server.start())
    const upstream =
      this.#start.upstream?.(url) ??
      new HttpUpstream({ url, headers: upstreamHeaders, ca: undefined, connectMs: limits.connectMs })
    this.#run = this.#startRun()
    const quietSessions = new QuietSessions(limits.quietMs, () => clock.nowMicros())
    const seen = new CallersSeen(Buffer.alloc(32, 7))
    const parts = { server: 'test', run: this.#run, upstream, limits, clock, quietSessions, seen, dropped, fail }
    this.#gateway = new HttpGateway({
      host: '127.0.0.1',
      port: 0,
      tls: undefined,
      allowedHosts: [],
      allowedOrigins: [],
      callers: { findCaller: async (token) => callers?.[token] },
      anonymous: callers === undefined ? ANYBODY : undefined,
      seen,
      endpoints: new Map([['test', createEndpoint(parts)]]),
      limits,
      fail,
    })
    this.origin = (await this.#gateway.start()).url
    return this
  }

  async stop(): Promise<void> {
    await this.server.stop()
    await this.#gateway?.stop()
    await this.#run?.stop()
    await this.log.close()
  }

  /** The events in the log so far. */
  get events(): readonly Event[] {
    return this.log.storage.records('events').map(({ value }) => parseEvent(value))
  }

  eventsOf<Type extends EventType>(type: Type): readonly EventOf<Type>[] {
    return this.events.filter((event): event is EventOf<Type> => event.type === type)
  }

  /** The status of every receipt, once there are as many. */
  async receipts(count: number): Promise<readonly string[]> {
    await until(() => this.eventsOf('authorization/receipt').length >= count)
    const receipts = this.eventsOf('authorization/receipt')
    assert.equal(receipts.length, count)
    return receipts.map(({ status }) => status)
  }

  #startRun(): GatewayRun {
    const parsed = parsePolicy(this.#start.policy ?? TEST_POLICY, { file: 'policy.yaml' })
    assert.ok('ok' in parsed)
    const protection = createProtection({
      paths: [],
      hosts: [],
      home: '/root',
      workingDirectory: '/',
      realPath: lookUpRealPath,
    })
    return startGateway({
      eventLog: this.log,
      clock: systemClock(),
      log: 'toolwarden/test',
      writer: 'gateway/test',
      server: 'test',
      key: this.#start.key ?? generateKey(),
      deploymentKey: randomBytes(32),
      trust: this.#start.trust ?? new Trust([]),
      opening: { software: 'test', configuration: '0'.repeat(64) },
      record: { arguments: 'full', results: 'full', maxBytes: 1024, redact: [] },
      need: { writers: [], maxAgeMicros: 10_000_000, required: false },
      policy: parsed.ok,
      facts: { realPath: lookUpRealPath, root: undefined, remote: true, protection },
      catalogue: new Catalogue(),
      pinStore: this.#start.pinStore ?? NO_PIN_STORE,
      randomBytes,
      warn: (text) => void this.failures.push(text),
    })
  }
}
