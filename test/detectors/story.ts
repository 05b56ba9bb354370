// Tells a detector what happened, without a log: events in, findings out.

import type { Detector, Finding, ObservedEvent } from '../../detectors/detector.ts'
import { restoreState } from '../../detectors/saved-state.ts'
import type { Json } from '../../events/canonical.ts'
import { hashBody, ZERO_HASH } from '../../events/chain.ts'
import { chainOf, checkEvent, type EventDraft } from '../../events/event.ts'
import type { DecisionReason } from '../../events/reason.ts'
import { argumentSignals, resultSignals } from '../../events/signals.ts'
import { formatTime } from '../../events/time.ts'
import { toolClassOf } from '../../events/tool-class.ts'

/** The deployment key of all tests. */
export const DEPLOYMENT_KEY = Buffer.alloc(32, 7)
/** When every story begins, milliseconds. */
export const START_MS = Date.UTC(2026, 10, 22, 13)
const CONNECTION = '019aabcd-0000-7000-8000-000000000001'

/** Who calls what. */
export interface Caller {
  readonly session?: string
  readonly origin?: string
  readonly caller?: string
  readonly principal?: string
  readonly server?: string
  readonly tool?: string
}

/** What a call may be told. */
export interface CallStory extends Caller {
  readonly decision?: 'allow' | 'deny' | 'escalate'
  readonly reason?: DecisionReason
  /** `none` leaves the call open. */
  readonly status?: 'ok' | 'tool_error' | 'not_forwarded' | 'none'
  readonly arguments?: Json
  readonly result?: Json
  readonly resultBytes?: number
  readonly withoutSignals?: boolean
}

/** A finding and the number of the event, from 0, that it came with. */
export type FoundAt = Finding & { readonly index: number }

/** One detector under observation. */
export class Story<State> {
  readonly #detector: Detector<State>
  readonly #chains = new Map<string, { sequence: number; previous: string }>()
  #state: State
  #calls = 0
  events = 0
  nowMs = START_MS
  readonly findings: FoundAt[] = []

  constructor(detector: Detector<State>) {
    this.#detector = detector
    this.#state = detector.initialState
  }

  /** Lets time pass. */
  wait(millis: number): this {
    this.nowMs += millis
    return this
  }

  /** One read of a path. */
  read(path: string, call: CallStory = {}): readonly FoundAt[] {
    return this.call({ tool: 'read_file', arguments: { path }, ...call })
  }

  /** Propose, decide and receipt of one call; returns what was found meanwhile. */
  call(call: CallStory = {}): readonly FoundAt[] {
    const before = this.findings.length
    const { decision = 'allow', status = decision === 'allow' ? 'ok' : 'none' } = call
    const parent = this.decide(this.propose(call), { ...call, decision })
    if (status !== 'none') this.receipt(parent, { ...call, status })
    return this.findings.slice(before)
  }

  /** A proposal; returns its hash and call. */
  propose(call: CallStory = {}): Leg {
    const context = contextOf(call, newUuid(++this.#calls))
    const signals = argumentSignals(DEPLOYMENT_KEY, toolClassOf(context.tool), call.arguments ?? { path: '/a' })
    const hash = this.tell(
      {
        type: 'authorization/propose',
        ...context,
        method: 'tools/call',
        arguments: { bytes: 2, commitment: ZERO_HASH, record: 'commitment' },
        argumentsDigest: hashBody(Buffer.from(JSON.stringify(call.arguments ?? {}))),
        signalsDigest: ZERO_HASH,
      },
      call.withoutSignals === true ? {} : { signals },
    )
    return { hash, call: context.call }
  }

  /** A decision on a proposal. */
  decide({ hash: parent, call: id }: Leg, call: CallStory = {}): Leg {
    const hash = this.tell({
      type: 'authorization/decide',
      ...contextOf(call, id),
      parent,
      decision: call.decision ?? 'allow',
      reason: call.reason ?? 'policy_rule',
      text: '',
      control: { state: 'fresh', revision: 0 },
    })
    return { hash, call: id }
  }

  /** The outcome of a decided call. */
  receipt({ hash: parent, call: id }: Leg, call: CallStory = {}): void {
    const status = call.status === undefined || call.status === 'none' ? 'ok' : call.status
    const context = contextOf(call, id)
    const returned = call.result === undefined ? undefined : resultSignals(DEPLOYMENT_KEY, 'read', call.result)
    this.tell(
      {
        type: 'authorization/receipt',
        ...context,
        parent,
        status,
        ...(call.resultBytes === undefined
          ? {}
          : { result: { bytes: call.resultBytes, commitment: ZERO_HASH, record: 'commitment' as const } }),
        durationMicros: 1,
      },
      returned === undefined ? {} : { signals: returned },
    )
  }

  /** Any event of a writer's chain; returns its hash. */
  tell(
    draft: EventDraft,
    beside: { readonly writer?: string } & Partial<Pick<ObservedEvent, 'signals' | 'gap'>> = {},
  ): string {
    const { writer = 'gateway/files', ...rest } = beside
    const instance = newUuid(0)
    const head = this.#chains.get(writer) ?? { sequence: 0, previous: ZERO_HASH }
    const sequence = (rest.gap?.to ?? head.sequence) + 1
    const place = { v: 1, log: 'test', writer, instance, sequence, previous: head.previous }
    const event = checkEvent({ id: newUuid(sequence), ...draft, ...place, time: formatTime(this.nowMs * 1000) })
    const hash = hashBody(Buffer.from(JSON.stringify(event)))
    this.#chains.set(writer, { sequence, previous: hash })
    this.see({ event, hash, chain: chainOf(event), ...rest })
    return hash
  }

  /** Hands an event to the detector; its state goes through JSON, as in a snapshot. */
  see(observed: ObservedEvent): void {
    const { state, findings } = this.#detector.observe(this.#state, observed, this.nowMs)
    this.#state = isPowerOfTwo(this.events) ? (restoreState(JSON.parse(JSON.stringify(state))) as State) : state
    for (const finding of findings) this.findings.push({ ...finding, index: this.events })
    this.events++
  }

  /** Size of the state as it is saved, bytes. */
  stateBytes(): number {
    return Buffer.byteLength(JSON.stringify(this.#state))
  }
}

/** A leg of a call. */
export interface Leg {
  readonly hash: string
  readonly call: string
}

/** The context of a call's events. */
export function contextOf(
  { session = 's1', origin, caller, principal = 'agent:a', server = 'files', tool = 'read_file' }: Caller,
  call: string,
) {
  return {
    session,
    ...(origin === undefined ? {} : { origin }),
    ...(caller === undefined ? {} : { caller }),
    connection: CONNECTION,
    principal,
    principalSource: 'declared',
    client: 'c',
    server,
    call,
    tool,
  } as const
}

function isPowerOfTwo(count: number): boolean {
  return (count & (count - 1)) === 0
}

function newUuid(counter: number): string {
  return `019aabcd-0000-7000-8000-${counter.toString(16).padStart(12, '0')}`
}
