// From the checked file to the policy that decides: globs compiled, durations in milliseconds, everything frozen.

import { hostKeys } from './host-arguments.ts'
import type { AllowedHost } from './hosts.ts'
import { parseAllowedHost } from './hosts.ts'
import { createNameMatcher, createPathMatcher } from './match.ts'
import { pathKeys } from './path-arguments.ts'
import type { Action, ApprovalTimes, Constraints, Policy, Rule, ToolPattern } from './policy.ts'
import { createRuleIndex } from './rule-index.ts'
import type { PolicyFile, RuleFile } from './schema.ts'
import { parseDuration, splitToolPattern } from './schema.ts'

/** What an approval waits for where the rule does not say: ten minutes, of which the call itself holds 45 seconds. */
const defaultApproval: ApprovalTimes = { timeoutMs: 600_000, holdMs: 45_000 }

/** What a policy is compiled with, beside its file. */
export interface CompileOptions {
  readonly hash: string
  readonly file: string
  /** Further words, lower-case, that mark an argument as a path by the last word of its name. */
  readonly pathKeys?: readonly string[] | undefined
  /** The same for hosts. */
  readonly hostKeys?: readonly string[] | undefined
}

/** Compiles a checked policy file. */
export function compilePolicy(file: PolicyFile, options: CompileOptions): Policy {
  const rules = file.rules.map(compileRule)
  return deepFreeze({
    hash: options.hash,
    file: options.file,
    defaultAction: file.default ?? 'deny',
    defaultApproval,
    rules,
    index: createRuleIndex(rules),
    argumentKeys: {
      path: new Set([...pathKeys, ...(options.pathKeys ?? [])]),
      host: new Set([...hostKeys, ...(options.hostKeys ?? [])]),
    },
  })
}

function compileRule(rule: RuleFile, place: number): Rule {
  return {
    name: rule.id ?? `rules[${place}]`,
    tools: rule.tool?.map(compileToolPattern),
    servers: rule.server?.map(createNameMatcher),
    principals: rule.principal?.map(createNameMatcher),
    clients: rule.client?.map(createNameMatcher),
    action: toAction(rule.action),
    constraints: compileConstraints(rule.constraints),
    reason: rule.reason,
    approval: {
      timeoutMs: parseDuration(rule.approval?.timeout ?? '') ?? defaultApproval.timeoutMs,
      holdMs: parseDuration(rule.approval?.hold ?? '') ?? defaultApproval.holdMs,
    },
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

function compileToolPattern(pattern: string): ToolPattern {
  const { server, tool } = splitToolPattern(pattern)
  return { server: server === undefined ? undefined : createNameMatcher(server), tool: createNameMatcher(tool) }
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
  }
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
