// Which calls reach a rule: a rule decides every call that it matches, whatever its constraints say, so one that stands
// behind another that matches all the same calls is never tried. Cautious: what can't be told counts as reached.

import { coversGlob, mayOverlap } from './glob-sets.ts'
import type { NameMatcher } from './match.ts'
import type { Rule } from './policy.ts'
import type { ToolPattern } from './tool-pattern.ts'

/** The methods that a kind of pattern stands for. */
const methodsOfKind = {
  tool: ['tools/call'],
  resource: ['resources/read', 'resources/subscribe'],
  prompt: ['prompts/get'],
} as const

/** True where `earlier` matches every call that this pattern of `later` does; undefined stands for a rule without `tool`. */
export function takesAll(earlier: Rule, later: Rule, pattern: ToolPattern | undefined): boolean {
  return (
    coversHours(earlier, later) &&
    (coversNames(earlier.servers, later.servers) || coversNames(earlier.servers, serverOf(pattern))) &&
    coversNames(earlier.principals, later.principals) &&
    coversNames(earlier.clients, later.clients) &&
    (earlier.tools === undefined || earlier.tools.some((each) => coversTool(each, pattern, later.servers)))
  )
}

/** False where no call can match both rules. */
export function mayMeet(left: Rule, right: Rule): boolean {
  return (
    meetNames(left.servers, right.servers) &&
    meetNames(left.principals, right.principals) &&
    meetNames(left.clients, right.clients) &&
    (left.tools === undefined ||
      right.tools === undefined ||
      left.tools.some((one) => right.tools?.some((other) => meetTools(one, other)) === true))
  )
}

/** False where no call can match this pattern: the server that it names is none of the rule's servers. */
export function canMatch(rule: Rule, { server }: ToolPattern): boolean {
  return server === undefined || meetNames(rule.servers, [server])
}

function serverOf(pattern: ToolPattern | undefined): readonly NameMatcher[] | undefined {
  return pattern?.server === undefined ? undefined : [pattern.server]
}

function coversHours(earlier: Rule, later: Rule): boolean {
  const { when } = earlier.written
  return when === undefined || JSON.stringify(when) === JSON.stringify(later.written.when)
}

function coversNames(wide: readonly NameMatcher[] | undefined, narrow: readonly NameMatcher[] | undefined): boolean {
  if (wide === undefined || wide.some(({ pattern }) => /^\*+$/.test(pattern))) return true
  return narrow?.every((each) => wide.some((other) => coversGlob(other, each))) === true
}

function meetNames(left: readonly NameMatcher[] | undefined, right: readonly NameMatcher[] | undefined): boolean {
  if (left === undefined || right === undefined) return true
  return left.some((one) => right.some((other) => mayOverlap(one, other)))
}

function coversTool(
  wide: ToolPattern,
  narrow: ToolPattern | undefined,
  servers: readonly NameMatcher[] | undefined,
): boolean {
  if (wide.kind === 'method') {
    if (/^\*+$/.test(wide.tool.pattern)) return true
    if (narrow === undefined) return false
    if (narrow.kind === 'method') return coversGlob(wide.tool, narrow.tool)
    return methodsOfKind[narrow.kind].every((method) => wide.tool.test(method))
  }
  if (narrow === undefined || narrow.kind !== wide.kind || !coversGlob(wide.tool, narrow.tool)) return false
  if (wide.server === undefined) return true
  return coversNames([wide.server], servers) || coversNames([wide.server], serverOf(narrow))
}

function meetTools(left: ToolPattern, right: ToolPattern): boolean {
  if (left.server !== undefined && right.server !== undefined && !mayOverlap(left.server, right.server)) return false
  if (left.kind === right.kind) return mayOverlap(left.tool, right.tool)
  const [method, other] = left.kind === 'method' ? [left, right] : [right, left]
  if (method.kind !== 'method' || other.kind === 'method') return false
  return methodsOfKind[other.kind].some((name) => method.tool.test(name))
}
