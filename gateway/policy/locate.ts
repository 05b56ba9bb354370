// Where a path string leads: absolute, normalised, and the real path of its deepest existing ancestor.
// Pure but for the look-up that is passed in. Nothing here resolves a `..`: such a path is refused before.

import { posix } from 'node:path'

/** Longest path looked at, in characters (PATH_MAX of Linux counts bytes). */
export const MAX_PATH_CHARACTERS = 4096
/** Most symbolic links followed for one path, as in Linux. */
const MAX_LINKS = 40

/** What stands at an absolute path. `link`: a symbolic link whose target (absolute) does not exist. */
export type RealPathResult =
  | { readonly type: 'found'; readonly path: string }
  | { readonly type: 'absent' }
  | { readonly type: 'link'; readonly target: string }
  | { readonly type: 'unreadable'; readonly code: string }

/** Looks up an absolute path in the file system that the server sees. */
export type RealPath = (path: string) => RealPathResult

/** An absolute, normalised path; or why the text leads nowhere that can be checked. */
export type Location = { readonly path: string } | { readonly problem: string }

/** True where a segment is `..`, between separators of either kind. */
export function hasParentSegment(text: string): boolean {
  return text.includes('..') && text.split(/[/\\]/).some((segment) => segment.trim() === '..')
}

/** The absolute path that one reading of a text names; relative ones stand in `root`. */
export function locate(reading: string, root: string | undefined): Location {
  if (reading.includes('\0')) return { problem: 'holds a NUL character' }
  if (hasParentSegment(reading)) return { problem: 'holds a ".." segment' }
  if (/^~/.test(reading)) return { problem: 'begins with "~", which each server expands in its own way' }
  if (/^\$\{?[A-Z_][A-Z0-9_]*\}?(?:[/\\]|$)|^%[A-Za-z_][A-Za-z0-9_]*%/.test(reading)) {
    return { problem: 'begins with an environment variable' }
  }
  if (/^file:/i.test(reading)) return locateFileUrl(reading)
  if (/^(?:[A-Za-z]:|\\\\|[/\\]{2}[?.][/\\])/.test(reading)) return { problem: 'is a Windows path' }
  if (reading.startsWith('/')) return { path: normalize(reading) }
  if (root === undefined) return { problem: 'is relative, and the server has no declared root' }
  return { path: normalize(`${root}/${reading}`) }
}

function locateFileUrl(reading: string): Location {
  if (!URL.canParse(reading)) return { problem: 'is not a valid file: URL' }
  const url = new URL(reading)
  if (url.hostname !== '' && url.hostname !== 'localhost') return { problem: 'is a file: URL of another host' }
  const path = url.pathname
  if (/^\/[A-Za-z](?::|%3a|\|)/i.test(path)) return { problem: 'is a Windows path' }
  if (hasParentSegment(path)) return { problem: 'holds a ".." segment' }
  return { path: normalize(path) }
}

/** Collapses `//` and `/./` and drops the slash at the end. */
function normalize(path: string): string {
  const collapsed = posix.normalize(path.replace(/^\/+/, '/'))
  return collapsed.length > 1 && collapsed.endsWith('/') ? collapsed.slice(0, -1) : collapsed
}

/** True where `path` is `directory` or lies beneath it; both absolute and normalised. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || directory === '/' || path.startsWith(`${directory}/`)
}

/** The real path behind an absolute one: its deepest existing ancestor resolved, the rest appended. */
export function resolveReal(path: string, realPath: RealPath): Location {
  let at = path
  for (let links = 0; links <= MAX_LINKS; links += 1) {
    const step = resolveOnce(at, realPath)
    if (step.type === 'resolved') return { path: step.path }
    if (step.type === 'unreadable') return { problem: `can't be looked up (${step.code})` }
    at = normalize(step.path)
  }
  return { problem: 'leads through too many symbolic links' }
}

type Step =
  | { readonly type: 'resolved' | 'continue'; readonly path: string }
  | { readonly type: 'unreadable'; readonly code: string }

function resolveOnce(path: string, realPath: RealPath): Step {
  const whole = realPath(path)
  if (whole.type !== 'absent') return toStep(whole, '')
  // From the top: the first missing entry ends the search, however long the caller made the rest.
  let ancestor = { real: '/', end: 0 }
  for (let end = endOfSegment(path, 1); end < path.length; end = endOfSegment(path, end + 1)) {
    const result = realPath(path.slice(0, end))
    if (result.type === 'absent') break
    if (result.type !== 'found') return toStep(result, path.slice(end))
    ancestor = { real: result.path, end }
  }
  return { type: 'resolved', path: join(ancestor.real, path.slice(ancestor.end)) }
}

function toStep(result: Exclude<RealPathResult, { type: 'absent' }>, rest: string): Step {
  switch (result.type) {
    case 'found':
      return { type: 'resolved', path: join(result.path, rest) }
    case 'link':
      return { type: 'continue', path: join(result.target, rest) }
    case 'unreadable':
      return { type: 'unreadable', code: result.code }
  }
}

/** The end of the segment that begins at `start`, of a normalised path. */
function endOfSegment(path: string, start: number): number {
  const slash = path.indexOf('/', start)
  return slash === -1 ? path.length : slash
}

function join(directory: string, rest: string): string {
  return directory === '/' && rest.startsWith('/') ? rest : `${directory}${rest}`
}
