// The strings of a call's arguments, wherever they stand, with the keys that lead to them. Object keys count as strings:
// `{"files": {"/etc/passwd": "…"}}` names a path. What is too large or deep to look through is refused, not skipped.

/** Most strings, keys and objects looked at in one call's arguments. */
const MAX_ARGUMENT_VALUES = 25_000
/** Most numbers of one array that are looked at as hosts or ports; longer ones are data. */
const MAX_LISTED_NUMBERS = 64
/** Deepest nesting looked at. */
const MAX_ARGUMENT_DEPTH = 64

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
  collect(value, undefined, { found, budget: { values: MAX_ARGUMENT_VALUES }, depth: 0 })
  return found
}

interface Walk {
  readonly found: ArgumentText[]
  readonly budget: { values: number }
  readonly depth: number
}

function collect(value: unknown, keys: KeyChain | undefined, walk: Walk): void {
  if (typeof value === 'number') {
    walk.found.push({ text: String(value), keys, kind: 'number' })
    return
  }
  if (typeof value !== 'string' && (typeof value !== 'object' || value === null)) return
  walk.budget.values -= 1
  if (walk.budget.values < 0) throw new RangeError(`the arguments hold more than ${MAX_ARGUMENT_VALUES} texts`)
  if (typeof value === 'string') {
    walk.found.push({ text: value, keys, kind: 'string' })
    return
  }
  if (walk.depth >= MAX_ARGUMENT_DEPTH) throw new RangeError(`the arguments nest deeper than ${MAX_ARGUMENT_DEPTH}`)
  const below = { found: walk.found, budget: walk.budget, depth: walk.depth + 1 }
  if (Array.isArray(value)) collectItems(value, keys, below)
  else collectEntries(value, keys, below)
}

function collectItems(items: readonly unknown[], keys: KeyChain | undefined, walk: Walk): void {
  const withNumbers = items.length <= MAX_LISTED_NUMBERS
  for (const item of items) if (withNumbers || typeof item !== 'number') collect(item, keys, walk)
}

function collectEntries(value: object, keys: KeyChain | undefined, walk: Walk): void {
  const names = Object.keys(value)
  walk.budget.values -= names.length
  if (walk.budget.values < 0) throw new RangeError(`the arguments hold more than ${MAX_ARGUMENT_VALUES} texts`)
  for (const name of names) {
    walk.found.push({ text: name, keys, kind: 'key' })
    collect(Reflect.get(value, name), { name, parent: keys }, walk)
  }
}

/** The key segments from the top, for a chain. */
function keySegments(keys: KeyChain | undefined): readonly string[] {
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

/** Says whether any key of a chain has one of the words as its last word (`file_path`, `filePath` → `path`). */
export function rememberNaming(words: ReadonlySet<string>): (keys: KeyChain | undefined) => boolean {
  // All items of an array share one chain, so the last answer is often the next one.
  let last: { readonly keys: KeyChain | undefined; readonly named: boolean } = { keys: undefined, named: false }
  return (keys) => {
    if (last.keys !== keys) last = { keys, named: isNamedBy(keys, words) }
    return last.named
  }
}

function isNamedBy(keys: KeyChain | undefined, words: ReadonlySet<string>): boolean {
  for (let at = keys; at !== undefined; at = at.parent) {
    if (words.has(at.name) || words.has(lastWord(at.name))) return true
  }
  return false
}

/**
 * The last word of a name, lower-case and without digits after it: `path` of `file_path2`, `filePath`, `URLPath`, `PATH`.
 * By hand, since it runs for every key of every call, and the keys are the caller's.
 */
function lastWord(name: string): string {
  let end = name.length
  while (end > 0 && !isLetter(name.charCodeAt(end - 1))) end -= 1
  let start = end
  while (start > 0 && isLetter(name.charCodeAt(start - 1))) {
    start -= 1
    const startsWord = isUpper(name.charCodeAt(start)) && !isUpper(name.charCodeAt(start + 1))
    if (startsWord || (isUpper(name.charCodeAt(start)) && start > 0 && isLower(name.charCodeAt(start - 1)))) break
  }
  return name.slice(start, end).toLowerCase()
}

function isUpper(code: number): boolean {
  return code >= 0x41 && code <= 0x5a
}

function isLower(code: number): boolean {
  return code >= 0x61 && code <= 0x7a
}

function isLetter(code: number): boolean {
  return isLower(code) || isUpper(code) || code > 0x7f
}
