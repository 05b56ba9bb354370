// Which definition of each tool one connection was shown last: what a call on it is judged by, and what a further list is
// compared with. Pages of one list belong together; what a whole list leaves out is gone. Where several clients may share the
// connection, one calls by what another was shown: then everything that was shown counts.
import {
  type DefinedTool,
  joinDigests,
  MAX_DEFINITIONS,
  MAX_TOOLS,
  type ServerStatement,
  type ToolPage,
  UNREAD_DIGEST,
} from './tool-list.ts'

/** What a page changed for its connection. */
export interface ShownChange {
  /** Tools whose definition was not shown before as it is now. */
  readonly fresh: readonly DefinedTool[]
  /** Of those, the names that were shown before with another definition. */
  readonly changed: readonly string[]
  readonly removed: readonly string[]
}

/** What a client was shown, as far as a call depends on it. */
export interface ShownDefinition {
  readonly tool: string | undefined
  readonly instructions: string | undefined
  /** Where clients share the connection, what it was shown before that is another definition. */
  readonly earlier?: { readonly tool: readonly string[]; readonly instructions: readonly string[] }
}

/** State of one connection. */
export class ShownTools {
  /** Digest by tool; written by `take` alone. */
  readonly #shown = new Map<string, string>()
  /** Tools of the list whose pages are coming in; undefined where its first page was not seen. */
  #list: Set<string> | undefined
  /** True while a list holds what was not read: no tool of it goes by a pin. */
  #isUnread = false
  #statement: ServerStatement = { markers: 0 }
  /** Digests by tool; undefined where a connection has one client. */
  readonly #earlier: Map<string, Set<string>> | undefined
  readonly #earlierInstructions = new Set<string>()

  constructor({ isShared = false }: { readonly isShared?: boolean } = {}) {
    this.#earlier = isShared ? new Map() : undefined
  }

  /** Takes a page; `isFirst` where its request named no cursor. */
  take({ tools, isLast, isWhole }: ToolPage, isFirst: boolean): ShownChange {
    if (isFirst) {
      this.#list = new Set()
      // Another client may have asked for the list that was not read.
      if (this.#earlier === undefined) this.#isUnread = false
    }
    this.#isUnread ||= !isWhole
    const fresh: DefinedTool[] = []
    const changed: string[] = []
    for (const listed of tools) {
      const before = this.#shown.get(listed.tool)
      const digest = this.#digestInList(listed, before)
      this.#list?.add(listed.tool)
      if (before === digest) continue
      if (before === undefined && this.#shown.size >= MAX_TOOLS) {
        this.#isUnread = true
        continue
      }
      if (before !== undefined) {
        changed.push(listed.tool)
        this.#keepEarlier(listed.tool, before)
      }
      this.#shown.set(listed.tool, digest)
      fresh.push({ ...listed, digest })
    }
    return { fresh, changed, removed: isLast ? this.#endList() : [] }
  }

  /** Takes what the server says of itself; false where it said the same before. */
  takeStatement(statement: ServerStatement): boolean {
    const before = this.#statement
    this.#statement = statement
    const { instructions } = withoutUnread(before)
    if (instructions !== undefined && instructions !== statement.instructions)
      add(this.#earlierInstructions, instructions)
    return before.serverInfo !== statement.serverInfo || before.instructions !== statement.instructions
  }

  /** What was shown of a tool and of the server. */
  shownOf(tool: string): ShownDefinition {
    const { instructions } = withoutUnread(this.#statement)
    const current = this.#isUnread ? UNREAD_DIGEST : this.#shown.get(tool)
    if (this.#earlier === undefined) return { tool: current, instructions }
    const earlier = { tool: [...(this.#earlier.get(tool) ?? [])], instructions: [...this.#earlierInstructions] }
    return { tool: current, instructions, earlier }
  }

  /** A tool on two pages of one list: a client takes the one or the other. */
  #digestInList({ tool, digest }: DefinedTool, before: string | undefined): string {
    if (before === undefined || before === digest || this.#list?.has(tool) !== true) return digest
    return joinDigests(before, digest)
  }

  #endList(): readonly string[] {
    const list = this.#list
    this.#list = undefined
    if (list === undefined) return []
    const removed = [...this.#shown.keys()].filter((tool) => !list.has(tool))
    for (const tool of removed) {
      this.#keepEarlier(tool, this.#shown.get(tool))
      this.#shown.delete(tool)
    }
    return removed
  }

  #keepEarlier(tool: string, digest: string | undefined): void {
    const known = this.#earlier?.get(tool) ?? new Set()
    if (digest === undefined || this.#earlier === undefined) return
    if (this.#earlier.size < MAX_TOOLS || this.#earlier.has(tool)) this.#earlier.set(tool, add(known, digest))
    else this.#isUnread = true
  }
}

/** Beyond the limit nothing is lost: no set of so many goes by a pin. */
function add(digests: Set<string>, digest: string): Set<string> {
  return digests.size < MAX_DEFINITIONS ? digests.add(digest) : digests
}

function withoutUnread({ instructions, isUnread }: ServerStatement): Pick<ServerStatement, 'instructions'> {
  const known = isUnread === true ? UNREAD_DIGEST : instructions
  return known === undefined ? {} : { instructions: known }
}
