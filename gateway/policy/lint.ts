// What is odd about a policy that loads: rules that no call reaches, constraints that hold nobody, patterns that nothing
// meets, and, where the tools of the servers are known, rules that speak of none of them. It finds what it can prove.

import { lintConstraints } from './lint-constraints.ts'
import { lintTools, type SeenTool } from './lint-tools.ts'
import type { PolicySource } from './load.ts'
import type { Policy, Rule } from './policy.ts'
import { byPlace, type KeyPath, type PolicyProblem } from './problems.ts'
import { canMatch, takesAll } from './reach.ts'
import { createRulePlaces } from './rule-places.ts'

/** How much a finding matters: an error keeps the policy from loading, a warning is most likely a mistake. */
export type LintLevel = 'error' | 'warning' | 'note'

/** What one check found in a rule. */
export interface RuleFinding {
  readonly level: LintLevel
  /** The check, as docs/policy.md lists it. */
  readonly check: string
  /** Below the rule. */
  readonly key: KeyPath
  readonly message: string
}

/** A finding with its place. */
export type LintFinding = PolicyProblem & Pick<RuleFinding, 'level' | 'check'>

/** Looks a policy over; `tools` are those of its servers, where they are known. */
export function lintPolicy(
  policy: Policy,
  sources: readonly PolicySource[],
  tools: readonly SeenTool[] | undefined,
): readonly LintFinding[] {
  const placeOf = createRulePlaces(sources)
  const findings = policy.rules.flatMap((rule, place) => {
    const found = [...lintReach(policy.rules, place), ...lintConstraints(rule)]
    return [...found, ...(tools === undefined ? [] : lintTools(rule, tools, policy.argumentKeys))].map(
      ({ key, ...finding }) => ({ ...placeOf(place, key), ...finding }),
    )
  })
  const order = new Map(sources.map(({ source }, place) => [source.file, place]))
  findings.sort((a, b) => (order.get(a.file) ?? 0) - (order.get(b.file) ?? 0) || byPlace(a, b))
  return [...lintDefault(policy), ...findings]
}

function lintDefault({ defaultAction, file }: Policy): readonly LintFinding[] {
  if (defaultAction !== 'allow') return []
  const message = 'what no rule matches is allowed: every tool that a server adds is open'
  return [{ where: file, file, line: 1, column: 1, key: 'default', level: 'warning', check: 'default-allow', message }]
}

/** Whether calls reach a rule, and each entry of its `tool`. */
function lintReach(rules: readonly Rule[], place: number): readonly RuleFinding[] {
  const rule = rules[place]
  if (rule === undefined) return []
  const patterns = rule.tools ?? [undefined]
  const taken = patterns.map((pattern) => {
    if (pattern !== undefined && !canMatch(rule, pattern)) return 'its server is none of those under `server`'
    const earlier = rules.slice(0, place).find((each) => takesAll(each, rule, pattern))
    return earlier === undefined ? undefined : `${earlier.name} (${earlier.action}) decides these calls before it`
  })
  if (taken.every((why) => why !== undefined)) {
    const message = `no call reaches this rule: ${[...new Set(taken)].join('; ')}`
    return [{ level: 'warning', check: 'unreachable', key: [], message }]
  }
  return taken.flatMap((why, at): readonly RuleFinding[] =>
    why === undefined
      ? []
      : [{ level: 'warning', check: 'shadowed', key: ['tool', at], message: `no call reaches this entry: ${why}` }],
  )
}
