// A call gate over a log in memory whose appends fail as a test wants, with everything else as a gateway has it.
import { ChainWriter } from '../../events/chain-writer.ts'
import { type ControlView, EMPTY_CONTROL } from '../../events/control-view.ts'
import { type Event, type EventOf, type EventType, parseEvent } from '../../events/event.ts'
import { generateKey, type KeyPair } from '../../events/keys.ts'
import { parseHeaders } from '../../events/record.ts'
import type { Rule } from '../../events/rule.ts'
import type { Spool } from '../../events/spool.ts'
import { formatTime, systemClock } from '../../events/time.ts'
import { Approvals } from '../../gateway/approvals.ts'
import { CallGate, type GovernedRequest } from '../../gateway/call-gate.ts'
import type { ControlNeed } from '../../gateway/control.ts'
import { Counters } from '../../gateway/counters.ts'
import { Escalation } from '../../gateway/escalation.ts'
import type { PinBook } from '../../gateway/pin-standing.ts'
import type { Policy } from '../../gateway/policy/policy.ts'
import { lookUpRealPath } from '../../gateway/policy/real-path.ts'
import { Recorder, type RecordSettings } from '../../gateway/recorder.ts'
import { UnknownOutcomes } from '../../gateway/unknown-outcomes.ts'
import { type FaultHook, MemoryLog, MemoryStorage } from './memory-log.ts'

/** The key of the tests' deployment. */
export const DEPLOYMENT_KEY = Buffer.alloc(32, 7)
/** Control that no call waits for. */
export const NO_CONTROL: ControlNeed = { writers: ['detectors/main'], maxAgeMicros: 10_000_000, required: false }

/** Nothing known of any definition. */
export const NO_PINS: PinBook = { first: new Map(), seen: new Map() }

/** A control view in which these rules are live. */
export function viewOf(...rules: readonly Rule[]): ControlView {
  const subjects = rules.map((rule, index) => {
    const subject = `rule/${rule.id}`
    const event = { type: 'rule/added', rule, revision: index + 1 } as unknown as EventOf<'rule/added'>
    return [subject, { subject, revision: index + 1, hash: rule.id, event }] as const
  })
  return { ...EMPTY_CONTROL, subjects: new Map(subjects) }
}

/** A control view in which a scope is stopped, or not any more. */
export function stopOf(scope: string, type: 'switch/stopped' | 'switch/resumed' = 'switch/stopped'): ControlView {
  const event = { type, scope, reason: 'incident 7', by: 'user:ann', revision: 1 } as unknown as EventOf<typeof type>
  const subject = `switch/${scope}`
  return { ...EMPTY_CONTROL, subjects: new Map([[subject, { subject, revision: 1, hash: 'a'.repeat(64), event }]]) }
}

/** A rule that denies every tool to the principal of the tests for ten minutes. */
export function ruleOf(rule: Partial<Rule> = {}, nowMicros: number = Date.now() * 1000): Rule {
  return {
    id: 'a'.repeat(64),
    scope: { principal: 'agent:a@host' },
    tool: '*',
    action: 'deny',
    reason: 'too many reads',
    cause: { events: [] },
    createdAt: formatTime(nowMicros),
    expiresAt: formatTime(nowMicros + 600_000_000),
    ...rule,
  }
}

/** What a bench may be told. */
export interface GateBenchOptions {
  readonly policy: Policy | undefined
  readonly fault?: FaultHook
  readonly record?: Partial<RecordSettings>
  readonly ready?: Promise<void>
  /** The log of an earlier bench. */
  readonly storage?: MemoryStorage
  readonly key?: KeyPair
  readonly spool?: Spool
}

/** One gate, its chain and its log. */
export class GateBench {
  readonly storage: MemoryStorage
  readonly key: KeyPair
  readonly eventLog: MemoryLog
  readonly gate: CallGate
  readonly chainWriter: ChainWriter
  readonly approvals: Approvals
  readonly escalation: Escalation
  /** What the gateway could not record. */
  readonly failures: unknown[] = []
  /** Written by tests: the policy from now on. */
  policy: Policy | undefined
  /** Written by tests: what is known of the server's definitions from now on. */
  pins: PinBook = NO_PINS
  /** Written by tests: what control says from now on. */
  control: ControlView = EMPTY_CONTROL

  constructor({
    policy,
    fault,
    record = {},
    ready = Promise.resolve(),
    storage = new MemoryStorage(),
    key = generateKey(),
    spool,
  }: GateBenchOptions) {
    this.storage = storage
    this.policy = policy
    this.key = key
    const eventLog = new MemoryLog({ storage: this.storage, ...(fault === undefined ? {} : { fault }) })
    this.eventLog = eventLog
    const clock = systemClock()
    this.chainWriter = new ChainWriter({
      eventLog,
      spool,
      clock,
      log: 'test',
      writer: 'gateway/files',
      key: this.key,
      opening: { software: 'test', configuration: '0'.repeat(64) },
      deadlineMs: 30,
      retryMs: 5,
      closeDeadlineMs: 50,
    })
    const settings: RecordSettings = {
      arguments: 'redacted',
      results: 'commitment',
      maxBytes: 65_536,
      redact: [],
      ...record,
    }
    const randomBytes = (size: number): Buffer => Buffer.alloc(size, 9)
    const recorder = new Recorder({
      chainWriter: this.chainWriter,
      settings,
      deploymentKey: DEPLOYMENT_KEY,
      randomBytes,
    })
    this.approvals = new Approvals(clock)
    const fail = (error: unknown): void => void this.failures.push(error)
    this.escalation = new Escalation({ recorder, approvals: this.approvals, deploymentKey: DEPLOYMENT_KEY, fail })
    this.gate = new CallGate({
      recorder,
      escalation: this.escalation,
      clock,
      deploymentKey: DEPLOYMENT_KEY,
      ready,
      control: () => this.control,
      counters: new Counters({ isKnown: true }),
      unknown: new UnknownOutcomes(),
      newBasis: () => ({
        policy: this.policy,
        need: NO_CONTROL,
        pins: this.pins,
        facts: { realPath: lookUpRealPath, remote: true, nowMs: Date.now() },
      }),
    })
  }

  /** Every event that is durable, in order. */
  get events(): readonly Event[] {
    return this.storage.records('events').map(({ value }) => parseEvent(value))
  }

  /** The events of one type. */
  eventsOf<Type extends EventType>(type: Type): readonly EventOf<Type>[] {
    return this.events.filter((event): event is EventOf<Type> => event.type === type)
  }

  /** The recorded bytes beside the only event of a type: what stands behind the salt. */
  recordedBeside(type: EventType): string {
    const record = this.storage.records('events').find(({ value }) => parseEvent(value).type === type)
    const payload = record === undefined ? undefined : parseHeaders(record).payload
    return payload?.subarray(32).toString() ?? ''
  }
}

/** A call of `read_file` with these argument bytes. */
export function requestOf(argumentsText = '{"path":"/a"}', tool = 'read_file'): GovernedRequest {
  return {
    connection: {
      session: 's',
      connection: '00000000-0000-7000-8000-000000000000',
      principal: 'agent:a@host',
      principalSource: 'declared',
      client: 'inspector/1',
      server: 'files',
    },
    method: 'tools/call',
    tool,
    toolClass: 'read',
    argumentsBytes: Buffer.from(argumentsText),
    argumentsValue: JSON.parse(argumentsText),
    sessions: ['s'],
  }
}
