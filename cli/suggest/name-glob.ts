// Names out of a history as globs that mean them. A policy has no way to escape: where a name holds what a glob reads
// otherwise, each such character becomes `?`, and a rule with such a name is one that may match more than was seen.
import { createNameMatcher, findGlobProblem } from '../../gateway/policy/match.ts'

/** A glob for a server's name. */
export function toNameGlob(name: string): string {
  return toGlob(name, '')
}

/** A pattern for a tool, resource, prompt or method as events name it; a slash would bind a server. */
export function toToolGlob(name: string): string {
  const prefix = /^(?:resource|prompt|method):/.exec(name)?.[0] ?? ''
  return `${prefix}${toGlob(name.slice(prefix.length), prefix === '' ? '/' : '')}`
}

/** Whether the globs of a server and its tool mean just these. */
export function areExactNames(server: string, tool: string): boolean {
  return toNameGlob(server) === server && toToolGlob(tool) === tool
}

function toGlob(name: string, more: string): string {
  const glob = [...name].map((each) => (/[*?[\]{}!()\\]|\p{Cc}/u.test(each) || each === more ? '?' : each)).join('')
  return findGlobProblem(glob) === undefined && createNameMatcher(glob).test(name) ? glob : '*'
}
