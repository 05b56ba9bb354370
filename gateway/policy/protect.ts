// What no policy can open: calls whose arguments name toolwarden's own data, configuration, policy, keys and spool, the
// clients' configuration, or its API's address, are denied before every rule and in every mode.
// A path counts when it is one of these or lies beneath one, as written (also with `~`, `..`, in another case, within a
// text) or where it really leads. Not covered: what a shell computes from pieces, and operations on a parent directory.

import { posix } from 'node:path'
import type { ArgumentText } from './arguments.ts'
import { isNamedBy } from './arguments.ts'
import type { RealPath } from './locate.ts'
import { isWithin, maxPathCharacters, resolveReal } from './locate.ts'
import { listEmbeddedPaths, mayHoldPath, pathKeys } from './path-arguments.ts'
import type { ProtectedHost } from './protected-hosts.ts'
import { createProtectedHosts, namesProtectedHost } from './protected-hosts.ts'
import { listReadings } from './readings.ts'

/** Most real paths looked up for one call, of arguments that are named as paths and of others each. */
export const maxProtectionLookUps = 512

/** What is to be protected; paths absolute. */
export interface ProtectionOptions {
  readonly paths: readonly string[]
  /** The API's addresses as `host:port`. */
  readonly hosts: readonly string[]
  /** The user's home directory, which `~` stands for. */
  readonly home: string
  /** The directory in which the server was started. */
  readonly workingDirectory: string
  readonly realPath: RealPath
}

/** What is protected, ready to compare. */
export interface Protection {
  /** Lower-case, as given and as they really lie. */
  readonly paths: readonly string[]
  readonly hosts: readonly ProtectedHost[]
  readonly home: string
  readonly workingDirectory: string
  /** Finds a protected path within a longer text. */
  readonly inText: RegExp | undefined
}

/** What a check needs beside the arguments. */
export interface ProtectionFacts {
  readonly realPath: RealPath
  readonly root?: string | undefined
  readonly remote: boolean
}

/** Compiles the list of what is protected; looks up where the paths really lie. */
export function createProtection(options: ProtectionOptions): Protection {
  const written = options.paths.map((path) => trimSlash(posix.normalize(path)))
  const real = written.flatMap((path) => {
    const location = resolveReal(path, options.realPath)
    return 'path' in location ? [location.path] : []
  })
  const paths = [...new Set([...written, ...real].map((path) => path.toLowerCase()))]
  const { home, workingDirectory } = options
  return {
    paths,
    hosts: createProtectedHosts(options.hosts),
    home,
    workingDirectory,
    inText: createTextPattern(paths, home),
  }
}

/** A sentence on what the arguments name that they may not; undefined where they name nothing protected. */
export function findProtected(
  texts: readonly ArgumentText[],
  protection: Protection,
  facts: ProtectionFacts,
): string | undefined {
  if (namesProtectedHost(texts, protection.hosts)) return "The arguments name the address of toolwarden's own API"
  const isProtected = createPathCheck(protection, facts)
  return texts.some(isProtected) ? "The arguments name toolwarden's own files or a client's configuration" : undefined
}

function createPathCheck(protection: Protection, facts: ProtectionFacts): (text: ArgumentText) => boolean {
  const bases = [...new Set([facts.root ?? protection.workingDirectory, protection.workingDirectory, protection.home])]
  const bareNames = new Set(
    protection.paths
      .filter((path) => bases.some((base) => isDirectChild(path, base)))
      .map((path) => posix.basename(path)),
  )
  const lookUps = { named: limitLookUps(facts.realPath), other: limitLookUps(facts.realPath) }
  return (argument) => {
    const { text, kind } = argument
    if (kind === 'number') return false
    const named = text.length <= maxPathCharacters && isNamedBy(argument.keys, namedAsPath)
    if (!named && !mayHoldPath.test(text)) return bareNames.has(text.toLowerCase())
    if (protection.inText?.test(text) === true) return true
    // No longer text is opened as a path; within it a protected path counts only as it is written.
    if (text.length > maxPathCharacters) return false
    const realPath = facts.remote ? undefined : lookUps[named ? 'named' : 'other']
    return listForms(text).some((form) => isProtectedForm(form, { protection, bases, realPath }))
  }
}

const namedAsPath: ReadonlySet<string> = new Set(pathKeys)

function listForms(text: string): readonly string[] {
  const readings = listReadings(text)
  const texts = 'texts' in readings ? readings.texts : [text]
  const whole = texts.flatMap((reading) =>
    reading.includes('\\') ? [reading, reading.replaceAll('\\', '/')] : [reading],
  )
  return [
    ...whole,
    ...whole.flatMap((form) => listEmbeddedPaths(form).flatMap((path) => ('texts' in path ? path.texts : []))),
  ]
}

interface FormCheck {
  readonly protection: Protection
  readonly bases: readonly string[]
  readonly realPath: RealPath | undefined
}

function isProtectedForm(form: string, { protection, bases, realPath }: FormCheck): boolean {
  if (protection.inText?.test(form) === true) return true
  return toAbsolute(form, protection.home, bases).some((path) => {
    const written = trimSlash(posix.normalize(path))
    if (liesWithin(written, protection.paths)) return true
    if (realPath === undefined) return false
    const real = resolveReal(written, realPath)
    if ('path' in real && liesWithin(real.path, protection.paths)) return true
    // `link/..` is another place than its normal form; the system's own reading counts as well.
    const physical = written === path ? undefined : realPath(path)
    return physical?.type === 'found' && liesWithin(physical.path, protection.paths)
  })
}

function toAbsolute(form: string, home: string, bases: readonly string[]): readonly string[] {
  const text = form
    .replace(/\0.*$/s, '')
    .replace(/^file:(?:\/\/[^/]*)?(?=\/)/i, '')
    .replace(/^(?:~|\$HOME|\$\{HOME\})(?=\/|$)/, home)
  return text.startsWith('/') ? [text] : bases.map((base) => `${base}/${text}`)
}

function liesWithin(path: string, directories: readonly string[]): boolean {
  const lower = path.toLowerCase()
  return directories.some((directory) => isWithin(lower, directory))
}

function isDirectChild(path: string, directory: string): boolean {
  return posix.dirname(path) === trimSlash(directory).toLowerCase()
}

/** A memory for one call; what exceeds the limit counts as not found, so that other arguments can't stall a decision. */
function limitLookUps(realPath: RealPath): RealPath {
  const known = new Map<string, ReturnType<RealPath>>()
  return (path) => {
    const result =
      known.get(path) ?? (known.size < maxProtectionLookUps ? realPath(path) : { type: 'unreadable', code: 'limit' })
    known.set(path, result)
    return result
  }
}

/** Protected paths within a text, also with the home directory written as `~` or `$HOME`; not as the start of a longer name. */
function createTextPattern(paths: readonly string[], home: string): RegExp | undefined {
  if (paths.length === 0) return undefined
  const lowerHome = trimSlash(home).toLowerCase()
  const alternatives = paths.map((path) =>
    path.startsWith(`${lowerHome}/`)
      ? `(?:${toPattern(lowerHome)}|~|\\$home|\\$\\{home\\})${toPattern(path.slice(lowerHome.length))}`
      : toPattern(path),
  )
  return new RegExp(`(?:${alternatives.join('|')})(?![\\w.-])`, 'i')
}

function toPattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('/', '/+(?:\\./+)*')
}

function trimSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}
