// `rateLimit` and `budget`: what a rule lets through within a time. Pure: counters are read here and changed by whoever
// acts on the decision, by the charges that it carries. Amounts are whole millionths, so that sums are exact.

import { recordedName } from '../method-table.ts'
import type { CallNames } from './rule-index.ts'

/** Whose calls one counter counts. */
export type LimitBy = 'session' | 'principal' | 'tool'

/** A limit of a rule, ready to check. */
export interface Limit {
  readonly type: 'rate_limit' | 'budget'
  /** Milliseconds back from now that count. */
  readonly windowMs: number
  readonly by: LimitBy
  /** Most calls, or most of the amount, in millionths. */
  readonly max: number
  /** The argument whose amounts add up, as key segments; undefined for calls. */
  readonly argument: readonly string[] | undefined
  /** As in the file, for texts: `30 calls in 60s`. */
  readonly text: string
}

/** What a call adds to a counter once it is let through. */
export interface Charge {
  readonly counter: string
  readonly windowMs: number
  readonly amount: number
}

/** What counters say; written by nobody while a decision reads them. */
export interface CounterView {
  /** The sum of what was charged to a counter within a window before `nowMs`; infinite where it isn't known. */
  readonly used: (counter: string, windowMs: number, nowMs: number) => number
}

/** Whose call it is. */
export interface LimitedCall extends CallNames {
  readonly session?: string | undefined
  /** Every session seen on the connection: a new session id does not open a new account. */
  readonly sessions?: readonly string[] | undefined
  readonly argumentsValue: unknown
}

/** What a limit says of a call: what it will cost, or why it may not pass. */
export type LimitFinding =
  | { readonly charge: Charge }
  | { readonly reason: 'rate_limit' | 'budget' | 'constraint_argument'; readonly problem: string }

/** Millionths in one: finer amounts are rounded up. */
const MILLIONTHS = 1_000_000

/** An amount in millionths; undefined where it is no number that can be counted exactly. */
export function toMillionths(amount: unknown): number | undefined {
  if (typeof amount !== 'number' || !(amount >= 0)) return undefined
  const scaled = amount * MILLIONTHS
  const nearest = Math.round(scaled)
  const millionths = Math.abs(scaled - nearest) <= nearest * Number.EPSILON * 4 ? nearest : Math.ceil(scaled)
  return Number.isSafeInteger(millionths) ? millionths : undefined
}

/** The name of the counter of one rule's limit for one session, principal or tool. */
export function counterName(rule: string, { type, by }: Pick<Limit, 'type' | 'by'>, whose: string): string {
  return `${type} ${by} ${JSON.stringify([rule, whose])}`
}

/** Whose counter a call is charged to; undefined where it has no session. An event names no method: its `tool` says it. */
export function accountOf(
  by: LimitBy,
  call: Pick<LimitedCall, 'server' | 'tool' | 'principal' | 'session' | 'method'>,
): string | undefined {
  switch (by) {
    case 'session':
      return call.session
    case 'principal':
      return call.principal
    case 'tool':
      return JSON.stringify([call.server, recordedName(call.method ?? 'tools/call', call.tool)])
  }
}

/** Checks one limit of a rule. */
export function checkLimit(
  rule: string,
  limit: Limit,
  { call, counters, nowMs }: { readonly call: LimitedCall; readonly counters: CounterView; readonly nowMs: number },
): LimitFinding {
  const account = accountOf(limit.by, call)
  if (account === undefined)
    return { reason: limit.type, problem: 'the call has no session, and the rule counts by session' }
  const amount = limit.argument === undefined ? 1 : toMillionths(findArgument(call.argumentsValue, limit.argument))
  if (amount === undefined)
    return {
      reason: 'constraint_argument',
      problem: `${limit.argument?.join('.')} is not an amount that can be counted`,
    }
  const accounts = limit.by === 'session' ? new Set([account, ...(call.sessions ?? [])]) : [account]
  let used = 0
  for (const each of accounts) used += counters.used(counterName(rule, limit, each), limit.windowMs, nowMs)
  if (used === Number.POSITIVE_INFINITY)
    return { reason: limit.type, problem: `what was used of ${limit.text} is not known yet` }
  if (used + amount > limit.max) return { reason: limit.type, problem: `over the limit of ${limit.text}` }
  return { charge: { counter: counterName(rule, limit, account), windowMs: limit.windowMs, amount } }
}

/** The value of an argument by its key segments; undefined where there is none. */
export function findArgument(value: unknown, segments: readonly string[]): unknown {
  let found = value
  for (const segment of segments) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, segment)) return undefined
    found = Reflect.get(found, segment)
  }
  return found
}
