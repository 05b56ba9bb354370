// D1: a tool's definition, or the server's instructions, are not what they were; a new tool can be taken for another server's;
// a description names another server's tool. What is held is that definition alone, by its digest, until an operator
// approves it. Acts on the newcomer, never on the incumbent. Phrases that address an agent (D9) only make it worse.

import type { EventOf } from '../events/event.ts'
import { findLikeness, foldName } from '../events/name-likeness.ts'
import { INSTRUCTIONS } from '../events/pin-subject.ts'
import { MAX_PREDICATE_PLACES } from '../events/rule.ts'
import {
  type DefinitionMemory,
  EMPTY_MEMORY,
  findKnown,
  learn,
  type Neighbour,
  neighboursOf,
  noteServer,
  sessionOf,
} from './definition-memory.ts'
import type { Detector, Finding, Observation } from './detector.ts'
import { type HeldDefinitions, hold, NOTHING_HELD, release, renew } from './held-definitions.ts'
import type { DetectorSettings } from './settings.ts'

/** What the detector remembers. */
export interface ToolDefinitionState {
  readonly memory: DefinitionMemory
  readonly held: HeldDefinitions
}

type Settings = DetectorSettings['toolDefinition']
type Listed = EventOf<'tools/listed'>
type Entry = Listed['tools'][number]
type Case = NonNullable<Listed['shadowing']>[number]

/** The most comparisons of one event: a server that lists thousands of names must not hold up the others. */
const MAX_COMPARISONS = 200_000
/** The most tools that an explanation names. */
const MAX_NAMED = 5
const HOUR_MS = 60 * 60 * 1000

/** The tool-definition detector. */
export function createToolDefinition(settings: Settings): Detector<ToolDefinitionState> {
  return {
    name: 'tool-definition',
    version: 1,
    initialState: { memory: EMPTY_MEMORY, held: NOTHING_HELD },
    observe: (state, { event, hash }, nowMs) => {
      const renewed = renew(state.held, nowMs)
      const next = { ...state, held: renewed.state }
      if (event.type === 'pin/approved') return { state: approve(next, event, nowMs), findings: renewed.findings }
      if (event.type !== 'tools/listed') return { state: next, findings: renewed.findings }
      const judged = judge(next, event, { hash, nowMs, settings })
      return { ...judged, findings: [...renewed.findings, ...judged.findings] }
    },
  }
}

interface Moment {
  readonly hash: string
  readonly nowMs: number
  readonly settings: Settings
}

function approve(state: ToolDefinitionState, event: EventOf<'pin/approved'>, nowMs: number): ToolDefinitionState {
  const memory = learn(state.memory, { ...event, isOnly: true }, { session: '', nowMs })
  return { memory, held: release(state.held, event) }
}

function judge(state: ToolDefinitionState, event: Listed, moment: Moment): Observation<ToolDefinitionState> {
  const { nowMs } = moment
  const session = sessionOf(event)
  const fresh = event.tools.filter(({ tool }) => findKnown(state.memory, event.server, tool) === undefined)
  // Where the operator pins nothing, what changed is what the server says now.
  const changed =
    event.pinning === 'off' ? [] : event.tools.filter((entry) => isChanged(state.memory, event.server, entry))
  const elsewhere = event.tools.filter(
    (entry) => !changed.includes(entry) && isVariant(state.memory, event.server, entry),
  )
  let memory = noteServer(state.memory, { ...event, nowMs })
  // What changed is not learned: it stays changed for whoever lists it next, until an operator says otherwise.
  for (const { tool, digest, pinned } of [...fresh, ...elsewhere]) {
    const own = changed.some((each) => each.tool === tool) ? pinned : digest
    if (own !== undefined) memory = learn(memory, { server: event.server, tool, digest: own }, { session, nowMs })
  }
  const findings = [
    ...findChanged(event, changed, moment),
    ...(event.pinning === 'off' ? [] : findVariants(event, elsewhere, moment)),
    ...findShadowing(event, casesOf(memory, event, { fresh, nowMs }), { memory, moment }),
    ...findMarked(event, fresh, moment),
    ...findMissed(event, moment),
  ]
  const held = findings
    .filter(({ response }) => response !== undefined)
    .reduce((kept, finding) => hold(kept, finding, { server: finding.scope.server ?? event.server, nowMs }), state.held)
  return { state: { memory, held }, findings }
}

