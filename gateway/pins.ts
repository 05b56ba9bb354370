// What one gateway run knows of its server's definitions: what was seen first is pinned (policy `pinning: warn`), what differs
// is recorded, and both are kept where the next run finds them. docs/design/007-pins-live-beside-the-log.md says why there.
import type { ControlView } from '../events/control-view.ts'
import type { EventDraft, EventOf } from '../events/event.ts'
import type { FreshTool } from './connection.ts'
import type { ConnectionContext } from './context.ts'
import { type PinBook, pinOf } from './pin-standing.ts'
import type { PinningMode } from './policy/pinning.ts'
import { MAX_TOOLS } from './tool-list.ts'

/** A definition that an earlier run saw: `pinned` where it was the first, `seen` where it was another one later. */
export interface StoredDefinition {
  readonly kind: 'pinned' | 'seen'
  readonly tool: string
  readonly digest: string
}

/** Where definitions are kept between runs. */
export interface PinStore {
  /** In the order in which they were added: the first `pinned` of a tool counts. Throws CONFIG_INVALID where it is damaged. */
  readonly load: () => Promise<readonly StoredDefinition[]>
  /** Resolves once they are durable. Other runs may add at the same time. Throws LIMIT_REACHED above its size. */
  readonly add: (definitions: readonly StoredDefinition[]) => Promise<void>
}

/** What a connection was shown that it was not before. */
export interface Listing {
  readonly context: ConnectionContext
  readonly fresh: readonly FreshTool[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
  readonly serverInfo?: string | undefined
}

/** Takes listings; a transport that starts before its run waits for it. */
export interface ListingTaker {
  readonly listed: (listing: Listing) => Promise<void>
}

/** What pins work with. */
export interface PinsOptions {
  readonly server: string
  readonly store: PinStore
  /** Appends an event; resolves once it is durable. */
  readonly note: (draft: EventDraft) => Promise<void>
  readonly mode: () => PinningMode
  readonly control: () => ControlView
  /** Resolves once control has been read, or will not be for now: what operators approved is known then. */
  readonly controlRead: Promise<void>
  /** Told of what should not happen: a store that can't be read or written. */
  readonly fail: (error: unknown) => void
}

/** The most names and digests of one `tools/listed`, bytes; more go into further events, so that none is too large. */
const MAX_LIST_BYTES = 32 * 1024
/** What a listed tool costs beside its name, which stands there twice: two digests, class, markers and keys. */
const TOOL_BYTES = 260
/** The most definitions that one run keeps beyond the first ones: a server that alternates fills no disk. */
const MAX_SEEN = 10_000

/** State of one run. */
export class Pins implements ListingTaker {
  readonly #options: PinsOptions
  readonly #first = new Map<string, string>()
  readonly #last = new Map<string, string>()
  #seenKept = 0
  /** False while what earlier runs saw can't be read: then nothing is pinned by being seen. */
  #isKnown = false
  /** Resolves once earlier runs' definitions are read, or can't be. */
  readonly ready: Promise<void>

  constructor(options: PinsOptions) {
    this.#options = options
    this.ready = options.store.load().then((stored) => this.#restore(stored), options.fail)
  }

  /** What definitions are held to; read by every decision. */
  get book(): PinBook {
    return { first: this.#first, last: this.#last }
  }

  /** Pins and records; resolves once the events are durable and the pins kept. */
  async listed({ context, fresh, changed, removed, serverInfo }: Listing): Promise<void> {
    await Promise.all([this.ready, this.#options.controlRead])
    const { note, fail, mode } = this.#options
    const known = new Set([...this.#last.keys(), ...this.#first.keys()])
    const kept = fresh.flatMap((tool) => this.#take(tool, mode()))
    const entries = fresh.map((tool) => this.#entryOf(tool))
    const offPin = entries.filter(({ pinned, digest }) => pinned !== undefined && pinned !== digest)
    const differing = new Set([...changed, ...offPin.map(({ tool }) => tool)])
    for (const [index, tools] of splitList(entries).entries()) {
      const names = tools.map(({ tool }) => tool)
      await note({
        type: 'tools/listed',
        ...context,
        tools: [...tools],
        ...(serverInfo === undefined ? {} : { serverInfo }),
        added: names.filter((tool) => !known.has(tool) && !differing.has(tool)),
        removed: index === 0 ? [...removed] : [],
        changed: names.filter((tool) => differing.has(tool)),
      })
    }
    if (kept.length > 0) await this.#options.store.add(kept).catch(fail)
  }

  #entryOf({ tool, digest, class: toolClass, markers }: FreshTool): Entry {
    const { server, control } = this.#options
    const pinned = pinOf(tool, server, { book: this.book, control: control() })
    return {
      tool,
      digest,
      class: toolClass,
      ...(pinned === undefined ? {} : { pinned }),
      ...(markers === 0 ? {} : { markers }),
    }
  }

  /** Notes a definition; what of it the next run has to know. Under `enforce` nothing is pinned by being seen. */
  #take({ tool, digest }: FreshTool, mode: PinningMode): readonly StoredDefinition[] {
    if (mode === 'off') return []
    const before = this.#last.get(tool)
    if (before === digest || (before === undefined && this.#last.size >= MAX_TOOLS)) return []
    this.#last.set(tool, digest)
    const { server, control } = this.#options
    const pin = pinOf(tool, server, { book: this.book, control: control() })
    if (pin === undefined && mode === 'warn' && this.#isKnown) {
      this.#first.set(tool, digest)
      return [{ kind: 'pinned', tool, digest }]
    }
    return ++this.#seenKept > MAX_SEEN ? [] : [{ kind: 'seen', tool, digest }]
  }

  #restore(stored: readonly StoredDefinition[]): void {
    for (const { kind, tool, digest } of stored) {
      if (kind === 'pinned' && !this.#first.has(tool)) this.#first.set(tool, digest)
      this.#last.set(tool, digest)
    }
    this.#isKnown = true
  }
}

type Entry = EventOf<'tools/listed'>['tools'][number]

/** A listing that only tells of removals is one event too. */
function splitList(tools: readonly Entry[]): readonly (readonly Entry[])[] {
  const parts: Entry[][] = [[]]
  let left = MAX_LIST_BYTES
  for (const tool of tools) {
    const bytes = TOOL_BYTES + 2 * Buffer.byteLength(JSON.stringify(tool.tool))
    if (bytes > left) {
      parts.push([])
      left = MAX_LIST_BYTES
    }
    left -= bytes
    parts.at(-1)?.push(tool)
  }
  return parts
}
