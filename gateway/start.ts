// A gateway run without its transport: chain, control, policy and gate put together from what the command line gives.
import { ChainWriter } from '../events/chain-writer.ts'
import { ControlReader, type RefusedControl } from '../events/control-reader.ts'
import type { ControlRecord, ControlState } from '../events/control-record.ts'
import { describeError, ToolwardenError } from '../events/errors.ts'
import type { KeyPair } from '../events/keys.ts'
import type { EventLog } from '../events/log.ts'
import type { SignalOptions } from '../events/signals.ts'
import { Spool } from '../events/spool.ts'
import type { Clock } from '../events/time.ts'
import type { ToolClass } from '../events/tool-class.ts'
import type { Trust } from '../events/trust.ts'
import { ruleProblem } from './adaptive-rules.ts'
import { Approvals } from './approvals.ts'
import { CallGate } from './call-gate.ts'
import type { Catalogue } from './catalogue.ts'
import type { ControlNeed } from './control.ts'
import { Counters } from './counters.ts'
import { EarlierRuns } from './earlier-runs.ts'
import { Escalation } from './escalation.ts'
import { foldHistory, historyWindowMs } from './fold-history.ts'
import type { HoldLane } from './hold-lane.ts'
import { pause } from './pause.ts'
import { type ListingTaker, type PinStore, Pins } from './pins.ts'
import type { DecisionFacts } from './policy/decision.ts'
import { pinningFor } from './policy/pinning.ts'
import type { Policy } from './policy/policy.ts'
import { findAcceptance, type PolicyGuard, policyAtStart } from './policy-guard.ts'
import { PolicyInForce, type PolicyKeeper } from './policy-in-force.ts'
import { Recorder, type RecordSettings } from './recorder.ts'
import { UnknownOutcomes } from './unknown-outcomes.ts'

/** How long the first decision waits for `control`, and for what earlier runs used; then it is made without. */
const CONTROL_WAIT_MS = 5_000
/** How long after a failure the events of earlier runs are read again. */
const FOLD_RETRY_MS = 1_000
/** The most refused control records that one run reports. */
const MAX_REFUSED = 100

/** What a gateway run is made of. */
export interface GatewayOptions {
  readonly eventLog: EventLog
  readonly clock: Clock
  /** Where receipts go that the log does not take, and what dead runs of this writer have left; without it answers wait. */
  readonly spool?: { readonly root: string; readonly maxBytes: number }
  readonly log: string
  /** `gateway/<name>`. */
  readonly writer: string
  readonly server: string
  readonly key: KeyPair
  readonly deploymentKey: Buffer
  /** Own domains, and what counts as addressing an agent. */
  readonly signals?: SignalOptions
  readonly configuredClass?: (tool: string) => ToolClass | undefined
  /** Of the whole process; without it no call waits for a verdict. */
  readonly holdLane?: HoldLane
  readonly trust: Trust
  readonly opening: { readonly software: string; readonly configuration: string }
  readonly record: RecordSettings
  readonly need: ControlNeed
  /** Undefined where no valid policy could be loaded: every call is denied. */
  readonly policy: Policy | undefined
  /** Present where a policy that may allow more than the last one has to be accepted. */
  readonly policyGuard?: PolicyGuard | undefined
  readonly facts: Omit<DecisionFacts, 'nowMs'>
  /** Where definitions are kept between runs. */
  readonly pinStore: PinStore
  /** The tools of all servers of this process. */
  readonly catalogue: Catalogue
  readonly randomBytes: (size: number) => Buffer
  /** For people. */
  readonly warn: (text: string) => void
}

/** A gateway run that a transport can use. */
export interface GatewayRun {
  readonly gate: CallGate
  readonly recorder: Recorder
  readonly pins: ListingTaker
  readonly chain: string
  /** Takes another policy, or the news that one can't be loaded; either is recorded. */
  readonly policy: PolicyKeeper
  /** Ends the run's chain and stops following control; the event log is the caller's to close. */
  readonly stop: () => Promise<void>
}

