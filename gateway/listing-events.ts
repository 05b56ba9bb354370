// `tools/listed`: what a connection was shown, as events of which none is too large.
import { sha256 } from '../events/chain.ts'
import type { EventDraft, EventOf } from '../events/event.ts'
import type { Shadowing } from './catalogue.ts'
import type { FreshTool } from './connection.ts'
import type { ConnectionContext } from './context.ts'
import type { PinningMode } from './policy/pinning.ts'

/** The most names and digests of one event, bytes; more go into further events. */
const MAX_PART_BYTES = 32 * 1024
/** What a listed tool costs beside its name, which stands there twice: two digests, class, markers and keys. */
const TOOL_BYTES = 260

/** A tool in an event. */
export type ListingEntry = EventOf<'tools/listed'>['tools'][number]

/** What a connection was shown that it was not before. */
export interface Listing {
  readonly context: ConnectionContext
  readonly fresh: readonly FreshTool[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
  readonly serverInfo?: string | undefined
  /** Present where something of it was not read. */
  readonly isUnread?: boolean
}

/** What is known of a listing beside itself. */
export interface ListingFacts {
  readonly entries: readonly ListingEntry[]
  /** Tools that were seen before, by whichever connection. */
  readonly known: ReadonlySet<string>
  readonly shadowing: readonly Shadowing[]
  readonly pinning: PinningMode
}

/** The events of one listing. A tool that differs from its pin has changed, whenever that was. */
export function draftsOf(
  { context, changed, removed, serverInfo }: Listing,
  { entries, known, shadowing, pinning }: ListingFacts,
): readonly EventDraft[] {
  const offPin = entries.filter(({ pinned, digest }) => pinned !== undefined && pinned !== digest)
  const differing = new Set([...changed, ...offPin.map(({ tool }) => tool)])
  const items = [...entries, ...removed]
  return splitItems(items).map((part, index) => {
    const tools = part.filter((item) => typeof item !== 'string')
    const names = tools.map(({ tool }) => tool)
    return {
      type: 'tools/listed',
      ...context,
      pinning,
      tools,
      ...(serverInfo === undefined ? {} : { serverInfo }),
      ...(index > 0 || shadowing.length === 0 ? {} : { shadowing: [...shadowing] }),
      added: names.filter((tool) => !known.has(tool) && !differing.has(tool)),
      removed: part.filter((item) => typeof item === 'string'),
      changed: names.filter((tool) => differing.has(tool)),
    }
  })
}

/** One event instead: what was listed can be compared with it, and no more. */
export function summaryOf(
  { context, removed, serverInfo }: Listing,
  { entries, shadowing, pinning }: ListingFacts,
): EventDraft {
  const lines = [...entries.map(({ tool, digest }) => [tool, digest]), ...removed.map((tool) => [tool])]
  return {
    type: 'tools/listed',
    ...context,
    pinning,
    tools: [],
    ...(serverInfo === undefined ? {} : { serverInfo }),
    ...(shadowing.length === 0 ? {} : { shadowing: [...shadowing] }),
    added: [],
    removed: [],
    changed: [],
    missed: { definitions: lines.length, digest: sha256(Buffer.from(JSON.stringify(lines))) },
  }
}

/** Tools, and names of tools that are gone. */
function splitItems(items: readonly (ListingEntry | string)[]): readonly (readonly (ListingEntry | string)[])[] {
  const parts: (ListingEntry | string)[][] = []
  let left = 0
  for (const item of items) {
    const bytes = bytesOf(item)
    if (bytes > left) {
      parts.push([])
      left = MAX_PART_BYTES
    }
    left -= bytes
    parts.at(-1)?.push(item)
  }
  return parts
}

function bytesOf(item: ListingEntry | string): number {
  if (typeof item === 'string') return Buffer.byteLength(JSON.stringify(item)) + 1
  return TOOL_BYTES + 2 * Buffer.byteLength(JSON.stringify(item.tool))
}
