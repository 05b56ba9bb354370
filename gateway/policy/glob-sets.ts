// What two name globs (match.ts) have in common: whether one matches all that the other does, and whether any name meets
// both. Exact for stars, question marks and plain classes, over an alphabet of every character that either tells apart;
// where a glob is written in a way that is not understood here the answer is the cautious one.

import { createNameMatcher, type NameMatcher } from './match.ts'

/** Most pairs of places that one comparison looks at; beyond it, the cautious answer. */
const MAX_STATES = 20_000

/** One part of a glob: any characters, or one of some. */
type Token = { readonly type: 'star' } | { readonly type: 'one'; readonly test: (character: string) => boolean }

interface Reading {
  readonly tokens: readonly Token[]
  /** Characters that the glob tells apart. */
  readonly characters: readonly string[]
}

/** Stands for every character that neither glob names. */
const OTHER = '\u{e000}'

/** True where every name that `narrow` matches is matched by `wide`; false also where that can't be told. */
export function coversGlob(wide: NameMatcher, narrow: NameMatcher): boolean {
  if (narrow.literal !== undefined) return wide.test(narrow.literal)
  if (/^\*+$/.test(wide.pattern) || wide.pattern === narrow.pattern) return true
  if (wide.literal !== undefined) return false
  if (!narrow.prefix.startsWith(wide.prefix) || !narrow.suffix.endsWith(wide.suffix)) return false
  const [outer, inner] = [readGlob(wide.pattern), readGlob(narrow.pattern)]
  return outer !== undefined && inner !== undefined && isContained(inner, outer)
}

/** False where no name meets both; true also where that can't be told. */
export function mayOverlap(left: NameMatcher, right: NameMatcher): boolean {
  if (left.literal !== undefined) return right.test(left.literal)
  if (right.literal !== undefined) return left.test(right.literal)
  if (!left.prefix.startsWith(right.prefix) && !right.prefix.startsWith(left.prefix)) return false
  if (!left.suffix.endsWith(right.suffix) && !right.suffix.endsWith(left.suffix)) return false
  const [one, other] = [readGlob(left.pattern), readGlob(right.pattern)]
  return one === undefined || other === undefined || meet(one, other)
}

/** The parts of a glob; undefined where a class is written in another way than plainly. */
function readGlob(pattern: string): Reading | undefined {
  const tokens: Token[] = []
  const characters: string[] = []
  for (const [part] of pattern.matchAll(/\*+|\?|\[[!^]?[^\][]+\]|[^*?[]|\[/gs)) {
    if (part === '[' || (part.length > 1 && /[\ud800-\udfff]/.test(part))) return undefined
    if (part.startsWith('*')) tokens.push({ type: 'star' })
    else if (part === '?') tokens.push({ type: 'one', test: () => true })
    else if (part.length > 1 && part.startsWith('[')) {
      const { test } = createNameMatcher(part)
      tokens.push({ type: 'one', test })
      for (const character of part.slice(1, -1)) characters.push(...withNeighbours(character))
    } else {
      tokens.push({ type: 'one', test: (character) => character === part })
      characters.push(part)
    }
  }
  return { tokens, characters }
}

/** A class changes its answer at the ends of its ranges only. */
function withNeighbours(character: string): readonly string[] {
  const code = character.codePointAt(0) ?? 0
  return [code - 1, code, code + 1].filter((each) => each > 0).map((each) => String.fromCodePoint(each))
}

function alphabetOf(left: Reading, right: Reading): readonly string[] {
  return [...new Set([...left.characters, ...right.characters, OTHER])]
}

/** Every place that can be reached without a character. */
function close(tokens: readonly Token[], places: Iterable<number>): ReadonlySet<number> {
  const closed = new Set<number>()
  for (let place of places) {
    closed.add(place)
    while (tokens[place]?.type === 'star') closed.add(++place)
  }
  return closed
}

function step(tokens: readonly Token[], places: ReadonlySet<number>, character: string): ReadonlySet<number> {
  const next: number[] = []
  for (const place of places) {
    const token = tokens[place]
    if (token?.type === 'star') next.push(place)
    else if (token?.test(character) === true) next.push(place + 1)
  }
  return close(tokens, next)
}

/** Walks both at once, `outer` in all its places together: a name that ends `inner` has to end `outer`. */
function isContained(inner: Reading, outer: Reading): boolean {
  const alphabet = alphabetOf(inner, outer)
  const seen = new Set<string>()
  const open = [{ inner: close(inner.tokens, [0]), outer: close(outer.tokens, [0]) }]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (at.inner.has(inner.tokens.length) && !at.outer.has(outer.tokens.length)) return false
    for (const character of alphabet) {
      const next = { inner: step(inner.tokens, at.inner, character), outer: step(outer.tokens, at.outer, character) }
      const key = `${[...next.inner].join()} ${[...next.outer].join()}`
      if (next.inner.size === 0 || seen.has(key)) continue
      if (seen.size >= MAX_STATES) return false
      seen.add(key)
      open.push(next)
    }
  }
  return true
}

function meet(left: Reading, right: Reading): boolean {
  const alphabet = alphabetOf(left, right)
  const seen = new Set<string>()
  const open = [{ left: close(left.tokens, [0]), right: close(right.tokens, [0]) }]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (at.left.has(left.tokens.length) && at.right.has(right.tokens.length)) return true
    for (const character of alphabet) {
      const next = { left: step(left.tokens, at.left, character), right: step(right.tokens, at.right, character) }
      const key = `${[...next.left].join()} ${[...next.right].join()}`
      if (next.left.size === 0 || next.right.size === 0 || seen.has(key)) continue
      if (seen.size >= MAX_STATES) return true
      seen.add(key)
      open.push(next)
    }
  }
  return false
}
