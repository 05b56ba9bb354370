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
  const earlier = new EarlierRules()
  const findings = policy.rules.flatMap((rule, place) => {
    const found = [...lintReach(rule, earlier), ...lintConstraints(rule)]
    earlier.add(rule)
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
function lintReach(rule: Rule, earlier: EarlierRules): readonly RuleFinding[] {
  const patterns = rule.tools ?? [undefined]
  const taken = patterns.map((pattern) => {
    if (pattern !== undefined && !canMatch(rule, pattern)) return 'its server is none of those under `server`'
    const first = earlier.find(pattern, (each) => takesAll(each, rule, pattern))
    return first === undefined ? undefined : `${first.name} (${first.action}) decides these calls before it`
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

/** The rules before one, by the beginnings of the names that they match: only a shorter beginning can cover a longer one. */
class EarlierRules {
  readonly #rules: Rule[] = []
  /** Places in `#rules`, ascending; those of rules that may match any name stand under the empty beginning. */
  readonly #byPrefix = new Map<string, number[]>()

  add(rule: Rule): void {
    const place = this.#rules.push(rule) - 1
    const prefixes = rule.tools?.map(({ kind, tool }) => (kind === 'method' ? '' : tool.prefix)) ?? ['']
    for (const prefix of new Set(prefixes)) {
      const places = this.#byPrefix.get(prefix) ?? []
      places.push(place)
      this.#byPrefix.set(prefix, places)
    }
  }

  find(pattern: NonNullable<Rule['tools']>[number] | undefined, covers: (rule: Rule) => boolean): Rule | undefined {
    const prefix = pattern?.tool.prefix ?? ''
    const places: number[] = []
    for (let end = 0; end <= prefix.length; end += 1) places.push(...(this.#byPrefix.get(prefix.slice(0, end)) ?? []))
    for (const place of places.sort((a, b) => a - b)) {
      const rule = this.#rules[place]
      if (rule !== undefined && covers(rule)) return rule
    }
    return undefined
  }
}
