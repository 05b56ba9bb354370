// D11, the part that speaks from events alone: forged and replayed control records, quarantined records, forks, gaps that
// stay open, writers that fall silent, a verification that fails, a receipt after a deny, a decide without its propose. What may only be out of sight is not held against anyone.
import type { Event, EventOf } from '../events/event.ts'
import { type BoundedMap, dropValue, emptyMap, findValue, putValue } from './bounded-map.ts'
import { withNewest } from './call-book.ts'
import type { Detector, Finding, Observation, ObservedEvent } from './detector.ts'
import { type GapState, observeGaps } from './open-gaps.ts'
import type { DetectorSettings } from './settings.ts'

/** Calls and chains that are remembered. */
const MAX_CALLS = 20_000
const MAX_CHAINS = 2_000

/** What became of one call so far. */
interface CallRecord {
  readonly call: string
  readonly stage: 'proposed' | 'allowed' | 'refused'
  /** Hashes of its propose and decide, as far as they were seen. */
  readonly hashes: readonly string[]
}

/** What the detector remembers. */
export interface IntegrityState {
  /** By the hash that the next event of the call names as its parent. */
  readonly calls: BoundedMap<CallRecord>
  /** Chains read from their first event on, without a gap: only there is a missing event known to be missing. */
  readonly whole: BoundedMap<true>
  readonly gaps: GapState
}

type Settings = DetectorSettings['integrity']

/** The integrity detector. */
export function createIntegrity(settings: Settings): Detector<IntegrityState> {
  return {
    name: 'integrity',
    version: 1,
    initialState: { calls: emptyMap(), whole: emptyMap(), gaps: [] },
    observe: (state, observed, nowMs) => {
      const whole = noteChain(state.whole, observed, nowMs)
      const gaps = observeGaps(state.gaps, observed, { nowMs, settings })
      const judged = judge({ calls: state.calls, whole, gaps: gaps.state }, observed, { nowMs, settings })
      return gaps.findings.length === 0
        ? judged
        : { state: judged.state, findings: [...gaps.findings, ...judged.findings] }
    },
  }
}

interface Moment {
  readonly nowMs: number
  readonly settings: Settings
}

function judge(state: IntegrityState, observed: ObservedEvent, moment: Moment): Observation<IntegrityState> {
  const { event, hash } = observed
  switch (event.type) {
    case 'authorization/propose':
      return {
        state: remember(state, hash, { call: event.call, stage: 'proposed', hashes: [hash] }, moment),
        findings: [],
      }
    case 'authorization/decide':
      return judgeDecide(state, observed, event, moment)
    case 'authorization/receipt':
      return judgeReceipt(state, observed, event, moment)
    default: {
      const finding = findDirect(event, hash)
      return { state, findings: finding === undefined ? [] : [finding] }
    }
  }
}

function judgeDecide(
  state: IntegrityState,
  { hash, chain }: ObservedEvent,
  event: EventOf<'authorization/decide'>,
  moment: Moment,
): Observation<IntegrityState> {
  const proposed = findValue(state.calls, event.parent)
  const stage = event.decision === 'allow' ? 'allowed' : 'refused'
  const hashes = withNewest(proposed?.hashes ?? [], hash, 10)
  const remembered = remember(state, hash, { call: event.call, stage, hashes }, moment)
  // What became of an escalated call may come after its propose was forgotten.
  const isMissing = proposed === undefined && event.approval === undefined && findValue(state.whole, chain) === true
  if (!isMissing && (proposed === undefined || proposed.call === event.call)) return { state: remembered, findings: [] }
  const what = isMissing
    ? 'was decided without ever having been proposed'
    : 'was decided on the proposal of another call'
  return { state: remembered, findings: [findBrokenCall(event, { what, causes: hashes, moment })] }
}

function judgeReceipt(
  state: IntegrityState,
  { hash }: ObservedEvent,
  event: EventOf<'authorization/receipt'>,
  moment: Moment,
): Observation<IntegrityState> {
  const decided = findValue(state.calls, event.parent)
  // An unknown parent is not evidence: a receipt may close a call of an earlier run, or of long ago.
  if (decided === undefined) return { state, findings: [] }
  const causes = [...decided.hashes, hash]
  if (decided.call !== event.call)
    return {
      state,
      findings: [
        findBrokenCall(event, { what: 'has a receipt that names the decision on another call', causes, moment }),
      ],
    }
  if (decided.stage === 'allowed')
    return { state: { ...state, calls: dropValue(state.calls, event.parent) }, findings: [] }
  if (event.status === 'not_forwarded') return { state, findings: [] }
  const what = `was ${decided.stage === 'refused' ? 'refused' : 'never decided'}, and yet has a result (${event.status})`
  return { state, findings: [findBrokenCall(event, { what, causes, moment })] }
}