/** The gateway's own pin says so; where it pins nothing, what was seen before does. */
function isChanged(memory: DefinitionMemory, server: string, { tool, digest, pinned }: Entry): boolean {
  if (pinned !== undefined) return pinned !== digest
  const known = findKnown(memory, server, tool)
  return known !== undefined && !known.digests.includes(digest)
}

/** Pinned by its gateway, and unknown here: two gateways stand before two versions of what goes by one name. */
function isVariant(memory: DefinitionMemory, server: string, { tool, digest }: Entry): boolean {
  const known = findKnown(memory, server, tool)
  return known !== undefined && !known.digests.includes(digest)
}

function findChanged(event: Listed, changed: readonly Entry[], { hash, settings }: Moment): readonly Finding[] {
  if (changed.length === 0) return []
  const marked = changed.filter(({ markers = 0 }) => markers > 0)
  const severity = marked.length > 0 ? 'critical' : 'high'
  const more = marked.length === 0 ? '' : ` ${name(marked)} now holds phrases that address an agent.`
  const digests = changed.map(({ digest }) => digest)
  return [
    {
      severity,
      score: marked.length > 0 ? 950 : 800,
      subject: `definitions of server ${event.server} changed: ${keyOf(changed)}`,
      scope: scopeOf(event, changed),
      explanation: `The server ${event.server} changed the definition of ${name(changed)} since it was pinned.${more} If you expect this: toolwarden pin approve ${event.server} --all --reason <why>.`,
      causes: [hash],
      ...responseOf(settings.onChanged, event, {
        tools: changed,
        digests,
        reason: 'the definition of this tool changed',
      }),
    },
  ]
}

function findVariants(event: Listed, entries: readonly Entry[], { hash }: Moment): readonly Finding[] {
  if (entries.length === 0) return []
  const explanation = `This gateway's server ${event.server} defines ${name(entries)} otherwise than the server of this name at another gateway: two versions, or two servers.`
  const subject = `two versions of server ${event.server}: ${keyOf(entries)}`
  return [{ severity: 'low', score: 300, subject, scope: scopeOf(event, entries), explanation, causes: [hash] }]
}

/** So many definitions that its gateway did not name them: what is among them is not judged here. */
function findMissed(event: Listed, { hash }: Moment): readonly Finding[] {
  if (event.missed === undefined) return []
  const explanation = `The server ${event.server} lists so many new definitions that they are not recorded one by one any more: ${event.missed.definitions} in this list. Its tools are not told from others meanwhile; pinning: enforce holds what is not approved.`
  const subject = `definitions of server ${event.server} are too many to record`
  return [{ severity: 'high', score: 800, subject, scope: scopeOf(event, []), explanation, causes: [hash] }]
}

function findMarked(event: Listed, fresh: readonly Entry[], { hash }: Moment): readonly Finding[] {
  const marked = fresh.filter(({ markers = 0 }) => markers > 0)
  if (marked.length === 0) return []
  const explanation = `The definition of ${name(marked)} on server ${event.server}, seen for the first time, holds phrases that address an agent rather than describe a tool. Read it before it is used.`
  const subject = `phrases in definitions of server ${event.server}: ${keyOf(marked)}`
  return [{ severity: 'low', score: 300, subject, scope: scopeOf(event, marked), explanation, causes: [hash] }]
}

/** What the gateway noticed among its own servers, and what is new next to the session's other servers. */
function casesOf(
  memory: DefinitionMemory,
  event: Listed,
  { fresh, nowMs }: { readonly fresh: readonly Entry[]; readonly nowMs: number },
): readonly Case[] {
  const neighbours = neighboursOf(memory, { ...event, nowMs })
  const compared = fresh.slice(0, Math.floor(MAX_COMPARISONS / Math.max(1, neighbours.length)))
  const own = compared.flatMap(({ tool }) => neighbours.flatMap((other) => caseOf(event.server, tool, other)))
  const cases = [...(event.shadowing ?? []), ...own]
  return [
    ...new Map(
      cases.map((each) => [JSON.stringify([each.server, each.tool, each.otherServer, each.otherTool]), each]),
    ).values(),
  ]
}

