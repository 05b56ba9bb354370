// The gate that every governed request passes, whatever the transport: decided, recorded durably, and only then forwarded;
// its answer is released only after its receipt is durable. When the log can't take the record, the call is denied.

import type { Json } from '../events/canonical.ts'
import type { SealedEvent } from '../events/chain.ts'
import type { ControlView } from '../events/control-view.ts'
import { argumentsDigest } from '../events/payload.ts'
import { argumentSignals, resultSignals, type SignalOptions, type Signals } from '../events/signals.ts'
import { type Clock, uuidv7 } from '../events/time.ts'
import type { ToolClass } from '../events/tool-class.ts'
import type { Approval } from './approvals.ts'
import { classified } from './configured-class.ts'
import type { CallContext, ConnectionContext } from './context.ts'
import type { Counters, Reservation } from './counters.ts'
import type { Decision, DecisionBasis, ProposedCall } from './decide.ts'
import { type Decided, type Escalation, isStillApproved } from './escalation.ts'
import type { HoldLane } from './hold-lane.ts'
import { closeLate } from './late-commit.ts'
import type { DecisionFacts } from './policy/decision.ts'
import type { Charge } from './policy/limits.ts'
import type { Outcome, Recorder } from './recorder.ts'
import type { ShownDefinition } from './shown-tools.ts'
import { StandingDecision } from './standing-decision.ts'
import type { CallIdentity, UnknownOutcomes } from './unknown-outcomes.ts'
import { unrecorded } from './unrecorded.ts'
import { hasUnsafeNumber } from './unsafe-numbers.ts'
import type { Waiter } from './waiter.ts'

/** The most calls that are decided or awaited at once; more are refused. The chain takes more, so that a receipt has room. */
export const MAX_OPEN_CALLS = 5_000

/** A governed request as the transport read it. */
export interface GovernedRequest {
  readonly connection: ConnectionContext
  readonly method: string
  readonly tool: string
  readonly toolClass: ToolClass
  /** The exact bytes of `arguments`; empty where there are none. */
  readonly argumentsBytes: Buffer
  readonly argumentsValue: unknown
  /** Of a tool call: what the client was shown of its tool. */
  readonly shown?: ShownDefinition
  /** The same at a later moment: a list may come while the call waits. */
  readonly shownNow?: () => ShownDefinition
  /** Digest of the state that a further leg of a call brings back (round-trip.ts). */
  readonly resumes?: string
  readonly sessions: readonly string[]
}

/** A call that was allowed and recorded; it must be settled. */
export interface OpenCall {
  readonly context: CallContext
  /** Hash of the decide that allowed it: what its receipt names as its parent. */
  readonly decideHash: string
  readonly toolClass: ToolClass
  /** Monotonic, microseconds. */
  readonly startedMicros: number
}

/** What the gate says of a request. */
export type Admission =
  | { readonly type: 'forward'; readonly call: OpenCall }
  | {
      readonly type: 'refuse'
      readonly call: string
      readonly decision: Pick<Decision, 'decision' | 'reason' | 'text' | 'rule' | 'adaptiveRule' | 'approval'>
    }

/** What a gate works with. */
export interface CallGateOptions {
  readonly recorder: Recorder
  readonly clock: Clock
  readonly deploymentKey: Buffer
  /** What the deployment says of itself to whoever takes signals. */
  readonly signals?: SignalOptions
  /** What configuration says of a tool's class; undefined where it says nothing. */
  readonly configuredClass?: (tool: string) => ToolClass | undefined
  readonly holdLane?: HoldLane
  readonly newBasis: () => Omit<DecisionBasis, 'control' | 'facts'> & {
    readonly facts: Omit<DecisionFacts, 'counters'>
  }
  readonly control: () => ControlView
  readonly counters: Counters
  readonly unknown: UnknownOutcomes
  readonly escalation: Escalation
  /** Resolves once control has been read, or will not be for now; the first decision waits for it. */
  readonly ready: Promise<void>
}

interface Account {
  readonly reservation: Reservation
  readonly identity: CallIdentity
  /** What let it through, where it needed that. */
  readonly approval: Approval | undefined
}

