// The path constraint: every path argument of the call, in every reading, must lie in an allowed path and in no denied one,
// both as it is written and where it really leads. For a server on another machine only what is written can be checked.
// Not covered, and said in the documentation: a link swapped between this check and the server's use of the path, and
// what a recursive operation on a parent directory reaches.

import type { ArgumentText } from './arguments.ts'
import { isUnder, rememberNaming } from './arguments.ts'
import type { Location, RealPath } from './locate.ts'
import { isWithin, locate, resolveReal } from './locate.ts'
import type { PathMatcher } from './match.ts'
import { listPathArguments } from './path-arguments.ts'

/** Most path arguments in one call. */
const MAX_PATH_ARGUMENTS = 256
/** Most characters, in all readings, of the strings of one call that may hold a path. */
const MAX_PATH_TOTAL_CHARACTERS = 32_768

/** What the path constraint of a rule asks for. */
export interface PathRules {
  readonly allowedPaths: readonly string[] | undefined
  readonly deniedPaths: readonly PathMatcher[] | undefined
  readonly notPaths: readonly (readonly string[])[]
}

/** What is known of the server's file system. */
export interface PathFacts {
  /** Where the server takes relative paths from; absent: relative paths are denied. */
  readonly root: string | undefined
  /** True for a server on another machine. */
  readonly remote: boolean
  readonly realPath: RealPath
  readonly pathKeys: ReadonlySet<string>
  /** Told of each path that is checked, as it was read. */
  readonly onPath?: ((path: string, problem: string | undefined) => void) | undefined
}

/** Says why the arguments break the path constraint, without quoting them; undefined where it holds. */
export function findPathProblem(
  texts: readonly ArgumentText[],
  rules: PathRules,
  facts: PathFacts,
): string | undefined {
  const candidates = listCandidates(texts, rules, facts.pathKeys)
  if ('problem' in candidates) return candidates.problem
  if (candidates.paths.size === 0) {
    return rules.allowedPaths === undefined ? undefined : 'the call has no path argument, and the rule asks for one'
  }
  const check = createCheck(rules, facts)
  for (const path of candidates.paths) {
    const problem = check(path)
    facts.onPath?.(path, problem)
    if (problem !== undefined) return `a path argument ${problem}`
  }
  return undefined
}

type Candidates = { readonly paths: ReadonlySet<string> } | { readonly problem: string }

/** The distinct readings of all path arguments, a backslash read as a character and as a separator. */
function listCandidates(texts: readonly ArgumentText[], rules: PathRules, keys: ReadonlySet<string>): Candidates {
  const paths = new Set<string>()
  const isNamed = rememberNaming(keys)
  const budget = { characters: MAX_PATH_TOTAL_CHARACTERS }
  for (const text of texts) {
    if (isUnder(text.keys, rules.notPaths)) continue
    for (const argument of listPathArguments(text, isNamed(text.keys), budget)) {
      if ('problem' in argument) return { problem: `a path argument ${argument.problem}` }
      for (const reading of argument.texts) {
        paths.add(reading)
        if (reading.includes('\\')) paths.add(reading.replaceAll('\\', '/'))
      }
    }
    if (budget.characters < 0 || paths.size > MAX_PATH_ARGUMENTS) {
      return { problem: 'the call has more path arguments than can be checked' }
    }
  }
  return { paths }
}

function createCheck(rules: PathRules, facts: PathFacts): (path: string) => string | undefined {
  const allowed = rules.allowedPaths?.map((directory) => ({ directory, real: toReal(directory, facts) }))
  return (text) => {
    const written = locate(text, facts.root)
    if ('problem' in written) return written.problem
    const real = toReal(written.path, facts)
    if ('problem' in real) return real.problem
    if (rules.deniedPaths?.some((denied) => denied.test(written.path) || denied.test(real.path)) === true) {
      return 'lies in a denied path'
    }
    if (allowed === undefined) return undefined
    return allowed.some((entry) => isAllowed(written.path, real.path, entry))
      ? undefined
      : 'lies outside the allowed paths'
  }
}

interface AllowedEntry {
  readonly directory: string
  readonly real: Location
}

function isAllowed(written: string, real: string, entry: AllowedEntry): boolean {
  if ('problem' in entry.real) return false
  return isWithin(real, entry.real.path) && (isWithin(written, entry.directory) || isWithin(written, entry.real.path))
}

function toReal(path: string, facts: PathFacts): Location {
  return facts.remote ? { path } : resolveReal(path, facts.realPath)
}
