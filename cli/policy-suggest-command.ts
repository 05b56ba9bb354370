// `toolwarden policy suggest`: the least-privilege policy that allows what a history did, printed as YAML.
import { ToolwardenError } from '../events/errors.ts'
import { parsePolicy } from '../gateway/policy/load.ts'
import { createPolicyError } from '../gateway/policy/problems.ts'
import { readRoots } from './policy-replay-command.ts'
import { type HistoryFlags, openRecordedCalls } from './recorded-calls.ts'
import { DEFAULT_MISSED_SHARE, HistoryEvidence } from './suggest/history-evidence.ts'
import { writePolicy } from './suggest/write-policy.ts'

/** Options as commander gives them. */
export interface SuggestFlags extends HistoryFlags {
  readonly root?: readonly string[]
  /** Per cent. */
  readonly missed?: string
  readonly json?: boolean
}

/** Reads the history and prints the policy. Throws USAGE, and what reading the history throws. */
export async function runPolicySuggest(flags: SuggestFlags): Promise<void> {
  const missedShare = readShare(flags.missed)
  const evidence = new HistoryEvidence(readRoots(flags.root))
  const history = await openRecordedCalls(flags)
  for await (const calls of history.batches) for (const call of calls) evidence.add(call)
  const suggestion = evidence.suggest({ missedShare })
  const text = writePolicy(suggestion, history.where)
  // What would not load must not leave as a policy: then this program has a defect, and says which.
  const parsed = parsePolicy(text, { file: 'suggested.yaml' })
  if ('errors' in parsed) throw createPolicyError(parsed.errors)
  const { rules, ...about } = suggestion
  process.stdout.write(
    flags.json === true ? `${JSON.stringify({ ...about, rules: rules.length, policy: text })}\n` : text,
  )
}

function readShare(text: string | undefined): number {
  if (text === undefined) return DEFAULT_MISSED_SHARE
  const percent = /^\d{1,3}(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (percent >= 0 && percent <= 100) return percent / 100
  throw new ToolwardenError('USAGE', `not a percentage: ${JSON.stringify(text)}`, {
    where: '--missed',
    fix: '--missed 2',
  })
}
