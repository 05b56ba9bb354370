// From the checked files to the policy that decides: globs compiled, durations in milliseconds, everything frozen.
// The rules of the first file come first, then those of the files that it extends, so that its own are tried before theirs.

import { parseDuration } from './fields.ts'
import { hostKeys } from './host-arguments.ts'
import type { AllowedHost } from './hosts.ts'
import { parseAllowedHost } from './hosts.ts'
import type { Limit } from './limits.ts'
import { toMillionths } from './limits.ts'
import { createNameMatcher, createPathMatcher } from './match.ts'
import { pathKeys } from './path-arguments.ts'
import { compilePinning } from './pinning.ts'
import type { Action, ApprovalTimes, Constraints, Policy, Rule } from './policy.ts'
import { createRuleIndex } from './rule-index.ts'
import type { PolicyFile, RuleFile } from './schema.ts'
import { parseMoment } from './schema.ts'
import { compileTimeWindow } from './time-window.ts'
import { compileToolPattern } from './tool-pattern.ts'

/** What an approval waits for where the rule does not say: ten minutes, of which the call itself holds 45 seconds. */
const defaultApproval: ApprovalTimes = { timeoutMs: 600_000, holdMs: 45_000, mayElicit: false }

/** What a policy is compiled with, beside its files. */
export interface CompileOptions {
  readonly hash: string
  readonly text: string
  readonly file: string
  /** Further words, lower-case, that mark an argument as a path by the last word of its name. */
  readonly pathKeys?: readonly string[] | undefined
  /** The same for hosts. */
  readonly hostKeys?: readonly string[] | undefined
}

/** A checked file, where it was read, and its name in the policy: as `extends` leads to it. */
export interface CheckedFile {
  readonly path: string
  readonly name: string
  readonly content: PolicyFile
}

/** Compiles checked files, in the order in which their rules are tried. */
export function compilePolicy(files: readonly [CheckedFile, ...CheckedFile[]], options: CompileOptions): Policy {
  const [top] = files
  const rules = files.flatMap(({ content, name }, place) =>
    content.rules.map((rule, at) => compileRule(rule, `${place === 0 ? '' : `${name}:`}rules[${at}]`)),
  )
  const stated = files.find(({ content }) => content.default !== undefined)
  const pinned = files.find(({ content }) => content.pinning !== undefined)
  return deepFreeze({
    hash: options.hash,
    text: options.text,
    file: options.file,
    files: files.map(({ path }) => path),
    observeUntilMs: top.content.mode === 'observe' ? parseMoment(top.content.until ?? '') : undefined,
    defaultAction: stated?.content.default ?? 'deny',
    defaultApproval,
    pinning: compilePinning(pinned?.content.pinning),
    rules,
    index: createRuleIndex(rules),
    argumentKeys: {
      path: new Set([...pathKeys, ...(options.pathKeys ?? [])]),
      host: new Set([...hostKeys, ...(options.hostKeys ?? [])]),
    },
  })
}

function compileRule(rule: RuleFile, place: string): Rule {
  return {
    name: rule.id ?? place,
    tools: rule.tool?.map(compileToolPattern),
    servers: rule.server?.map(createNameMatcher),
    principals: rule.principal?.map(createNameMatcher),
    clients: rule.client?.map(createNameMatcher),
    when: rule.when === undefined ? undefined : compileTimeWindow(rule.when),
    action: toAction(rule.action),
    constraints: compileConstraints(rule.constraints),
    limits: compileLimits(rule),
    onAmbiguous: rule.onAmbiguous ?? 'allow',
    reason: rule.reason,
    approval: {
      timeoutMs: parseDuration(rule.approval?.timeout ?? '') ?? defaultApproval.timeoutMs,
      holdMs: parseDuration(rule.approval?.hold ?? '') ?? defaultApproval.holdMs,
      mayElicit: rule.approval?.elicit ?? defaultApproval.mayElicit,
    },
    written: rule,
  }
}

function toAction(action: RuleFile['action']): Action {
  switch (action) {
    case 'block':
      return 'deny'
    case 'require_approval':
      return 'escalate'
    case 'allow':
    case 'deny':
    case 'escalate':
      return action
  }
}

function compileConstraints(constraints: RuleFile['constraints']): Constraints | undefined {
  if (constraints === undefined) return undefined
  return {
    allowedPaths: constraints.allowedPaths?.map((path) =>
      path.replace(/\/+(?:\.?\/+)*/g, '/').replace(/(.)\/\.?$/, '$1'),
    ),
    deniedPaths: constraints.deniedPaths?.map(createPathMatcher),
    allowedDomains: constraints.allowedDomains?.map(compileHost),
    deniedDomains: constraints.deniedDomains?.map(compileHost),
    notPaths: constraints.notPaths?.map((name) => name.split('.')) ?? [],
    notDomains: constraints.notDomains?.map((name) => name.split('.')) ?? [],
    arguments: constraints.arguments,
  }
}

function compileLimits({ rateLimit, budget }: RuleFile): readonly Limit[] {
  const limits: Limit[] = []
  if (rateLimit !== undefined) {
    const { calls, per, by } = rateLimit
    const text = `${calls} calls in ${per} by ${by}`
    limits.push({ type: 'rate_limit', windowMs: parseDuration(per) ?? 0, by, max: calls, argument: undefined, text })
  }
  if (budget !== undefined) {
    const { argument, max, per, by } = budget
    const text = `${max} of ${argument} in ${per} by ${by}`
    const limit = { windowMs: parseDuration(per) ?? 0, by, max: toMillionths(max) ?? 0, argument: argument.split('.') }
    limits.push({ type: 'budget', ...limit, text })
  }
  return limits
}

function compileHost(pattern: string): AllowedHost {
  const host = parseAllowedHost(pattern)
  if (typeof host === 'string') throw new RangeError(`the host ${JSON.stringify(pattern)} ${host}`)
  return host
}

/** Freezes plain objects and arrays all the way down; maps, sets and functions are typed as read-only. */
function deepFreeze<T>(value: T): T {
  if (
    typeof value !== 'object' ||
    value === null ||
    value instanceof Map ||
    value instanceof Set ||
    Object.isFrozen(value)
  )
    return value
  for (const item of Object.values(value)) deepFreeze(item)
  return Object.freeze(value)
}