function caseOf(server: string, tool: string, other: Neighbour): readonly Case[] {
  const how = findLikeness({ name: tool, folded: foldName(tool) }, { name: other.tool, folded: other.folded })
  return how === undefined ? [] : [{ server, tool, otherServer: other.server, otherTool: other.tool, how }]
}

/** A newcomer that the session met together with the incumbent is a matter of configuration: it only alerts. */
function findShadowing(
  event: Listed,
  cases: readonly Case[],
  { memory, moment }: { readonly memory: DefinitionMemory; readonly moment: Moment },
): readonly Finding[] {
  const session = sessionOf(event)
  const fresh = cases.filter(({ server, tool }) => findKnown(memory, server, tool)?.session === session)
  const isActed = (each: Case): boolean => {
    return each.how === 'names_it' || findKnown(memory, each.otherServer, each.otherTool)?.session !== session
  }
  return fresh.slice(0, MAX_NAMED * MAX_NAMED).map((each) => {
    const digests = findKnown(memory, each.server, each.tool)?.digests ?? []
    const target = { ...event, server: each.server }
    const reason = `this tool can be taken for ${each.otherTool} of another server`
    const response = responseOf(moment.settings.onShadowing, target, { tools: [each], digests, reason })
    return {
      severity: isActed(each) ? ('high' as const) : ('low' as const),
      score: isActed(each) ? 700 : 300,
      subject: `${each.server}/${each.tool} shadows ${each.otherServer}/${each.otherTool}`,
      scope: scopeOf(target, [each]),
      explanation: explain(each),
      causes: [moment.hash],
      ...(isActed(each) ? response : {}),
    }
  })
}

function explain({ server, tool, otherServer, otherTool, how }: Case): string {
  switch (how) {
    case 'same_name':
      return `The new tool ${tool} of server ${server} has the name of a tool of server ${otherServer}: a model can call the one for the other.`
    case 'one_edit':
      return `The new tool ${tool} of server ${server} is named almost as ${otherTool} of server ${otherServer}.`
    case 'names_it':
      return `The definition of ${tool} on server ${server} speaks of ${otherTool}, a tool of server ${otherServer}: it can steer how that one is used.`
  }
}

/** A rule for the definitions by their digests: an approved one, or the one before, is not touched. */
function responseOf(
  action: 'deny' | 'escalate' | 'alert',
  { principal, server }: Pick<Listed, 'principal' | 'server'>,
  { tools, digests, reason }: { tools: readonly { tool: string }[]; digests: readonly string[]; reason: string },
): Pick<Finding, 'response'> {
  if (action === 'alert' || digests.length === 0) return {}
  const [only, ...more] = tools
  return {
    response: {
      scope: { principal, server },
      // The server's instructions reach the model before every call.
      tool: more.length > 0 || only === undefined || only.tool === INSTRUCTIONS ? '*' : only.tool,
      arguments: { type: 'definition', anyOf: digests.slice(0, MAX_PREDICATE_PLACES) },
      action,
      lifetimeMs: HOUR_MS,
      reason: `${reason}: it waits for an operator`,
    },
  }
}

function scopeOf({ session, principal, server }: Listed, tools: readonly { tool: string }[]): Finding['scope'] {
  const [only, ...more] = tools
  return { session, principal, server, ...(only === undefined || more.length > 0 ? {} : { tool: only.tool }) }
}

function name(entries: readonly Entry[]): string {
  const names = entries.slice(0, MAX_NAMED).map(({ tool }) => (tool === INSTRUCTIONS ? 'its instructions' : tool))
  const rest = entries.length - names.length
  return rest > 0 ? `${names.join(', ')} and ${rest} more` : names.join(', ')
}

/** Another set of definitions is another subject. */
function keyOf(entries: readonly Entry[]): string {
  return entries
    .slice(0, MAX_NAMED)
    .map(({ tool, digest }) => `${tool.slice(0, 40).toWellFormed()} ${digest.slice(0, 12)}`)
    .join(', ')
}
