// A persistent map with a limit: every version answers as if nothing had come after it, as pure detectors ask for. One table
// holds one version, nearly always the newest; any other knows by which key it differs from its neighbour on the way there
// (H. G. Baker, "Shallow Binding Makes Functional Arrays Fast", 1991). So the newest costs what a plain `Map` costs. To read
// an older one costs as much as was changed since, and whoever holds it keeps those changes in memory.
import { type Content, KeyTable } from './key-table.ts'

/** How many entries that must stay are passed over in the search for one that may go. */
const EVICTION_SEARCH = 64
/** What must stay may take so many times the limit. */
const MAX_OVERDRAFT = 2

/** How an entry is kept. */
export interface Keeping {
  readonly nowMs: number
  /** How many entries the map holds; then the least recently used goes for each new one. */
  readonly limit: number
  /** Not evicted before this time: there is a live rule or alert on it. */
  readonly keepUntilMs?: number
}

/** What a version has under a key where its neighbour has something else, and the table of both. */
interface Difference<Value> {
  readonly key: string
  readonly content: Content<Value> | undefined
  readonly table: KeyTable<Value>
}

/** Entries by key. */
export class BoundedMap<Value> {
  /** Undefined: it is empty, or another version has the table. */
  #table: KeyTable<Value> | undefined
  /** The neighbour on the way to the version that has the table. */
  #next: BoundedMap<Value> | undefined
  /** What is different there: this key, which has this content here. */
  #key = ''
  #content: Content<Value> | undefined
  #isReleased = false

  constructor(table?: KeyTable<Value>) {
    this.#table = table
  }

  /** The table as it is in this version, until another one is read; undefined while it is empty. Throws when it was released. */
  get table(): KeyTable<Value> | undefined {
    if (this.#next !== undefined) this.#takeTable()
    if (this.#isReleased) throw new Error('this version of a map was released: only what came of it can be read')
    return this.#table
  }

  /** The version where a key has a value, as the most recently used. */
  with(key: string, value: Value, keepUntilMs: number): BoundedMap<Value> {
    const { table } = this
    if (table !== undefined) return this.#follow(table, key, table.put(key, value, keepUntilMs))
    // An empty version is where every story begins: it holds no way to what came of it.
    const begun = new KeyTable<Value>()
    begun.put(key, value, keepUntilMs)
    return new BoundedMap(begun)
  }

  /** The version without a key. */
  without(key: string): BoundedMap<Value> {
    const { table } = this
    return table?.get(key) === undefined ? this : this.#follow(table, key, table.restore(key, undefined))
  }

  /**
   * No version that was left since the last release can be read any more; the first release begins to note them. Who only goes
   * on from the newest says so now and then: an old version that the collector has not met yet keeps alive what came after it,
   * and that again what came after.
   */
  release(): void {
    const { table } = this
    if (table === undefined) return
    for (const version of table.trail ?? []) if (version !== this) version.forget()
    table.trail = []
  }

  /** See `boundedMapOf`. */
  toJSON(): BoundedMapJson {
    const bounded: unknown[] = []
    for (const { key, keepUntilMs, value } of this.table?.list() ?? []) bounded.push(key, keepUntilMs, value)
    return { bounded }
  }

  #follow(table: KeyTable<Value>, key: string, content: Content<Value> | undefined): BoundedMap<Value> {
    const next = new BoundedMap(table)
    this.#differFrom(next, { key, content, table })
    return next
  }

  #differFrom(next: BoundedMap<Value>, { key, content, table }: Difference<Value>): void {
    this.#table = undefined
    this.#next = next
    this.#key = key
    this.#content = content
    table.trail?.push(this)
  }

  /** Takes back what was changed since, the latest first; the versions on the way then differ from this one. */
  #takeTable(): void {
    const way: BoundedMap<Value>[] = []
    let newer: BoundedMap<Value> = this
    while (newer.#next !== undefined) {
      way.push(newer)
      newer = newer.#next
    }
    const table = newer.#table
    if (table === undefined) return
    for (const version of way.reverse()) {
      const key = version.#key
      newer.#differFrom(version, { key, content: table.restore(key, version.#content), table })
      version.#table = table
      version.#next = undefined
      version.#content = undefined
      newer = version
    }
  }

  /** See `release`. */
  forget(): void {
    this.#next = undefined
    this.#content = undefined
    this.#isReleased = true
  }
}

/** What a map is in a file: of each entry, the least recently used first, its key, until when it is kept, and its value. */
export interface BoundedMapJson {
  readonly bounded: readonly unknown[]
}

/** A map of what `toJSON` said. */
export function boundedMapOf({ bounded }: BoundedMapJson): BoundedMap<unknown> {
  if (bounded.length === 0) return emptyMap()
  const table = new KeyTable<unknown>()
  for (let index = 0; index < bounded.length; index += 3)
    table.put(String(bounded[index]), bounded[index + 2], Number(bounded[index + 1]))
  return new BoundedMap(table)
}

/** A map without entries. */
export function emptyMap<Value>(): BoundedMap<Value> {
  return new BoundedMap()
}

/** The value of a key, if it has one. */
export function findValue<Value>(map: BoundedMap<Value>, key: string): Value | undefined {
  return map.table?.get(key)?.value
}

/** The map with a value under a key, as the most recently used. */
export function putValue<Value>(
  map: BoundedMap<Value>,
  key: string,
  value: Value,
  { nowMs, limit, keepUntilMs = 0 }: Keeping,
): BoundedMap<Value> {
  const before = map.table?.get(key)
  if (before !== undefined) return map.with(key, value, Math.max(before.keepUntilMs, keepUntilMs))
  return withRoom(map, nowMs, limit).with(key, value, keepUntilMs)
}

/** The map without a key. */
export function dropValue<Value>(map: BoundedMap<Value>, key: string): BoundedMap<Value> {
  return map.without(key)
}

/** All values with their keys, the least recently used first. */
export function listEntries<Value>(map: BoundedMap<Value>): readonly (readonly [string, Value])[] {
  return [...(map.table?.list() ?? [])].map(({ key, value }) => [key, value] as const)
}

/** How many entries there are. */
export function countOf(map: BoundedMap<unknown>): number {
  return map.table?.size ?? 0
}

function withRoom<Value>(map: BoundedMap<Value>, nowMs: number, limit: number): BoundedMap<Value> {
  let roomy = map
  while (countOf(roomy) >= limit) {
    const isFull = countOf(roomy) >= limit * MAX_OVERDRAFT
    const found = roomy.table?.findEvictable(isFull ? Number.POSITIVE_INFINITY : nowMs, EVICTION_SEARCH)
    if (found === undefined) return roomy
    roomy = roomy.without(found.key)
  }
  return roomy
}