/** What a transport needs of a gate. */
export type Gate = Pick<CallGate, 'admit' | 'settle'>

/** Decides and records governed requests, and settles those that were forwarded. */
export class CallGate {
  readonly #options: CallGateOptions
  /** Calls that were admitted or are being decided. */
  #open = 0
  /** What each forwarded call was charged, and what makes it the same as another. */
  readonly #accounts = new WeakMap<OpenCall, Account>()

  constructor(options: CallGateOptions) {
    this.#options = options
  }

  /**
   * Resolves once the decision is durable; a request that can't be recorded is refused, never forwarded. One that needs
   * approval is held as long as its waiter waits; without one it is refused until there is an answer.
   */
  async admit(proposed: GovernedRequest, waiter?: Waiter): Promise<Admission> {
    const request = classified(proposed, this.#options.configuredClass)
    const { clock } = this.#options
    const context: CallContext = { call: uuidv7(clock.nowMicros()), tool: request.tool, ...request.connection }
    if (this.#open >= MAX_OPEN_CALLS)
      return refusal(context, {
        decision: 'deny',
        reason: 'too_many_calls',
        text: `${MAX_OPEN_CALLS} calls are under way`,
      })
    this.#open++
    const startedMicros = clock.monotonicMicros()
    let open: OpenCall | undefined
    try {
      await this.#options.ready
      const isUnjudged = (await this.#options.holdLane?.isUnjudged(request)) === true
      const call = { isUnjudged, ...this.#proposed(request, context) }
      const shown = (): ShownDefinition | undefined => request.shownNow?.() ?? call.shown
      const standing = new StandingDecision(call, { basis: () => this.#basis(), shown })
      const decided = await this.#decide({ call, standing }, request, waiter)
      if (decided.type === 'refuse') return this.#refuse(context, decided.decision)
      const { decideHash, reservation, argumentsDigest: digest, approval } = decided
      const { principal, server, tool } = context
      open = { context, decideHash, toolClass: request.toolClass, startedMicros }
      const identity = { principal, server, tool, argumentsDigest: digest }
      this.#accounts.set(open, { reservation, identity, approval })
      return await this.#checkAgain(standing, open)
    } catch (error) {
      // What was settled, even where its receipt was lost, is counted down already.
      if (open === undefined || this.#accounts.delete(open)) return this.#refuse(context, unrecorded(error))
      return refusal(context, unrecorded(error))
    }
  }

  /** Resolves once the receipt is durable; then, and only then, the answer may be released. */
  async settle(
    call: OpenCall,
    outcome: { status: Outcome['status']; resultBytes?: Buffer; resultValue?: unknown; isResultCut?: boolean },
  ): Promise<void> {
    const { recorder, clock } = this.#options
    const { status, resultBytes } = outcome
    const signals = resultBytes === undefined ? undefined : this.#signalsOf(call, outcome)
    const account = this.#accounts.get(call)
    try {
      const receipt = await recorder.receipt(call.context, call.decideHash, {
        status,
        durationMicros: Math.max(0, clock.monotonicMicros() - call.startedMicros),
        ...(resultBytes === undefined ? {} : { resultBytes }),
        ...(signals === undefined ? {} : { signals }),
      })
      await this.#options.holdLane?.returned(call.context, receipt?.event, signals)
    } finally {
      if (this.#accounts.delete(call)) this.#open--
    }
    if (status === 'not_forwarded') account?.reservation.release()
    if (account?.approval !== undefined)
      this.#options.escalation.settled(account.approval, call.context.call, outcome.resultValue)
    if (account !== undefined) this.#options.unknown.take(account.identity, status, clock.nowMicros() / 1000)
  }

  #signalsOf(call: OpenCall, { resultValue, isResultCut }: { resultValue?: unknown; isResultCut?: boolean }): Signals {
    const signals = resultSignals(
      this.#options.deploymentKey,
      call.toolClass,
      resultValue as Json,
      this.#options.signals,
    )
    return isResultCut === true ? { ...signals, truncated: true } : signals
  }

  /** Resolves once the decision is durable. Throws what the log throws; then nothing stays charged. */
  async #decide(
    { call, standing }: { readonly call: ProposedCall; readonly standing: StandingDecision },
    request: GovernedRequest,
    waiter: Waiter | undefined,
  ): Promise<Decided> {
    const { recorder, escalation } = this.#options
    const { context, signals } = call
    const { method, argumentsBytes } = request
    const proposal = { context, method, argumentsBytes, signals }
    const onLateCommit = (late: readonly SealedEvent[]): void => closeLate(this.#options.recorder, context, late)
    const reserve = (charges?: readonly Charge[]): Reservation => this.#reserve(charges)
    const escalated = { waiter, shown: request.shown, resumes: request.resumes }
    const full = standing.decide()
    if (full.decision === 'escalate')
      return escalation.decide({
        ...escalated,
        proposal,
        decision: full,
        decideAgain: () => standing.decide(),
        reserve,
        onLateCommit,
      })
    const { charges, ...decision } = full
    // Nothing waits between the decision and the charge: no other call can be let through on the same room.
    const reservation = decision.decision === 'allow' ? this.#reserve(charges) : undefined
    try {
      const { events } = await recorder.decided(proposal, decision, onLateCommit)
      if (reservation === undefined) return { type: 'refuse', decision }
      const decideHash = events.at(-1)?.hash ?? ''
      return { type: 'allow', decideHash, reservation, argumentsDigest: digestIn(events) }
    } catch (error) {
      reservation?.release()
      throw error
    }
  }

  /** A rule, or a list of tools, may have arrived while the decision was on its way to the log: it counts. An approval still meets an `escalate`. */
  async #checkAgain(standing: StandingDecision, open: OpenCall): Promise<Admission> {
    if (standing.stillAllows) return { type: 'forward', call: open }
    const account = this.#accounts.get(open)
    // Its own charge does not stand against it.
    account?.reservation.release()
    const { charges, ...now } = standing.decide()
    const isApproved = now.decision === 'escalate' && isStillApproved(account?.approval, now)
    if (now.decision === 'allow' || isApproved) {
      if (account !== undefined) this.#accounts.set(open, { ...account, reservation: this.#reserve(charges) })
      return { type: 'forward', call: open }
    }
    await this.settle(open, { status: 'not_forwarded' })
    return refusal(open.context, now)
  }

  #proposed(request: GovernedRequest, context: CallContext): ProposedCall {
    const { deploymentKey, unknown, clock } = this.#options
    const { method, argumentsBytes, argumentsValue, sessions, shown } = request
    const signals = argumentSignals(
      deploymentKey,
      request.toolClass,
      (argumentsValue ?? {}) as Json,
      this.#options.signals,
    )
    const isRepeatOfUnknown = (): boolean =>
      !unknown.isEmpty &&
      unknown.has(
        { argumentsDigest: argumentsDigest(deploymentKey, argumentsBytes), ...context },
        clock.nowMicros() / 1000,
      )
    return {
      context,
      method,
      argumentsValue,
      signals,
      sessions,
      shown,
      isRepeatOfUnknown,
      hasUnsafeNumber: () => hasUnsafeNumber(argumentsBytes),
    }
  }

  #basis(): DecisionBasis {
    const { newBasis, control, counters } = this.#options
    const basis = newBasis()
    return { control: control(), ...basis, facts: { counters, ...basis.facts } }
  }

  #reserve(charges: readonly Charge[] = []): Reservation {
    return this.#options.counters.reserve(charges, Math.floor(this.#options.clock.nowMicros() / 1000))
  }

  #refuse(context: CallContext, decision: Refused): Admission {
    this.#open--
    return refusal(context, decision)
  }
}

function digestIn(events: readonly SealedEvent[]): string {
  const propose = events.find(({ event }) => event.type === 'authorization/propose')?.event
  return propose?.type === 'authorization/propose' ? propose.argumentsDigest : ''
}

type Refused = Extract<Admission, { type: 'refuse' }>['decision']

function refusal({ call }: CallContext, decision: Refused): Admission {
  return { type: 'refuse', call, decision }
}
