// What one gateway run knows of its server's definitions: what was seen first is pinned (policy `pinning: warn`), what differs
// is recorded, and both are kept where the next run finds them. docs/design/010-pins-live-beside-the-log.md says why there.

import type { ControlView } from '../events/control-view.ts'
import type { EventDraft } from '../events/event.ts'
import { INSTRUCTIONS } from '../events/pin-subject.ts'
import type { Catalogue } from './catalogue.ts'
import type { FreshTool } from './connection.ts'
import { ListingBudget } from './listing-budget.ts'
import { draftsOf, type Listing, type ListingEntry, summaryOf } from './listing-events.ts'
import { type PinBook, pinOf } from './pin-standing.ts'
import type { PinningMode } from './policy/pinning.ts'
import { MAX_DEFINITIONS, MAX_TOOLS } from './tool-list.ts'

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

/** Takes listings; a transport that starts before its run waits for it. */
export interface ListingTaker {
  readonly listed: (listing: Listing) => Promise<void>
}

/** What pins work with. */
export interface PinsOptions {
  readonly server: string
  readonly store: PinStore
  /** Shared by all servers of the process. */
  readonly catalogue: Catalogue
  /** Appends an event; resolves once it is durable. */
  readonly note: (draft: EventDraft) => Promise<void>
  readonly mode: () => PinningMode
  /** Monotonic, milliseconds. */
  readonly nowMs: () => number
  readonly control: () => ControlView
  /** Resolves once control has been read, or will not be for now: what operators approved is known then. */
  readonly controlRead: Promise<void>
  /** Told of what should not happen: a store that can't be read or written. */
  readonly fail: (error: unknown) => void
}

/** The most definitions that one run keeps beyond the first ones: a server that alternates fills no disk. */
const MAX_SEEN = 10_000

/** State of one run. */
export class Pins implements ListingTaker {
  readonly #options: PinsOptions
  readonly #first = new Map<string, string>()
  /** By tool, oldest first; whatever the mode. */
  readonly #seen = new Map<string, Set<string>>()
  #isUnread = false
  readonly #budget = new ListingBudget()
  /** Another object after each change. */
  #book: PinBook = { first: this.#first, seen: this.#seen, isUnread: false }
  #seenKept = 0
  /** False while what earlier runs saw can't be read: then nothing is pinned by being seen. */
  #isKnown = false
  /** Resolves once earlier runs' definitions are read, or can't be. */
  readonly ready: Promise<void>

  constructor(options: PinsOptions) {
    this.#options = options
    this.ready = options.store.load().then((stored) => this.#restore(stored), options.fail)
  }

  /** What definitions are held to; read by every decision, and another object after each change. */
  get book(): PinBook {
    return this.#book
  }

  /** Pins and records; resolves once the events are durable and the pins kept. */
  async listed(listing: Listing): Promise<void> {
    this.#isUnread ||= listing.isUnread === true
    this.#changed()
    await Promise.all([this.ready, this.#options.controlRead])
    const { note, fail, mode, server, catalogue } = this.#options
    const known = new Set([...this.#seen.keys(), ...this.#first.keys()])
    const tools = listing.fresh.filter(({ tool }) => tool !== INSTRUCTIONS)
    const shadowing = catalogue.take(
      server,
      tools.map(({ tool, text }) => ({ tool, text, isKnown: known.has(tool) })),
    )
    const pinning = mode()
    const kept = listing.fresh.flatMap((tool) => this.#take(tool, pinning))
    const entries = listing.fresh.map((tool) => this.#entryOf(tool))
    const facts = { entries, known, shadowing, pinning }
    const count = entries.length + listing.removed.length
    const isRecorded = this.#budget.take(listing.context.connection, count, this.#options.nowMs())
    const drafts = isRecorded ? draftsOf(listing, facts) : [summaryOf(listing, facts)]
    for (const draft of drafts) await note(draft)
    if (kept.length > 0) await this.#options.store.add(kept).catch(fail)
  }

  #entryOf({ tool, digest, class: toolClass, markers }: FreshTool): ListingEntry {
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
    const isNews = this.#note(tool, digest)
    if (mode === 'off') return []
    const { server, control } = this.#options
    const pin = pinOf(tool, server, { book: this.book, control: control() })
    if (pin === undefined && mode === 'warn' && this.#isKnown && this.#seen.has(tool)) {
      this.#first.set(tool, digest)
      this.#changed()
      return [{ kind: 'pinned', tool, digest }]
    }
    return !isNews || ++this.#seenKept > MAX_SEEN ? [] : [{ kind: 'seen', tool, digest }]
  }

  #restore(stored: readonly StoredDefinition[]): void {
    for (const { kind, tool, digest } of stored) {
      if (kind === 'pinned' && !this.#first.has(tool)) this.#first.set(tool, digest)
      this.#note(tool, digest)
    }
    this.#isKnown = true
    this.#changed()
  }

  #changed(): void {
    this.#book = { first: this.#first, seen: this.#seen, isUnread: this.#isUnread }
  }

  /** True where the definition was not known, and is now. */
  #note(tool: string, digest: string): boolean {
    const known = this.#seen.get(tool) ?? new Set()
    if (known.has(digest) || known.size >= MAX_DEFINITIONS) return false
    if (known.size === 0 && this.#seen.size >= MAX_TOOLS) return false
    this.#seen.set(tool, known.add(digest))
    this.#changed()
    return true
  }
}
