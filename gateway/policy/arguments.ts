// The strings of a call's arguments, wherever they stand, with the keys that lead to them. Object keys count as strings:
// `{"files": {"/etc/passwd": "…"}}` names a path. What is too large or deep to look through is refused, not skipped.

/** Most values looked at in one call's arguments. */
export const maxArgumentValues = 100_000
/** Deepest nesting looked at. */
export const maxArgumentDepth = 64

/** The keys from the top of the arguments down to a value; arrays add none. */
export interface KeyChain {
  readonly name: string
  readonly parent: KeyChain | undefined
}

/** One string (or number, as text) of the arguments. */
export interface ArgumentText {
  readonly text: string
  readonly keys: KeyChain | undefined
  readonly kind: 'string' | 'number' | 'key'
}

/** Lists every string, number and object key of the arguments; throws a RangeError beyond the limits. */
export function listArgumentTexts(value: unknown): readonly ArgumentText[] {
  const found: ArgumentText[] = []
  const budget = { values: maxArgumentValues }
  collect(value, undefined, { found, budget, depth: 0 })
  return found
}

interface Walk {
  readonly found: ArgumentText[]
  readonly budget: { values: number }
  readonly depth: number
}

function collect(value: unknown, keys: KeyChain | undefined, walk: Walk): void {
  walk.budget.values -= 1
  if (walk.budget.values < 0) throw new RangeError(`the arguments hold more than ${maxArgumentValues} values`)
  if (typeof value === 'string') {
    walk.found.push({ text: value, keys, kind: 'string' })
    return
  }
  if (typeof value === 'number') {
    walk.found.push({ text: String(value), keys, kind: 'number' })
    return
  }
  if (typeof value !== 'object' || value === null) return
  if (walk.depth >= maxArgumentDepth) throw new RangeError(`the arguments nest deeper than ${maxArgumentDepth}`)
  const below = { found: walk.found, budget: walk.budget, depth: walk.depth + 1 }
  if (Array.isArray(value)) {
    for (const item of value) collect(item, keys, below)
    return
  }
  for (const [name, item] of Object.entries(value)) {
    walk.found.push({ text: name, keys, kind: 'key' })
    collect(item, { name, parent: keys }, below)
  }
}

/** The key segments from the top, for a chain. */
export function keySegments(keys: KeyChain | undefined): readonly string[] {
  const segments: string[] = []
  for (let at = keys; at !== undefined; at = at.parent) segments.unshift(at.name)
  return segments
}

/** True where the chain is one of the named arguments or stands beneath one. */
export function isUnder(keys: KeyChain | undefined, named: readonly (readonly string[])[]): boolean {
  if (named.length === 0 || keys === undefined) return false
  const segments = keySegments(keys)
  return named.some((name) => name.every((segment, place) => segments[place] === segment))
}

/** True where any key of the chain has one of the words as its last word (`file_path`, `filePath` → `path`). */
export function isNamedBy(keys: KeyChain | undefined, words: ReadonlySet<string>): boolean {
  for (let at = keys; at !== undefined; at = at.parent) {
    if (words.has(at.name) || words.has(lastWord(at.name))) return true
  }
  return false
}

/** Longest key whose words are looked at; no server names an argument so. */
const maxKeyCharacters = 128

function lastWord(name: string): string {
  if (name.length > maxKeyCharacters) return name
  const words = name.replace(/([\p{Ll}\p{N}])(\p{Lu})/gu, '$1 $2').split(/[^\p{L}\p{N}]+/u)
  return (words.filter((word) => word !== '' && !/^\p{N}+$/u.test(word)).at(-1) ?? name).toLowerCase()
}
