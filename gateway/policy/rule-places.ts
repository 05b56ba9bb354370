// Where each rule of a policy stands in its files, for messages that people read.

import type { PolicySource } from './load.ts'
import { type KeyPath, type PolicyProblem, problemAt } from './problems.ts'

/** Says where a rule, by its place in the policy, or one of its keys stands. */
export type RulePlace = (
  rule: number,
  key?: KeyPath,
) => Pick<PolicyProblem, 'where' | 'file' | 'line' | 'column' | 'key'>

/** The places of a policy's rules, in the order in which they are tried. */
export function createRulePlaces(sources: readonly PolicySource[]): RulePlace {
  const rules = sources.flatMap(({ source, content }) => content.rules.map((_, at) => ({ source, at })))
  return (rule, key = []) => {
    const found = rules[rule]
    if (found === undefined) throw new RangeError(`the policy has no rule ${rule}`)
    const { where, file, line, column, key: path } = problemAt(found.source, ['rules', found.at, ...key], '')
    return { where, file, line, column, key: path }
  }
}
