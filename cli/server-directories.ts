// The directories that a server's command names. Some servers take relative paths from each of them in turn, so that one
// declared root would have constraints look at another file than the server opens.
import { statSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import { systemCode, ToolwardenError } from '../events/errors.ts'

/** The absolute directories among a command's arguments (also as `--option=/directory`) that exist, each once. */
export function listServerDirectories([, ...args]: readonly string[]): readonly string[] {
  const paths = args.map((arg) => arg.replace(/^-[^=]*=/, '')).filter(isAbsolute)
  return [...new Set(paths.map((path) => resolve(path)))].filter(isDirectory)
}

/** Throws USAGE where a root is declared for a server with several directories. */
export function checkRoot(root: string | undefined, command: readonly string[]): void {
  if (root === undefined) return
  const directories = listServerDirectories(command)
  if (directories.length > 1)
    throw new ToolwardenError('USAGE', 'a root is declared for a server with several directories', {
      where: `--root ${root}; the server has ${directories.join(' ')}`,
      fix: 'leave the root out (relative paths are then denied where allowedPaths is set), or start one gateway a directory',
    })
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  } catch (error) {
    // What can't be looked up (another user's, or beneath a file) is no directory that this server can use.
    if (systemCode(error) === undefined) throw error
    return false
  }
}
