// Entries by key, in the order of their last use: what stands behind the versions of a bounded map. Changed in place; every
// change answers with what takes it back.

/** What one key had: its value, until when it is not evicted (milliseconds), and after which key it stood. */
export interface Content<Value> {
  readonly value: Value
  readonly keepUntilMs: number
  /** The key that was used just before it; undefined for the least recently used. */
  readonly older: string | undefined
}

/** An entry. Only the table changes it. */
export interface Entry<Value> {
  readonly key: string
  value: Value
  keepUntilMs: number
  older: Entry<Value> | undefined
  newer: Entry<Value> | undefined
}

/** A list of entries that is also a map. */
export class KeyTable<Value> {
  readonly #entries = new Map<string, Entry<Value>>()
  #oldest: Entry<Value> | undefined
  #newest: Entry<Value> | undefined
  /** Versions of a map that stand beside this table; undefined where nobody releases them. */
  trail: { forget(): void }[] | undefined

  get size(): number {
    return this.#entries.size
  }

  get(key: string): Entry<Value> | undefined {
    return this.#entries.get(key)
  }

  /** All entries, the least recently used first. */
  *list(): Generator<Entry<Value>> {
    for (let entry = this.#oldest; entry !== undefined; entry = entry.newer) yield entry
  }

  /** The least recently used entry of which a time says that it may go; looks at so many at most. */
  findEvictable(nowMs: number, search: number): Entry<Value> | undefined {
    let entry = this.#oldest
    for (let looked = 0; entry !== undefined && looked < search; looked++) {
      if (entry.keepUntilMs <= nowMs) return entry
      entry = entry.newer
    }
    return undefined
  }

  /** Gives a key a value, as the most recently used; answers with what it had. */
  put(key: string, value: Value, keepUntilMs: number): Content<Value> | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) {
      this.#insert({ key, value, keepUntilMs, older: undefined, newer: undefined }, this.#newest)
      return undefined
    }
    const before = contentOf(entry)
    entry.value = value
    entry.keepUntilMs = keepUntilMs
    if (entry !== this.#newest) {
      this.#unlink(entry)
      this.#link(entry, this.#newest)
    }
    return before
  }

  /** Gives a key what it had, nothing or a content; answers with what it has now. */
  restore(key: string, content: Content<Value> | undefined): Content<Value> | undefined {
    const entry = this.#entries.get(key)
    const before = entry === undefined ? undefined : contentOf(entry)
    if (entry !== undefined) {
      this.#unlink(entry)
      this.#entries.delete(key)
    }
    if (content === undefined) return before
    const { value, keepUntilMs, older } = content
    const after = older === undefined ? undefined : this.#entries.get(older)
    this.#insert({ key, value, keepUntilMs, older: undefined, newer: undefined }, after)
    return before
  }

  #insert(entry: Entry<Value>, older: Entry<Value> | undefined): void {
    this.#entries.set(entry.key, entry)
    this.#link(entry, older)
  }

  /** Puts an entry after another, or before all. */
  #link(entry: Entry<Value>, older: Entry<Value> | undefined): void {
    const newer = older === undefined ? this.#oldest : older.newer
    entry.older = older
    entry.newer = newer
    if (older === undefined) this.#oldest = entry
    else older.newer = entry
    if (newer === undefined) this.#newest = entry
    else newer.older = entry
  }

  #unlink({ older, newer }: Entry<Value>): void {
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
  }
}

function contentOf<Value>({ value, keepUntilMs, older }: Entry<Value>): Content<Value> {
  return { value, keepUntilMs, older: older?.key }
}
