// From what tools did to the rules of a policy: one for each tool that does more than read, and one for the reading tools of
// a server that take the same kinds of argument. Each constraint can be written in several ways, from tight to none.
import { toolClassOf } from '../../events/tool-class.ts'
import { HostEvidence } from './host-evidence.ts'
import { compareNames, type Entry, type Level } from './marks.ts'
import { areExactNames } from './name-glob.ts'
import { PathEvidence } from './path-evidence.ts'
import { type ArgumentEvidence, isHostArgument, isPathArgument, type ToolEvidence } from './tool-evidence.ts'
import type { ValueEvidence, ValueSchema } from './value-evidence.ts'

/** Everything seen of one tool of one server. */
export interface SeenTool {
  readonly server: string
  /** As events name it. */
  readonly tool: string
  readonly method: string
  readonly evidence: ToolEvidence
}

/** A rule to be, with all ways to write its constraints. */
export interface RuleDraft {
  readonly server: string
  readonly isReading: boolean
  /** The tools, and how often each was called. */
  readonly tools: readonly Entry[]
  readonly calls: number
  readonly unknownCalls: number
  readonly sessions: ReadonlySet<string>
  /** Arguments that hold paths, or hosts. */
  readonly pathArguments: readonly string[]
  readonly hostArguments: readonly string[]
  /** Arguments in which the gateway sees paths, or hosts, and that are none. */
  readonly notPaths: readonly string[]
  readonly notDomains: readonly string[]
  readonly paths: readonly Level<readonly Entry[]>[]
  readonly hosts: readonly Level<readonly Entry[]>[]
  readonly values: ReadonlyMap<string, readonly Level<ValueSchema>[]>
}

const NONE: Level<readonly Entry[]> = { content: undefined, missed: new Set() }

/** Drafts the rules, in the order of servers and tools. */
export function draftRules(tools: readonly SeenTool[]): readonly RuleDraft[] {
  const groups = new Map<string, SeenTool[]>()
  for (const seen of tools) {
    const key = groupOf(seen)
    groups.set(key, [...(groups.get(key) ?? []), seen])
  }
  return [...groups]
    .sort(([a], [b]) => compareNames(a, b))
    .map(([, group]) => draftRule(group.sort((a, b) => compareNames(a.tool, b.tool))))
    .filter((draft) => draft !== undefined)
}

function groupOf({ server, tool, method, evidence }: SeenTool): string {
  // At the end, and without constraints: it may match what another rule was made for.
  if (!areExactNames(server, tool)) return `~${JSON.stringify([server, method, tool])}`
  if (!isReadingTool(tool, method)) return JSON.stringify([server, 1, tool])
  const named = [...evidence.arguments].map(
    ([name, each]) => [name, isPathArgument(each), isHostArgument(each)] as const,
  )
  const hasPaths = named.some(([, isPath]) => isPath)
  const hasHosts = named.some(([, , isHost]) => isHost)
  // What is a path for one tool must not be none for another of the same rule.
  const mixed = named.filter(([, isPath, isHost]) => isPath || isHost).sort(([a], [b]) => compareNames(a, b))
  return JSON.stringify([server, 0, hasPaths || hasHosts ? mixed : []])
}

function isReadingTool(tool: string, method: string): boolean {
  if (method === 'tools/call') return toolClassOf(tool) === 'read'
  return method === 'resources/read' || method === 'resources/subscribe' || method === 'prompts/get'
}

function draftRule(group: readonly SeenTool[]): RuleDraft | undefined {
  const [first] = group
  if (first === undefined) return undefined
  const isReading = isReadingTool(first.tool, first.method)
  const named = group.flatMap(({ evidence }) => [...evidence.arguments])
  const pathArguments = namesOf(named.filter(([, each]) => isPathArgument(each)))
  const hostArguments = namesOf(named.filter(([, each]) => isHostArgument(each)))
  const isUnreadable =
    group.some(({ evidence }) => evidence.isUnreadable || evidence.calls === 0) ||
    !isWritable(named) ||
    !areExactNames(first.server, first.tool)
  const evidences = group.map(({ evidence }) => evidence)
  return {
    ...{ server: first.server, isReading, pathArguments, hostArguments },
    tools: group.map(({ tool, evidence }) => ({ text: tool, calls: evidence.calls + evidence.unknownCalls })),
    calls: evidences.reduce((sum, { calls, unknownCalls }) => sum + calls + unknownCalls, 0),
    unknownCalls: evidences.reduce((sum, { unknownCalls }) => sum + unknownCalls, 0),
    sessions: new Set(evidences.flatMap(({ sessions }) => [...sessions])),
    notPaths: namesOf(named.filter(([, each]) => each.withPaths > 0 && !isPathArgument(each))),
    notDomains: namesOf(named.filter(([, each]) => each.withHosts > 0 && !isHostArgument(each))),
    paths: isUnreadable || pathArguments.length === 0 ? [NONE] : pathLevels(evidences, named, new Set(pathArguments)),
    hosts: isUnreadable || hostArguments.length === 0 ? [NONE] : hostLevels(evidences, named, new Set(hostArguments)),
    values: isReading || isUnreadable ? new Map() : valueLevels(evidences),
  }
}

type NamedArgument = readonly [name: string, evidence: ArgumentEvidence]

function namesOf(named: readonly NamedArgument[]): readonly string[] {
  return [...new Set(named.map(([name]) => name))].sort(compareNames)
}

/** Names with an empty part can't be written under notPaths; a key of the outermost object that looks like a path has none. */
function isWritable(named: readonly NamedArgument[]): boolean {
  return named.every(([name, { withPaths, withHosts }]) => {
    return (withPaths === 0 && withHosts === 0) || !name.split('.').includes('')
  })
}

function pathLevels(
  evidences: readonly ToolEvidence[],
  named: readonly NamedArgument[],
  names: ReadonlySet<string>,
): RuleDraft['paths'] {
  const all = new PathEvidence()
  const always = sessionsWithout(
    evidences.map(({ pathShapes }) => pathShapes),
    names,
  )
  for (const [name, { paths, badPaths }] of named) {
    if (!names.has(name)) continue
    all.merge(paths)
    for (const session of badPaths) always.add(session)
  }
  return all.levels(always)
}

function hostLevels(
  evidences: readonly ToolEvidence[],
  named: readonly NamedArgument[],
  names: ReadonlySet<string>,
): RuleDraft['hosts'] {
  const all = new HostEvidence()
  const always = sessionsWithout(
    evidences.map(({ hostShapes }) => hostShapes),
    names,
  )
  for (const [name, { hosts, badHosts }] of named) {
    if (!names.has(name)) continue
    all.merge(hosts)
    for (const session of badHosts) always.add(session)
  }
  return all.levels(always)
}

/** Sessions with a call in which none of the arguments had one: such a call fails any constraint. */
function sessionsWithout(shapes: readonly ToolEvidence['pathShapes'][], names: ReadonlySet<string>): Set<string> {
  const without = new Set<string>()
  for (const shape of shapes)
    for (const { names: had, sessions } of shape.values())
      if (!had.some((name) => names.has(name))) for (const session of sessions) without.add(session)
  return without
}

function valueLevels(evidences: readonly ToolEvidence[]): ReadonlyMap<string, readonly Level<ValueSchema>[]> {
  const [evidence, ...more] = evidences
  if (evidence === undefined || more.length > 0) return new Map()
  const named: readonly (readonly [string, ValueEvidence])[] = [...evidence.values].sort(([a], [b]) =>
    compareNames(a, b),
  )
  return new Map(named.map(([name, values]) => [name, values.levels()]))
}
