// A first guess at what a tool does, from its annotations and then its name. Unknown counts as a write:
// only 1.3% of 17,578 real tool definitions carry annotations.

/** What a tool does, from harmless to harmful. */
export const TOOL_CLASSES = ['read', 'write', 'destructive', 'egress'] as const
/** One of TOOL_CLASSES. */
export type ToolClass = (typeof TOOL_CLASSES)[number]

/** The part of an MCP tool's annotations that speaks of its class (MCP 2025-11-25, ToolAnnotations). */
export interface ToolHints {
  readonly readOnlyHint?: boolean | undefined
  readonly destructiveHint?: boolean | undefined
}

const READ_VERBS = words(
  'read get list search find fetch view show describe query browse lookup check count head stat tree load inspect peek open cat ls grep glob scan',
)
const DESTRUCTIVE_VERBS = words(
  'delete remove drop destroy purge erase wipe kill terminate revoke uninstall truncate reset cancel',
)
const EGRESS_VERBS = words(
  'send post publish upload share email mail notify transfer pay invite forward tweet reply message webhook',
)

/** The class of a tool: a hint that makes it more dangerous is believed at once, `readOnlyHint` only where the name does not contradict it. */
export function toolClassOf(tool: string, hints: ToolHints = {}): ToolClass {
  const byName = classByName(tool)
  if (hints.destructiveHint === true && hints.readOnlyHint !== true) return 'destructive'
  if (hints.readOnlyHint === false && byName === 'read') return 'write'
  if (hints.readOnlyHint === true && byName === undefined) return 'read'
  return byName ?? 'write'
}

function classByName(tool: string): ToolClass | undefined {
  const parts = tool
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
  if (parts.some((part) => DESTRUCTIVE_VERBS.has(part))) return 'destructive'
  // Only a leading verb makes a read: `read_message` reads, `create_list` writes.
  if (READ_VERBS.has(parts[0] ?? '')) return 'read'
  return parts.some((part) => EGRESS_VERBS.has(part)) ? 'egress' : undefined
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(' '))
}