/** Starts a run; nothing waits for the log here, so that a client's `initialize` is not held up. */
export function startGateway(given: GatewayOptions): GatewayRun {
  const atStart = policyAtStart(given.policy, given.policyGuard)
  const options = { ...given, policy: atStart.inForce }
  const { eventLog, clock, log, trust, warn } = options
  const { deploymentKey } = options
  const { chainWriter, spool, recorder } = startChain(options)
  const fail = (error: unknown): void => {
    if (!(error instanceof ToolwardenError) || error.code !== 'CHAIN_CLOSED') warn(describeError(error))
  }
  const approvals = new Approvals(clock)
  const escalation = new Escalation({ recorder, approvals, deploymentKey, fail })
  const onRefused = reportRefused(options, recorder, fail)
  const onApplied = (record: ControlRecord): void => {
    if (record.kind === 'state') hearVerdicts(options, record.state)
    const problem = findControlProblem(record, approvals, clock.nowMicros())
    if (problem !== undefined) onRefused(problem)
    if (record.kind === 'event' && record.event.type === 'policy/accepted') inForce.look()
  }
  const reader = new ControlReader({ eventLog, log, trust, clock, onApplied, onRefused, onTrouble: fail })
  const control = withTimeout(reader.start(), CONTROL_WAIT_MS).catch(fail)
  chainWriter.open().catch(fail)
  const earlierRuns = new EarlierRuns({ ...options, chainWriter, spool, spoolRoot: options.spool?.root, fail })
  const { counters, unknown, folded, ...folding } = startFolding(options, chainWriter.chain, fail)
  const inForce = new PolicyInForce({
    ...{ policy: options.policy, held: atStart.held, guard: options.policyGuard },
    protection: options.facts.protection,
    server: options.server,
    note: (draft) => recorder.note(draft).catch(fail),
    findAcceptance: (change) =>
      findAcceptance(reader.view, { server: options.server, change, nowMicros: clock.nowMicros() }),
    warn,
  })
  // What was accepted while this gateway did not run.
  control.then(() => inForce.look()).catch(fail)
  const pins = createPins(options, { recorder, policyOf: () => inForce.policy, reader, controlRead: control, fail })
  const gate = new CallGate({
    recorder,
    clock,
    deploymentKey,
    ...(options.signals === undefined ? {} : { signals: options.signals }),
    ...(options.configuredClass === undefined ? {} : { configuredClass: options.configuredClass }),
    ...(options.holdLane === undefined ? {} : { holdLane: options.holdLane }),
    ready: Promise.all([control, pins.ready, Promise.race([folded, pause(CONTROL_WAIT_MS)])]).then(() => undefined),
    control: () => reader.view,
    counters,
    unknown,
    escalation,
    newBasis: () => ({
      policy: inForce.policy,
      need: options.need,
      pins: pins.book,
      facts: { nowMs: Math.floor(clock.nowMicros() / 1000), ...options.facts, protection: inForce.protection },
    }),
  })
  const stop = async (): Promise<void> => {
    folding.stop()
    escalation.end()
    await reader.stop()
    await earlierRuns.end()
    await chainWriter.close()
    await spool?.end(chainWriter.isWhole)
  }
  return { gate, recorder, pins, chain: chainWriter.chain, policy: inForce, stop }
}

interface PinsMeans {
  readonly recorder: Recorder
  readonly policyOf: () => Policy | undefined
  readonly reader: ControlReader
  readonly controlRead: Promise<void>
  readonly fail: (error: unknown) => void
}

function createPins(
  { server, pinStore, catalogue, clock }: GatewayOptions,
  { recorder, policyOf, reader, controlRead, fail }: PinsMeans,
): Pins {
  return new Pins({
    ...{ server, store: pinStore, catalogue, controlRead, fail },
    note: (draft) => recorder.note(draft),
    nowMs: () => clock.monotonicMicros() / 1000,
    // Without a policy nothing is trusted by being seen.
    mode: () =>
      pinningFor(policyOf() ?? { pinning: [{ server: undefined, mode: 'enforce', held: 'deny' }] }, server).mode,
    control: () => reader.view,
  })
}

