// Which definition of each tool one connection was shown last: what a call on it is judged by, and what a further list is
// compared with. Pages of one list belong together; what a whole list leaves out is gone.
import { type DefinedTool, joinDigests, MAX_TOOLS, type ServerStatement, type ToolPage } from './tool-list.ts'

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
}

/** The digest of nothing: no pin is equal to it. */
const UNREAD = '0'.repeat(64)

/** State of one connection. */
export class ShownTools {
  /** Digest by tool; written by `take` alone. */
  readonly #shown = new Map<string, string>()
  /** Tools of the list whose pages are coming in; undefined where its first page was not seen. */
  #list: Set<string> | undefined
  /** True while a list holds what was not read: no tool of it goes by a pin. */
  #isUnread = false
  #statement: ServerStatement = { markers: 0 }

  /** Takes a page; `isFirst` where its request named no cursor. */
  take({ tools, isLast, isWhole }: ToolPage, isFirst: boolean): ShownChange {
    if (isFirst) {
      this.#list = new Set()
      this.#isUnread = false
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
      if (before !== undefined) changed.push(listed.tool)
      this.#shown.set(listed.tool, digest)
      fresh.push({ ...listed, digest })
    }
    return { fresh, changed, removed: isLast ? this.#endList() : [] }
  }

  /** Takes what the server says of itself; false where it said the same before. */
  takeStatement(statement: ServerStatement): boolean {
    const before = this.#statement
    this.#statement = statement
    return before.serverInfo !== statement.serverInfo || before.instructions !== statement.instructions
  }

  /** What was shown of a tool and of the server. */
  shownOf(tool: string): ShownDefinition {
    const { instructions, isUnread } = this.#statement
    return {
      tool: this.#isUnread ? UNREAD : this.#shown.get(tool),
      instructions: isUnread === true ? UNREAD : instructions,
    }
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
    for (const tool of removed) this.#shown.delete(tool)
    return removed
  }
}
