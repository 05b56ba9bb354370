// The text of a client's configuration file with a gateway before each server that can have one: pure, by spans.
import { upstreamName } from '../../gateway/http/settings.ts'
import { applyEdits, type Edit } from './edit.ts'
import { findMember, findObject } from './json-look.ts'
import { type JsonNode, parseJsonText } from './json-text.ts'
import { findServerEntries, isCovered, type ServerEntry } from './server-entries.ts'
import { wrapHttpEntry } from './wrap-http-entry.ts'
import type { WrapRecord } from './wrap-record.ts'
import type { EntryPlan, WrapSettings } from './wrap-settings.ts'
import { leave, wrapStdioEntry } from './wrap-stdio-entry.ts'

/** What became of one server: `covered` has a gateway already, `left` has none and says why. */
export interface PlannedServer {
  readonly path: readonly string[]
  readonly state: 'wrapped' | 'covered' | 'left'
  readonly reason?: string
}

/** The new text and all that is known of the way to it. */
export interface WrapPlan {
  readonly text: string
  readonly servers: readonly PlannedServer[]
  readonly edits: readonly Edit[]
  /** The wrapped entries, before and after. */
  readonly entries: WrapRecord['entries']
  /** Raw values that are not to be shown. */
  readonly secrets: readonly string[]
}

/** Plans the wrapping of a file. Throws CONFIG_INVALID where it is not JSON, naming the place. */
export function wrapConfig(text: string, where: string, settings: WrapSettings): WrapPlan {
  const groups = findServerEntries(parseJsonText(text, where))
  const planned = groups.flatMap((group) => planGroup(group, text, settings))
  const edits = planned.flatMap(({ plan }) => (plan?.type === 'wrap' ? plan.edits : []))
  const wrapped = applyEdits(text, edits)
  const after = parseJsonText(wrapped, where)
  return {
    text: wrapped,
    edits,
    servers: planned.map(({ entry: { path }, plan }) => ({ path, ...stateOf(plan) })),
    entries: planned.flatMap(({ entry: { path, node }, plan }) => {
      if (plan?.type !== 'wrap') return []
      return [{ path: [...path], original: slice(text, node), wrapped: slice(wrapped, getNode(after, path)) }]
    }),
    secrets: planned.flatMap(({ plan }) => (plan?.type === 'wrap' ? plan.secrets : [])),
  }
}

/** An entry and what becomes of it; without a plan it has a gateway already. */
interface PlannedEntry {
  readonly entry: ServerEntry
  readonly plan: EntryPlan | undefined
}

function planGroup(group: readonly ServerEntry[], text: string, settings: WrapSettings): readonly PlannedEntry[] {
  // A key that is a name keeps it, whatever its neighbours are called.
  const names = new Set(group.map(({ key }) => key).filter(isName))
  return group.map((entry) => {
    if (isCovered(entry.node)) return { entry, plan: undefined }
    if (settings.except.includes(entry.key)) return { entry, plan: leave('it was excepted') }
    const name = uniqueName(entry.key, names)
    return { entry, plan: planEntry(entry.node, { text, settings, name }) }
  })
}

function planEntry(node: JsonNode, context: Parameters<typeof wrapStdioEntry>[2]): EntryPlan {
  if (node.type !== 'object') return leave('it is not an object')
  if (findMember(node, 'httpUrl') !== undefined) return leave('it has an httpUrl, which this command does not know')
  const url = findMember(node, 'url') ?? findMember(node, 'serverUrl')
  if (url !== undefined) return wrapHttpEntry(node, url, context)
  const command = findMember(node, 'command')?.value
  if (command?.type !== 'string' || command.value.trim() === '') return leave('it has neither a command nor a URL')
  return wrapStdioEntry(node, command, context)
}

/** The entry's key as a writer's name allows it, told apart from its neighbours'. */
function uniqueName(key: string, names: Set<string>): string {
  if (isName(key)) return key
  const safe = key
    .replace(/[^A-Za-z0-9._@-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 60)
  const base = safe === '' ? 'server' : safe
  let name = base
  for (let number = 2; names.has(name); number++) name = `${base}-${number}`
  names.add(name)
  return name
}

function isName(key: string): boolean {
  return upstreamName.safeParse(key).success
}

function stateOf(plan: EntryPlan | undefined): Omit<PlannedServer, 'path'> {
  if (plan === undefined) return { state: 'covered' }
  return plan.type === 'wrap' ? { state: 'wrapped' } : { state: 'left', reason: plan.reason }
}

function getNode(root: JsonNode, path: readonly string[]): JsonNode {
  const found = findMember(findObject(root, path.slice(0, -1)), path.at(-1) ?? '')?.value
  if (found === undefined) throw new TypeError('an entry was lost by its own edits')
  return found
}

function slice(text: string, { start, end }: JsonNode): string {
  return text.slice(start, end)
}
