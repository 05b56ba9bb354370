// What a replay adds up to: decisions by rule, tool, principal and reason, what changed against the recorded decisions, and
// what could not be decided. Bounded whatever the history holds.
import type { Action } from '../gateway/policy/policy.ts'
import type { RecordedCall } from '../ledger/recorded-call.ts'
import { decidedThen, type ReplayedDecision, type UndecidedReason, wasHeld } from './policy-replay.ts'

/** Most different rules, tools, principals and kinds of change that are counted by name, each; the others together. */
const MAX_NAMES = 10_000
/** Most changed calls that are listed one by one; all are counted. */
const MAX_LISTED = 1_000
const OTHERS = '(others)'

/** How often each decision fell. */
export interface DecisionCounts {
  readonly allow: number
  readonly deny: number
  readonly escalate: number
  readonly undecided: number
}

/** Counts of one rule, tool, principal or reason. */
export interface NamedCounts extends DecisionCounts {
  readonly name: string
}

/** Calls on which the policy decides otherwise than was decided, of one tool by one rule. */
export interface ChangeKind {
  readonly tool: string
  readonly from: Action
  readonly to: Action
  readonly rule: string
  readonly reason: string
  readonly calls: number
}

/** One changed call. */
export interface ChangedCall extends Omit<ChangeKind, 'calls'> {
  readonly call: string
  readonly time: string
  readonly principal: string
  readonly session: string
}

/** The whole report. */
export interface ReplayReport {
  readonly policy: string
  readonly history: string
  readonly calls: number
  /** Times of the first and the last call. */
  readonly from: string | undefined
  readonly to: string | undefined
  readonly decisions: DecisionCounts
  /** Calls that could not be decided, by what is wrong with their arguments. */
  readonly undecided: Readonly<Partial<Record<UndecidedReason, number>>>
  /** Calls that something else than a policy held back then: not compared. */
  readonly held: number
  /** Calls without a recorded decision: not compared. */
  readonly undecidedThen: number
  readonly byRule: readonly NamedCounts[]
  readonly byTool: readonly NamedCounts[]
  readonly byPrincipal: readonly NamedCounts[]
  readonly byReason: readonly NamedCounts[]
  readonly changed: {
    readonly calls: number
    readonly kinds: readonly ChangeKind[]
    /** The first ones. */
    readonly listed: readonly ChangedCall[]
  }
}

type MutableCounts = { -readonly [Key in keyof DecisionCounts]: number }

/** Adds up a replay, call by call. */
export class ReplayTally {
  readonly #decisions = newCounts()
  readonly #undecided = new Map<UndecidedReason, number>()
  readonly #by = { rule: newTable(), tool: newTable(), principal: newTable(), reason: newTable() }
  readonly #kinds = new Map<string, { kind: Omit<ChangeKind, 'calls'>; calls: number }>()
  readonly #listed: ChangedCall[] = []
  #calls = 0
  #changed = 0
  #held = 0
  #undecidedThen = 0
  #fromMs = Number.POSITIVE_INFINITY
  #toMs = Number.NEGATIVE_INFINITY

  /** Adds one call. */
  add(call: RecordedCall, replayed: ReplayedDecision): void {
    const { rule } = replayed
    const decision = replayed.type === 'decided' ? replayed.decision : 'undecided'
    const tool = `${call.server}/${call.tool}`
    this.#calls++
    this.#fromMs = Math.min(this.#fromMs, call.timeMs)
    this.#toMs = Math.max(this.#toMs, call.timeMs)
    this.#decisions[decision]++
    countIn(this.#by.rule, rule)[decision]++
    countIn(this.#by.tool, tool)[decision]++
    countIn(this.#by.principal, call.principal)[decision]++
    if (replayed.type === 'undecided') {
      this.#undecided.set(replayed.why, (this.#undecided.get(replayed.why) ?? 0) + 1)
      return
    }
    countIn(this.#by.reason, replayed.reason)[decision]++
    const from = decidedThen(call)
    if (wasHeld(call)) this.#held++
    else if (from === undefined) this.#undecidedThen++
    else if (from !== replayed.decision)
      this.#change(call, { tool, from, to: replayed.decision, rule, reason: replayed.reason })
  }

  /** The report so far. */
  report(about: { readonly policy: string; readonly history: string }): ReplayReport {
    return {
      ...about,
      calls: this.#calls,
      from: this.#calls === 0 ? undefined : new Date(this.#fromMs).toISOString(),
      to: this.#calls === 0 ? undefined : new Date(this.#toMs).toISOString(),
      decisions: { ...this.#decisions },
      undecided: Object.fromEntries(this.#undecided),
      held: this.#held,
      undecidedThen: this.#undecidedThen,
      byRule: listTable(this.#by.rule),
      byTool: listTable(this.#by.tool),
      byPrincipal: listTable(this.#by.principal),
      byReason: listTable(this.#by.reason),
      changed: {
        calls: this.#changed,
        kinds: [...this.#kinds.values()]
          .map(({ kind, calls }) => ({ ...kind, calls }))
          .sort((a, b) => b.calls - a.calls || compare(a.tool, b.tool) || compare(a.rule, b.rule)),
        listed: [...this.#listed],
      },
    }
  }

  #change(call: RecordedCall, change: Omit<ChangeKind, 'calls'>): void {
    this.#changed++
    const wanted = JSON.stringify([change.tool, change.from, change.to, change.rule, change.reason])
    const isKnown = this.#kinds.has(wanted) || this.#kinds.size < MAX_NAMES
    const key = isKnown ? wanted : JSON.stringify([change.from, change.to])
    const kind = isKnown ? change : { ...change, tool: OTHERS, rule: OTHERS, reason: OTHERS }
    const known = this.#kinds.get(key) ?? { kind, calls: 0 }
    known.calls++
    this.#kinds.set(key, known)
    if (this.#listed.length >= MAX_LISTED) return
    const { principal, session, timeMs } = call
    this.#listed.push({ call: call.call, time: new Date(timeMs).toISOString(), principal, session, ...change })
  }
}

type Table = Map<string, MutableCounts>

function newTable(): Table {
  return new Map()
}

function newCounts(): MutableCounts {
  return { allow: 0, deny: 0, escalate: 0, undecided: 0 }
}

function countIn(table: Table, wanted: string): MutableCounts {
  const name = table.has(wanted) || table.size < MAX_NAMES ? wanted : OTHERS
  const known = table.get(name)
  if (known !== undefined) return known
  const counts = newCounts()
  table.set(name, counts)
  return counts
}

function listTable(table: Table): readonly NamedCounts[] {
  const total = ({ allow, deny, escalate, undecided }: DecisionCounts): number => allow + deny + escalate + undecided
  return [...table]
    .map(([name, counts]) => ({ name, ...counts }))
    .sort((a, b) => total(b) - total(a) || compare(a.name, b.name))
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
