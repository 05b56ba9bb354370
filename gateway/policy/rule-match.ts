// Whether a rule speaks of a call: by tool, server, principal, client and the hour, all of which have to match.

import type { NameMatcher } from './match.ts'
import type { Rule } from './policy.ts'
import type { CallNames } from './rule-index.ts'
import { matchesPattern } from './tool-pattern.ts'

/** The key of a rule that a call does not meet. */
export type Mismatch = 'tool' | 'server' | 'principal' | 'client' | 'when'

/** The first key of a rule that a call does not meet at a moment (milliseconds since 1970); undefined where it matches. */
export function findMismatch(rule: Rule, call: CallNames, nowMs: number): Mismatch | undefined {
  if (rule.tools !== undefined && !rule.tools.some((pattern) => matchesPattern(pattern, call))) return 'tool'
  if (!matchesAny(rule.servers, call.server)) return 'server'
  if (!matchesAny(rule.principals, call.principal)) return 'principal'
  if (!matchesAny(rule.clients, call.client)) return 'client'
  return rule.when === undefined || rule.when(nowMs) ? undefined : 'when'
}

function matchesAny(matchers: readonly NameMatcher[] | undefined, name: string): boolean {
  return matchers === undefined || matchers.some((matcher) => matcher.test(name))
}