interface StartedChain {
  readonly chainWriter: ChainWriter
  readonly spool: Spool | undefined
  readonly recorder: Recorder
}

function startChain(options: GatewayOptions): StartedChain {
  const { eventLog, clock, log, writer, key, policy, deploymentKey, randomBytes, record } = options
  const opening = { ...options.opening, ...(policy === undefined ? {} : { policy: policy.hash }) }
  const spool = options.spool === undefined ? undefined : new Spool({ ...options.spool, writer })
  const chainWriter = new ChainWriter({ eventLog, spool, clock, log, writer, key, opening })
  const recorder = new Recorder({ chainWriter, settings: record, deploymentKey, randomBytes })
  return { chainWriter, spool, recorder }
}

interface StartedFold {
  readonly counters: Counters
  readonly unknown: UnknownOutcomes
  /** Resolves when it is known what earlier runs used. */
  readonly folded: Promise<void>
  readonly stop: () => void
}

function startFolding(options: GatewayOptions, ownChain: string, fail: (error: unknown) => void): StartedFold {
  const { policy } = options
  const unknown = new UnknownOutcomes()
  const folding = new AbortController()
  const stop = (): void => folding.abort()
  if (policy === undefined || historyWindowMs(policy) === 0)
    return { counters: new Counters({ isKnown: true }), unknown, folded: Promise.resolve(), stop }
  const counters = new Counters({ isKnown: false })
  const folded = foldEarlierRuns({ ...options, policy, counters, unknown, fail, signal: folding.signal, ownChain })
  return { counters, unknown, folded, stop }
}

interface Folding extends GatewayOptions {
  readonly ownChain: string
  readonly policy: Policy
  readonly counters: Counters
  readonly unknown: UnknownOutcomes
  readonly fail: (error: unknown) => void
  readonly signal: AbortSignal
}

/** Until it succeeds, calls under a limit are denied: what was used of it is not known. */
async function foldEarlierRuns({ counters, unknown, fail, signal, clock, ...options }: Folding): Promise<void> {
  while (!signal.aborted) {
    try {
      const nowMs = Math.floor(clock.nowMicros() / 1000)
      return counters.adopt(await foldHistory({ ...options, nowMs }, unknown))
    } catch (error) {
      if (signal.aborted) return
      fail(error)
      await pause(FOLD_RETRY_MS)
    }
  }
}

/** Positions of those whose freshness the gateway goes by, and of nobody else. */
function hearVerdicts({ holdLane, need }: GatewayOptions, { writer, judged }: ControlState): void {
  if (judged !== undefined && need.writers.includes(writer)) holdLane?.judged(judged)
}

/** What of a trusted writer is not honoured, so that the record says so: a rule out of bounds, an answer to another question. */
function findControlProblem(
  record: ControlRecord,
  approvals: Approvals,
  nowMicros: number,
): RefusedControl | undefined {
  if (record.kind !== 'event') return undefined
  const { event, subject, hash: digest } = record
  const reason =
    event.type === 'rule/added'
      ? ruleProblem(event, nowMicros)
      : event.type === 'approval/verdict'
        ? approvals.answer(event, digest)
        : undefined
  return reason === undefined ? undefined : { subject, reason, digest }
}

function reportRefused(
  { server }: GatewayOptions,
  recorder: Recorder,
  fail: (error: unknown) => void,
): (refused: RefusedControl) => void {
  const seen = new Set<string>()
  return (refused) => {
    if (seen.size >= MAX_REFUSED || seen.has(refused.digest)) return
    seen.add(refused.digest)
    recorder.note({ type: 'control/refused', server, ...refused }).catch(fail)
  }
}

async function withTimeout(work: Promise<void>, millis: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new ToolwardenError('LOG_UNAVAILABLE', `control could not be read within ${millis} ms`, { retriable: true }),
        ),
      millis,
    )
  })
  await Promise.race([work, late]).finally(() => clearTimeout(timer))
}
