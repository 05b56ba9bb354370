// `toolwarden policy diff`: what changed between two policies, rule by rule, and with --history which recorded calls the
// second one decides otherwise than the first. Exit code 0 no difference, 1 some.

import { visible } from '../events/visible.ts'
import type { Action } from '../gateway/policy/policy.ts'
import { diffPolicies, type PolicyChange } from '../gateway/policy/policy-diff.ts'
import { listWidenings, type Widening } from '../gateway/policy/widenings.ts'
import { EXIT_FOUND } from './exit-code.ts'
import { loadPolicyFile } from './policy-file.ts'
import { PolicyReplay } from './policy-replay.ts'
import { readRoots } from './policy-replay-command.ts'
import { type HistoryFlags, openRecordedCalls } from './recorded-calls.ts'

/** Options as commander gives them. */
export interface DiffFlags extends Omit<HistoryFlags, 'history'> {
  /** A file or directory of recorded calls; `true` for the ledger. */
  readonly history?: string | true
  readonly root?: readonly string[]
  readonly json?: boolean
}

/** Most kinds of changed calls that are counted apart; the others together. */
const MAX_KINDS = 10_000
const SHOWN_KINDS = 40
const OTHERS = '(others)'

interface CallChange {
  readonly tool: string
  readonly from: Action
  readonly to: Action
  readonly rule: string
  readonly calls: number
}

interface HistoryDiff {
  readonly history: string
  readonly calls: number
  /** Calls that need arguments which were not recorded: not compared. */
  readonly undecided: number
  readonly changed: number
  readonly kinds: readonly CallChange[]
}

/** Compares and returns the exit code. Throws POLICY_INVALID, USAGE, and what reading the history throws. */
export async function runPolicyDiff(before: string, after: string, flags: DiffFlags): Promise<number> {
  const nowMs = Date.now()
  const [old, now] = [loadPolicyFile(before, nowMs), loadPolicyFile(after, nowMs)]
  const rules = diffPolicies(old, now)
  const widenings = listWidenings(old, now)
  const options = { rootOf: readRoots(flags.root) }
  const replays = { before: new PolicyReplay(old, options), after: new PolicyReplay(now, options) }
  const history = flags.history === undefined ? undefined : await diffHistory(replays, flags)
  if (flags.json === true) print(JSON.stringify({ before: old.hash, after: now.hash, rules, widenings, history }))
  else
    print(
      [...describeRules(rules, widenings), ...(history === undefined ? [] : describeHistory(history))]
        .map(visible)
        .join('\n'),
    )
  return rules.length > 0 || (history?.changed ?? 0) > 0 ? EXIT_FOUND : 0
}

async function diffHistory(
  { before, after }: { readonly before: PolicyReplay; readonly after: PolicyReplay },
  { history, ...flags }: DiffFlags,
): Promise<HistoryDiff> {
  const recorded = await openRecordedCalls({ ...flags, ...(typeof history === 'string' ? { history } : {}) })
  const kinds = new Map<string, CallChange>()
  let [calls, undecided, changed] = [0, 0, 0]
  for await (const batch of recorded.batches)
    for (const call of batch) {
      const [was, is] = [before.take(call), after.take(call)]
      calls += 1
      if (was.type === 'undecided' || is.type === 'undecided') undecided += 1
      else if (was.decision !== is.decision) {
        changed += 1
        const kind = { from: was.decision, to: is.decision, tool: `${call.server}/${call.tool}`, rule: is.rule }
        const isNew = !kinds.has(JSON.stringify(kind))
        const counted = isNew && kinds.size >= MAX_KINDS ? { ...kind, tool: OTHERS, rule: OTHERS } : kind
        const key = JSON.stringify(counted)
        kinds.set(key, { ...counted, calls: (kinds.get(key)?.calls ?? 0) + 1 })
      }
    }
  const sorted = [...kinds.values()].sort((a, b) => b.calls - a.calls)
  return { history: recorded.where, calls, undecided, changed, kinds: sorted }
}

function describeRules(changes: readonly PolicyChange[], widenings: readonly Widening[]): readonly string[] {
  if (changes.length === 0) return ['the rules are the same']
  return [
    ...changes.flatMap(describeChange),
    widenings.length === 0 ? 'nothing is allowed that was not' : 'this may allow more than before:',
    ...widenings.map(({ rule, why }) => `  ${rule}: ${why}`),
  ]
}

function describeChange(change: PolicyChange): readonly string[] {
  switch (change.type) {
    case 'added':
      return [`+ ${change.rule} (${change.action}), as rule ${change.place + 1}`]
    case 'removed':
      return [`- ${change.rule} (${change.action}), was rule ${change.place + 1}`]
    case 'moved':
      return [`~ ${change.rule} is rule ${change.place + 1} now: it stands before or behind others than it did`]
    case 'changed':
      return [
        `~ ${change.rule}`,
        ...change.keys.map(({ key, before, after }) => `    ${key}: ${before ?? '(none)'} -> ${after ?? '(none)'}`),
      ]
    case 'default':
    case 'observeUntil':
      return [`~ ${change.type === 'default' ? 'default' : 'observing'}: ${change.before} -> ${change.after}`]
  }
}

function describeHistory({ history, calls, undecided, changed, kinds }: HistoryDiff): readonly string[] {
  return [
    `${changed} of ${calls} calls of ${history} are decided otherwise`,
    ...(undecided === 0 ? [] : [`  ${undecided} could not be decided: their arguments were not recorded whole`]),
    ...kinds
      .slice(0, SHOWN_KINDS)
      .map(
        ({ calls: count, from, to, tool, rule }) =>
          `  ${String(count).padStart(9)}  ${from} -> ${to}  ${tool}  by ${rule}`,
      ),
    ...(kinds.length > SHOWN_KINDS ? [`  … ${kinds.length - SHOWN_KINDS} more kinds (--json)`] : []),
  ]
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
