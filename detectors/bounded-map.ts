// A persistent map with a limit, in plain JSON: detector states are saved as they are and never changed in place.
// Entries lie in buckets by a hash of their key, so that a change copies one bucket; keys may be hostile (`__proto__`, "1").

/** One entry: key, when it was last used, until when it must not be evicted (both milliseconds), and the value. */
type Entry<Value> = readonly [key: string, usedMs: number, keepUntilMs: number, value: Value]

/** Buckets of entries, least recently used first. */
export type BoundedMap<Value> = readonly (readonly Entry<Value>[])[]

const BUCKETS = 64

/** How an entry is kept. */
export interface Keeping {
  readonly nowMs: number
  /** About how many entries the map holds; the least recently used of a full bucket go first. */
  readonly limit: number
  /** Not evicted before this time: there is a live rule or alert on it. */
  readonly keepUntilMs?: number
}

/** A map without entries. */
export function emptyMap<Value>(): BoundedMap<Value> {
  return Array.from({ length: BUCKETS }, () => [])
}

/** The value of a key, if it has one. */
export function findValue<Value>(map: BoundedMap<Value>, key: string): Value | undefined {
  return map[bucketOf(key)]?.find(([candidate]) => candidate === key)?.[3]
}

/** The map with a value under a key, as the most recently used of its bucket. */
export function putValue<Value>(
  map: BoundedMap<Value>,
  key: string,
  value: Value,
  keeping: Keeping,
): BoundedMap<Value> {
  const bucket = map[bucketOf(key)] ?? []
  const before = bucket.find(([candidate]) => candidate === key)
  const keepUntilMs = Math.max(before?.[2] ?? 0, keeping.keepUntilMs ?? 0)
  const others = before === undefined ? bucket : bucket.filter((entry) => entry !== before)
  // Twice the mean: keys spread unevenly.
  const limit = Math.max(1, Math.ceil((2 * keeping.limit) / BUCKETS))
  const kept = others.length < limit ? others : evictOne(others, keeping.nowMs)
  return map.with(bucketOf(key), [...kept, [key, keeping.nowMs, keepUntilMs, value]])
}

/** The map without a key. */
export function dropValue<Value>(map: BoundedMap<Value>, key: string): BoundedMap<Value> {
  const bucket = map[bucketOf(key)] ?? []
  const kept = bucket.filter(([candidate]) => candidate !== key)
  return kept.length === bucket.length ? map : map.with(bucketOf(key), kept)
}

/** All values with their keys. */
export function listEntries<Value>(map: BoundedMap<Value>): readonly (readonly [string, Value])[] {
  return map.flatMap((bucket) => bucket.map(([key, , , value]) => [key, value] as const))
}

function evictOne<Value>(bucket: readonly Entry<Value>[], nowMs: number): readonly Entry<Value>[] {
  const index = bucket.findIndex(([, , keepUntilMs]) => keepUntilMs <= nowMs)
  // All of them are under a live rule or alert, whose number is bounded elsewhere.
  return index === -1 ? bucket : bucket.toSpliced(index, 1)
}

/** FNV-1a, 32 bits. Crafted keys only crowd each other: a bucket of hundreds turns over before anything else is lost. */
function bucketOf(key: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  return (hash >>> 0) % BUCKETS
}
