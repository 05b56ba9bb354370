// Globs, by picomatch, compiled once at load; the only file that imports it. `*` in names matches any characters, also
// `/`, dots and line ends; `?` any one; `[ab]` a class. Braces, extglobs and `!` are refused: they would read as literals.
// Names compare case-sensitively, path globs without regard to case, since they only ever deny.

import picomatch from 'picomatch'

/** Longest glob accepted, in characters. */
const MAX_GLOB_CHARACTERS = 512
/** Most stars in one glob: backtracking grows with their number, and the text is the caller's. */
const MAX_GLOB_STARS = 4

/** A compiled name pattern. */
export interface NameMatcher {
  readonly pattern: string
  /** The whole name where the pattern holds no wildcard. */
  readonly literal: string | undefined
  /** The characters that every matching name begins with. */
  readonly prefix: string
  /** The characters that every matching name ends with. */
  readonly suffix: string
  readonly test: (name: string) => boolean
}

/** A compiled path pattern; `test` takes an absolute, normalised path with `/` as separator. */
export interface PathMatcher {
  readonly pattern: string
  readonly test: (path: string) => boolean
}

const wildcard = /[*?[]/
const options = { dot: true, nobrace: true, noextglob: true, nonegate: true, strictBrackets: true, windows: false }

/** Says what is wrong with a glob, or undefined where it can be used. */
export function findGlobProblem(pattern: string): string | undefined {
  if (pattern === '') return 'is empty'
  if (pattern.length > MAX_GLOB_CHARACTERS) return `is longer than ${MAX_GLOB_CHARACTERS} characters`
  if (pattern.startsWith('!')) return 'begins with "!": negation is not part of the language, write a rule before it'
  if (/[{}]/.test(pattern)) return 'holds braces: write a list instead'
  if (/[+@?*!]\(/.test(pattern)) return 'holds an extended glob: write a list instead'
  if (pattern.includes('\\')) return 'holds a backslash'
  if (/[\p{Cc}]/u.test(pattern)) return 'holds a control character'
  const stars = pattern.match(/\*+/g)?.length ?? 0
  if (stars > MAX_GLOB_STARS) return `holds more than ${MAX_GLOB_STARS} stars`
  try {
    toRegExp(pattern, '')
    return undefined
  } catch (error) {
    return `is not a valid glob: ${error instanceof Error ? error.message : 'refused'}`
  }
}

/** Compiles a glob over names of tools, servers, principals or clients; throws on a glob with a problem. */
export function createNameMatcher(pattern: string): NameMatcher {
  assertGlob(pattern)
  const first = pattern.search(wildcard)
  if (first === -1)
    return { pattern, literal: pattern, prefix: pattern, suffix: pattern, test: (name) => name === pattern }
  const prefix = pattern.slice(0, first)
  if (/^\*+$/.test(pattern)) return { pattern, literal: undefined, prefix, suffix: '', test: () => true }
  const suffix = /[^*?\]]*$/.exec(pattern)?.[0] ?? ''
  // Names are no paths: without a slash and never at the start, nothing in picomatch treats `/`, `.` or `..` apart.
  const expression = toRegExp(asPlainName(pattern), 's')
  // Most names fail at the literal ends, which costs a twentieth of the expression.
  const test = (name: string): boolean =>
    name.startsWith(prefix) && name.endsWith(suffix) && expression.test(asPlainName(name))
  return { pattern, literal: undefined, prefix, suffix, test }
}

/** Compiles a glob over paths: it matches at any depth unless it begins with `/`, and covers all below what it names. */
export function createPathMatcher(pattern: string): PathMatcher {
  assertGlob(pattern)
  const bare = pattern.length > 1 ? pattern.replace(/\/+$/, '') : pattern
  const anchored = bare.startsWith('/') || bare.startsWith('**/') ? bare : `**/${bare}`
  const self = toRegExp(anchored, 'is')
  const below = toRegExp(anchored.endsWith('/**') ? anchored : `${anchored === '/' ? '' : anchored}/**`, 'is')
  return { pattern, test: (path) => self.test(path) || below.test(path) }
}

function asPlainName(name: string): string {
  return `n${name.replaceAll('/', '\u0001')}`
}

function assertGlob(pattern: string): void {
  const problem = findGlobProblem(pattern)
  if (problem !== undefined) throw new RangeError(`the glob ${JSON.stringify(pattern)} ${problem}`)
}

/** With `debug`, picomatch throws where it would otherwise return an expression that silently never matches. */
function toRegExp(pattern: string, flags: string): RegExp {
  return picomatch.makeRe(pattern, { ...options, flags, debug: true })
}
