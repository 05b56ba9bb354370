// The look-up of real paths in this machine's file system: the one file of the policy that does I/O.
// Synchronous, since a decision must not wait on a queue between its check and its record.

import { lstatSync, readlinkSync, realpathSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { systemCode } from '../../events/errors.ts'
import type { RealPathResult } from './locate.ts'

/** Says what stands at an absolute path of this machine. */
export function lookUpRealPath(path: string): RealPathResult {
  try {
    const entry = lstatSync(path, { throwIfNoEntry: false })
    if (entry === undefined) return { type: 'absent' }
    return entry.isSymbolicLink() ? lookUpLink(path) : { type: 'found', path: realpathSync.native(path) }
  } catch (error) {
    const code = systemCode(error)
    return isMissing(code) ? { type: 'absent' } : { type: 'unreadable', code: code ?? 'unknown' }
  }
}

/** A link to something missing matters all the same: writing through it would create its target. */
function lookUpLink(path: string): RealPathResult {
  try {
    return { type: 'found', path: realpathSync.native(path) }
  } catch (error) {
    if (!isMissing(systemCode(error))) throw error
    return { type: 'link', target: resolve(realpathSync.native(dirname(path)), readlinkSync(path)) }
  }
}

function isMissing(code: string | undefined): boolean {
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG'
}