function findBrokenCall(
  event: EventOf<'authorization/decide' | 'authorization/receipt'>,
  { what, causes, moment }: { readonly what: string; readonly causes: readonly string[]; readonly moment: Moment },
): Finding {
  const { principal, session, server, tool, writer } = event
  return {
    severity: 'critical',
    score: 1000,
    subject: `calls recorded by ${writer} in session ${session}`,
    scope: { session, principal, server, tool },
    explanation: `Call ${event.call} of ${tool} on server ${server} ${what}. The gateway ${writer} is at fault or is not the one that wrote this.`,
    causes,
    response: {
      scope: { session, principal },
      tool: '*',
      toolClass: 'write',
      action: 'deny',
      lifetimeMs: moment.settings.ruleMinutes * 60 * 1000,
      reason: `the record of ${writer} contradicts itself; writes of this session are paused`,
    },
  }
}

/** What an event says by itself. */
function findDirect(event: Event, hash: string): Finding | undefined {
  const direct = (found: Omit<Finding, 'score' | 'causes'>): Finding => ({ ...found, score: 900, causes: [hash] })
  switch (event.type) {
    case 'control/refused':
      return direct({
        severity: 'high',
        subject: `control record ${event.subject}`.slice(0, 1_000),
        scope: { server: event.server },
        explanation: `The gateway of server ${event.server} did not honour a record on control: ${event.reason}.`,
      })
    case 'policy/held':
      return direct({
        severity: 'high',
        subject: `wider policy of server ${event.server}: ${event.policy.slice(0, 12)}`.slice(0, 1_000),
        scope: { server: event.server },
        explanation: `A policy for server ${event.server} may allow more than the one in force, in ${event.count} way(s); it waits for an admin. First: ${event.widenings[0]?.rule ?? ''}: ${event.widenings[0]?.why ?? ''}. If you expect this: toolwarden policy accept ${event.policy.slice(0, 12)} --reason <why>.`,
      })
    case 'ledger/quarantined':
      return direct({
        severity: 'high',
        subject: `quarantined records in partition ${event.partition}`,
        scope: {},
        explanation: `${event.count} record(s) of partition ${event.partition} were not accepted: ${event.reason}.`,
      })
    case 'ledger/silent':
      return direct({
        severity: 'high',
        subject: `silence of ${event.chain}`,
        scope: {},
        explanation: `The run ${event.chain} fell silent after event ${event.from}: ${event.reason}. It was killed, is cut off from the log, or somebody keeps it from it.`,
      })
    case 'admin/verified':
      return direct({
        severity: event.verdict === 'tampered' ? 'critical' : 'high',
        subject: `verification of the ledger: ${event.verdict}`,
        scope: {},
        explanation: `The verification in the background found ${event.violations} violation(s) in ${event.events} events; ${event.first}`,
      })
    case 'ledger/fork':
      return direct({
        severity: 'critical',
        subject: `fork of chain ${event.chain}`,
        scope: {},
        explanation: `Two different events claim the same place in the chain ${event.chain}, at ${event.from}: ${event.reason}.`,
      })
    default:
      return undefined
  }
}

function remember(state: IntegrityState, hash: string, record: CallRecord, { nowMs }: Moment): IntegrityState {
  return { ...state, calls: putValue(state.calls, hash, record, { nowMs, limit: MAX_CALLS }) }
}

function noteChain(whole: BoundedMap<true>, { chain, event, gap }: ObservedEvent, nowMs: number): BoundedMap<true> {
  if (gap !== undefined) return dropValue(whole, chain)
  const known = event.sequence === 1 || findValue(whole, chain) === true
  return known && event.sequence % TOUCH_EVERY === 1
    ? putValue(whole, chain, true, { nowMs, limit: MAX_CHAINS })
    : whole
}

/** A chain counts as used once in so many events; each time would cost a copy of its bucket. */
const TOUCH_EVERY = 64
