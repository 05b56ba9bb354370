// The paths that no policy can open, and whether one string of a call names them: as written (also with `~`, `..`, in
// another case, within a text) or where it really leads.

import { posix } from 'node:path'
import type { RealPath } from './locate.ts'
import { isWithin, resolveReal } from './locate.ts'
import { listEmbeddedPaths } from './path-arguments.ts'

/** What is compared with; made once, of absolute paths. */
export interface ProtectedPaths {
  /** Lower-case, as given and as they really lie. */
  readonly paths: readonly string[]
  readonly home: string
  /** The directory in which the server was started. */
  readonly workingDirectory: string
  /** Directories that the server's command names. */
  readonly serverDirectories: readonly string[]
  /** Every directory above a protected path that is not protected itself, as it is spelt. */
  readonly directoriesAbove: readonly string[]
  /** The same in lower case. */
  readonly ancestors: ReadonlySet<string>
  /** Finds a protected path within a text; undefined where nothing is protected. */
  readonly inText: RegExp | undefined
}

/** How a call's paths are read. */
export interface PathReading {
  /** Undefined for a server on another machine. */
  readonly realPath: RealPath | undefined
  /** Where relative paths may be taken from. */
  readonly bases: readonly string[]
}

/** What the list is made of; all paths are absolute. */
export interface ProtectedPathsOptions {
  readonly paths: readonly string[]
  readonly home: string
  readonly workingDirectory: string
  readonly serverDirectories?: readonly string[]
}

/** Compiles the list of protected paths; looks up where they really lie. */
export function createProtectedPaths(options: ProtectedPathsOptions, realPath: RealPath): ProtectedPaths {
  const written = options.paths.map((path) => trimSlash(posix.normalize(path)))
  const real = written.flatMap((path) => {
    const location = resolveReal(path, realPath)
    return 'path' in location ? [location.path] : []
  })
  const places = [...new Set([...written, ...real])]
  const paths = [...new Set(places.map((path) => path.toLowerCase()))]
  const { home, workingDirectory, serverDirectories = [] } = options
  // One protected path may lie in another: no server is expected to take its relative paths from in there.
  const directoriesAbove = [...new Set(places.flatMap(listAncestors))].filter((path) => !liesWithin(path, paths))
  const ancestors = new Set(directoriesAbove.map((path) => path.toLowerCase()))
  const inText = createTextPattern(paths, home)
  return { paths, home, workingDirectory, serverDirectories, directoriesAbove, ancestors, inText }
}

function listAncestors(path: string): readonly string[] {
  const parent = posix.dirname(path)
  return parent === path ? [] : [parent, ...listAncestors(parent)]
}

/** Protected paths, also with the home directory written as `~` or `$HOME`; not as the start of a longer name. */
function createTextPattern(paths: readonly string[], home: string): RegExp | undefined {
  if (paths.length === 0) return undefined
  const lowerHome = trimSlash(home).toLowerCase()
  const isInHome = (path: string): boolean => path.startsWith(`${lowerHome}/`)
  const inHome = paths.filter(isInHome).map((path) => toPattern(path.slice(lowerHome.length + 1)))
  const alternatives = paths.filter((path) => !isInHome(path)).map(toPattern)
  if (inHome.length > 0)
    alternatives.push(`(?:${toPattern(lowerHome)}|~|\\$home|\\$\\{home\\})${anySlashes}(?:${inHome.join('|')})`)
  return new RegExp(`(?:${alternatives.join('|')})(?![\\w.-])`, 'i')
}

/** A separator, repeated or with `.` segments; never at the start of the expression, where it would be quadratic. */
const anySlashes = '/(?:\\.?/)*'

function toPattern(path: string): string {
  const plain = path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return plain.charAt(0) + plain.slice(1).replaceAll('/', anySlashes)
}

/** The lower-case names of protected paths that lie directly in one of the directories. */
export function listBareNames(guarded: ProtectedPaths, directories: readonly string[]): ReadonlySet<string> {
  const parents = new Set(directories.map((directory) => trimSlash(directory).toLowerCase()))
  return new Set(guarded.paths.filter((path) => parents.has(posix.dirname(path))).map((path) => posix.basename(path)))
}

/** True where a protected path stands anywhere in the text. */
export function namesInText(text: string, guarded: ProtectedPaths): boolean {
  return guarded.inText?.test(text) === true
}

/** True where a reading of a text, or a path within it, is a protected path or leads to one. */
export function namesProtectedPath(reading: string, guarded: ProtectedPaths, how: PathReading): boolean {
  const isProtected = (place: string): boolean => liesWithin(place, guarded.paths)
  return listForms(reading).some((form) => {
    if (namesInText(form, guarded) || leadsTo(form, { ...how, home: guarded.home }, isProtected)) return true
    return listEmbeddedPaths(form).some((path) => leadsTo(path, { ...how, home: guarded.home }, isProtected))
  })
}

/** True where a reading as a whole is a directory above a protected path, or leads to one: moving it moves what is in it. */
export function namesAncestor(reading: string, guarded: ProtectedPaths, how: PathReading): boolean {
  const isAncestor = (place: string): boolean => guarded.ancestors.has(place.toLowerCase())
  return listForms(reading).some((form) => leadsTo(form, { ...how, home: guarded.home }, isAncestor))
}

function listForms(reading: string): readonly string[] {
  return reading.includes('\\') ? [reading, reading.replaceAll('\\', '/')] : [reading]
}

/** Whether a path is one of the sought places: as written, or where it really leads. */
function leadsTo(
  form: string,
  { realPath, bases, home }: PathReading & { readonly home: string },
  isSought: (place: string) => boolean,
): boolean {
  return toAbsolute(form, home, bases).some(({ path, plain }) => {
    const written = trimSlash(posix.normalize(plain))
    if (isSought(written)) return true
    if (realPath === undefined) return false
    const real = resolveReal(written, realPath)
    if ('path' in real && isSought(real.path)) return true
    // `link/..` is another place than its normal form; the system's own reading counts as well.
    const physical = path.includes('..') ? realPath(path) : undefined
    return physical?.type === 'found' && isSought(physical.path)
  })
}

/** A path from each base, as it is written and shortened: a long one is not normalised anew for each. */
function toAbsolute(
  form: string,
  home: string,
  bases: readonly string[],
): readonly { readonly path: string; readonly plain: string }[] {
  const text = form
    .replace(/\0.*$/s, '')
    .replace(/^file:(?:\/\/[^/]*)?(?=\/)/i, '')
    .replace(/^(?:~|\$HOME|\$\{HOME\})(?=\/|$)/, home)
  const plain = posix.normalize(text)
  if (text.startsWith('/')) return [{ path: text, plain }]
  return bases.map((base) => ({ path: `${base}/${text}`, plain: `${base}/${plain}` }))
}

function liesWithin(path: string, directories: readonly string[]): boolean {
  const lower = path.toLowerCase()
  return directories.some((directory) => isWithin(lower, directory))
}

function trimSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}
