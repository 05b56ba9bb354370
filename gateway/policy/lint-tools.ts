// A rule against the tools that its servers have: entries that name none of them, arguments that a tool does not take, and
// path or host constraints on tools that have nothing to constrain, so that each of their calls is denied.

import type { KeyChain } from './arguments.ts'
import { rememberNaming } from './arguments.ts'
import type { RuleFinding } from './lint.ts'
import type { ArgumentKeys, Rule } from './policy.ts'
import { findNearest } from './problems.ts'
import { matchesPattern } from './tool-pattern.ts'

/** A tool of a server; `server` is undefined where nobody said under which name the policy knows it. */
export interface SeenTool {
  readonly server?: string | undefined
  readonly tool: string
  /** The names of its arguments; undefined where they are not known. */
  readonly arguments?: readonly string[] | undefined
}

/** Looks over one rule; tools of servers that the rule does not speak of are left out. */
export function lintTools(rule: Rule, tools: readonly SeenTool[], keys: ArgumentKeys): readonly RuleFinding[] {
  const seen = tools.filter(({ server }) => speaksOf(rule, server))
  const matched = seen.filter((tool) => rule.tools === undefined || rule.tools.some((each) => matchesSeen(each, tool)))
  return [
    ...lintEntries(rule, tools),
    ...(rule.action === 'deny' ? [] : [...lintSubjects(rule, matched, keys), ...lintArgumentNames(rule, matched)]),
  ]
}

function speaksOf({ servers }: Rule, server: string | undefined): boolean {
  return server === undefined || servers === undefined || servers.some(({ test }) => test(server))
}

type Pattern = NonNullable<Rule['tools']>[number]

function matchesSeen(pattern: Pattern, { server, tool }: SeenTool): boolean {
  if (server !== undefined) return matchesPattern(pattern, { server, tool })
  return pattern.kind === 'tool' ? pattern.tool.test(tool) : matchesPattern(pattern, { server: '', tool })
}

/** Entries that match no tool; those for servers of which no tool was seen, and other requests, can't be judged. */
function lintEntries(rule: Rule, tools: readonly SeenTool[]): readonly RuleFinding[] {
  return (rule.tools ?? []).flatMap((pattern, at): readonly RuleFinding[] => {
    if (pattern.kind !== 'tool') return []
    const judged = tools.filter(
      ({ server }) => speaksOf(rule, server) && (server === undefined || pattern.server?.test(server) !== false),
    )
    if (judged.length === 0 || judged.some((tool) => matchesSeen(pattern, tool))) return []
    const nearest = findNearest(pattern.tool.pattern, [...new Set(judged.map(({ tool }) => tool))])
    const hint = nearest === undefined ? '' : `, did you mean "${nearest}"?`
    const message = `none of the ${judged.length} tools seen has this name${hint}`
    return [{ level: 'warning', check: 'no-such-tool', key: ['tool', at], message }]
  })
}

/** Tools without an argument named as a path (or host) under a rule that asks for one. */
function lintSubjects(rule: Rule, matched: readonly SeenTool[], keys: ArgumentKeys): readonly RuleFinding[] {
  return (
    [
      ['allowedPaths', keys.path, 'path'],
      ['allowedDomains', keys.host, 'host or URL'],
    ] as const
  ).flatMap(([constraint, words, what]): readonly RuleFinding[] => {
    if (rule.constraints?.[constraint] === undefined) return []
    const isNamed = rememberNaming(words)
    const without = matched.filter(({ arguments: names }) => names?.some((name) => isNamed(chainOf(name))) === false)
    if (without.length === 0) return []
    const never = without.every(({ arguments: names }) => names?.length === 0)
    const message = `${listNames(without)} ${without.length === 1 ? 'has' : 'have'} no argument that is named as a ${what}: ${never ? 'every call is' : 'calls without one are'} denied`
    return [
      { level: never ? 'warning' : 'note', check: 'nothing-to-constrain', key: ['constraints', constraint], message },
    ]
  })
}

function chainOf(name: string): KeyChain {
  return { name, parent: undefined }
}

/** Arguments that the rule names and that no tool it matches takes. */
function lintArgumentNames(rule: Rule, matched: readonly SeenTool[]): readonly RuleFinding[] {
  if (matched.length === 0 || matched.some(({ arguments: names }) => names === undefined)) return []
  const known = [...new Set(matched.flatMap(({ arguments: names }) => names ?? []))]
  const { properties } = rule.constraints?.arguments?.written ?? {}
  const named = [
    ...Object.keys(typeof properties === 'object' && properties !== null ? properties : {}).map((name) => ({
      ...{ name, key: ['constraints', 'arguments', 'properties', name] },
    })),
    ...(['notPaths', 'notDomains'] as const).flatMap((list) =>
      (rule.written.constraints?.[list] ?? []).map((name, at) => ({ name, key: ['constraints', list, at] })),
    ),
    ...(rule.written.budget === undefined ? [] : [{ name: rule.written.budget.argument, key: ['budget', 'argument'] }]),
  ]
  return named.flatMap(({ name, key }): readonly RuleFinding[] => {
    const first = name.split('.')[0] ?? name
    if (known.includes(first)) return []
    const nearest = findNearest(first, known)
    const hint = nearest === undefined ? '' : `, did you mean "${nearest}"?`
    return [
      {
        level: 'warning',
        check: 'no-such-argument',
        key,
        message: `${listNames(matched)} take no argument "${first}"${hint}`,
      },
    ]
  })
}

const SHOWN = 4

function listNames(tools: readonly SeenTool[]): string {
  const names = tools.slice(0, SHOWN).map(({ tool }) => tool)
  return tools.length > SHOWN ? `${names.join(', ')} and ${tools.length - SHOWN} more` : names.join(', ')
}
