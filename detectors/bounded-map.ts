// A persistent map with a limit, in plain JSON: detector states are saved as they are and never changed in place.
// A tree by the hash of the key, sixteen children a node, so that a change copies a few short lists however many entries there
// are; keys may be hostile (`__proto__`, "1"): they are values of entries, never names of properties.

/** One entry: key, when it was last used, until when it must not be evicted (both milliseconds), and the value. */
type Entry<Value> = readonly [key: string, usedMs: number, keepUntilMs: number, value: Value]

interface Leaf<Value> {
  readonly entries: readonly Entry<Value>[]
  readonly children?: never
}
interface Branch<Value> {
  readonly children: readonly BoundedMap<Value>[]
  /** Entries below it. */
  readonly count: number
}

/** Entries by key. */
export type BoundedMap<Value> = Leaf<Value> | Branch<Value>

const BITS = 4
const CHILDREN = 1 << BITS
/** How deep 32 bits of hash reach. */
const MAX_DEPTH = 32 / BITS
/** A leaf with more entries becomes a branch, as long as there are bits to tell them apart. */
const LEAF_ENTRIES = 12
/** Keys that were crafted to have one hash crowd each other, and nobody else. */
const MAX_CROWD = 64
/** Whoever is evicted is the least recently used of so many at least. */
const EVICTION_SAMPLE = 24

/** How an entry is kept. */
export interface Keeping {
  readonly nowMs: number
  /** How many entries the map holds; then one that was not used for long goes for each new one. */
  readonly limit: number
  /** Not evicted before this time: there is a live rule or alert on it. */
  readonly keepUntilMs?: number
}

/** A map without entries. */
export function emptyMap<Value>(): BoundedMap<Value> {
  return { entries: [] }
}

/** The value of a key, if it has one. */
export function findValue<Value>(map: BoundedMap<Value>, key: string): Value | undefined {
  return findEntry(map, key, hashOf(key))?.[3]
}

/** The map with a value under a key, as the most recently used. */
export function putValue<Value>(
  map: BoundedMap<Value>,
  key: string,
  value: Value,
  { nowMs, limit, keepUntilMs = 0 }: Keeping,
): BoundedMap<Value> {
  const hash = hashOf(key)
  const before = findEntry(map, key, hash)
  const entry = [key, nowMs, Math.max(before?.[2] ?? 0, keepUntilMs), value] as const
  const roomy = before === undefined && countOf(map) >= limit ? evictOne(map, hash, nowMs) : map
  return putEntry(roomy, entry, { hash, depth: 0, nowMs })
}

/** The map without a key. */
export function dropValue<Value>(map: BoundedMap<Value>, key: string): BoundedMap<Value> {
  return dropEntry(map, key, hashOf(key))
}

/** All values with their keys. */
export function listEntries<Value>(map: BoundedMap<Value>): readonly (readonly [string, Value])[] {
  if (map.children !== undefined) return map.children.flatMap(listEntries)
  return map.entries.map(([key, , , value]) => [key, value] as const)
}

/** How many entries there are. */
export function countOf(map: BoundedMap<unknown>): number {
  return map.children === undefined ? map.entries.length : map.count
}

function findEntry<Value>(map: BoundedMap<Value>, key: string, hash: number): Entry<Value> | undefined {
  let node: BoundedMap<Value> | undefined = map
  let bits = hash
  while (node?.children !== undefined) {
    node = node.children[bits & (CHILDREN - 1)]
    bits >>>= BITS
  }
  for (const entry of node?.entries ?? []) if (entry[0] === key) return entry
  return undefined
}

interface Place {
  readonly hash: number
  readonly depth: number
  readonly nowMs: number
}

function putEntry<Value>(map: BoundedMap<Value>, entry: Entry<Value>, place: Place): BoundedMap<Value> {
  const { hash, depth } = place
  if (map.children !== undefined) {
    const index = childAt(hash, depth)
    const child = map.children[index] ?? emptyMap<Value>()
    const next = putEntry(child, entry, { ...place, depth: depth + 1 })
    return { children: map.children.with(index, next), count: map.count + countOf(next) - countOf(child) }
  }
  const others = map.entries.filter(([key]) => key !== entry[0])
  if (others.length < LEAF_ENTRIES) return { entries: [...others, entry] }
  if (depth < MAX_DEPTH) return [...others, entry].reduce(addTo(place), branch())
  return { entries: [...(others.length < MAX_CROWD ? others : withoutOldest(others, place.nowMs)), entry] }
}

function addTo<Value>({ depth, nowMs }: Place): (map: BoundedMap<Value>, entry: Entry<Value>) => BoundedMap<Value> {
  return (map, entry) => putEntry(map, entry, { hash: hashOf(entry[0]), depth, nowMs })
}

function branch<Value>(): BoundedMap<Value> {
  return { children: Array.from({ length: CHILDREN }, () => emptyMap<Value>()), count: 0 }
}

function dropEntry<Value>(map: BoundedMap<Value>, key: string, hash: number, depth = 0): BoundedMap<Value> {
  if (map.children === undefined) {
    const entries = map.entries.filter((entry) => entry[0] !== key)
    return entries.length === map.entries.length ? map : { entries }
  }
  const index = childAt(hash, depth)
  const child = map.children[index] ?? emptyMap<Value>()
  const next = dropEntry(child, key, hash, depth + 1)
  if (next === child) return map
  return map.count === 1 ? emptyMap() : { children: map.children.with(index, next), count: map.count - 1 }
}

/** Looks where the new key goes to first, then ever wider: what is under a live rule or alert stays, if all of them are. */
function evictOne<Value>(map: BoundedMap<Value>, hash: number, nowMs: number): BoundedMap<Value> {
  const path: BoundedMap<Value>[] = [map]
  for (let node: BoundedMap<Value> | undefined = map, depth = 0; node?.children !== undefined; depth++) {
    node = node.children[childAt(hash, depth)]
    if (node !== undefined) path.unshift(node)
  }
  for (const node of path) {
    if (countOf(node) < EVICTION_SAMPLE && node !== map) continue
    const oldest = findOldest(node, nowMs, undefined)
    if (oldest !== undefined) return dropValue(map, oldest[0])
  }
  return map
}

function findOldest<Value>(
  map: BoundedMap<Value>,
  nowMs: number,
  best: Entry<Value> | undefined,
): Entry<Value> | undefined {
  let oldest = best
  if (map.children !== undefined) {
    for (const child of map.children) oldest = findOldest(child, nowMs, oldest)
    return oldest
  }
  for (const entry of map.entries)
    if (entry[2] <= nowMs && (oldest === undefined || entry[1] < oldest[1])) oldest = entry
  return oldest
}

function withoutOldest<Value>(entries: readonly Entry<Value>[], nowMs: number): readonly Entry<Value>[] {
  const oldest = findOldest({ entries }, nowMs, undefined)
  return oldest === undefined ? entries : entries.filter((entry) => entry !== oldest)
}

function childAt(hash: number, depth: number): number {
  return (hash >>> (depth * BITS)) & (CHILDREN - 1)
}

/** FNV-1a, 32 bits. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  return hash >>> 0
}
