// What an entry of a rule's `tool` means: a tool, with or without its server, or by its prefix a resource, a prompt or any
// other method of the protocol.

import { kindOfMethod, type RequestKind } from '../method-table.ts'
import type { NameMatcher } from './match.ts'
import { createNameMatcher, findGlobProblem } from './match.ts'

/** A request as patterns see it: `tool` is the tool's or prompt's name, or the resource's URI. */
export interface RequestNames {
  readonly server: string
  readonly tool: string
  /** `tools/call` unless it says something else. */
  readonly method?: string | undefined
}

/** One entry of a rule's `tool`, ready to match. */
export interface ToolPattern {
  readonly kind: RequestKind
  /** The server that "server/tool" binds a tool to. */
  readonly server: NameMatcher | undefined
  readonly tool: NameMatcher
}

const prefixes: readonly Exclude<RequestKind, 'tool'>[] = ['resource', 'prompt', 'method']

/** Says what is wrong with a pattern, or undefined where it can be used. */
export function findToolPatternProblem(pattern: string): string | undefined {
  const { server, name } = splitToolPattern(pattern)
  return (server === undefined ? undefined : findGlobProblem(server)) ?? findGlobProblem(name)
}

/** Compiles a pattern; throws on one with a problem. */
export function compileToolPattern(pattern: string): ToolPattern {
  const { kind, server, name } = splitToolPattern(pattern)
  return { kind, server: server === undefined ? undefined : createNameMatcher(server), tool: createNameMatcher(name) }
}

/** Whether a pattern stands for a request. */
export function matchesPattern({ kind, server, tool }: ToolPattern, call: RequestNames): boolean {
  const method = call.method ?? 'tools/call'
  if (kind === 'method') return tool.test(method)
  return kindOfMethod(method) === kind && tool.test(call.tool) && server?.test(call.server) !== false
}

/** "server/tool" binds a tool to a server, and only the first slash divides; URIs and methods have slashes of their own. */
function splitToolPattern(pattern: string): {
  readonly kind: RequestKind
  readonly server: string | undefined
  readonly name: string
} {
  const kind = prefixes.find((prefix) => pattern.startsWith(`${prefix}:`))
  if (kind !== undefined) return { kind, server: undefined, name: pattern.slice(kind.length + 1) }
  const slash = pattern.indexOf('/')
  return slash === -1
    ? { kind: 'tool', server: undefined, name: pattern }
    : { kind: 'tool', server: pattern.slice(0, slash), name: pattern.slice(slash + 1) }
}
