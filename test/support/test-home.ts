// Where a run of tests keeps its files. The default suite makes thousands that it throws away, and waited for the disk for half
// of its time: so they lie in memory, where the system has a file system there. What is to be shown of disks is under
// test/real/, and stays on one.
import { accessSync, constants, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemCode } from '../../events/errors.ts'

const MEMORY = '/dev/shm'
/** A run takes a tenth of it, and the product wants 64 MiB left; containers often have just that. */
const MIN_FREE_BYTES = 256 * 1024 ** 2
const PREFIX = 'toolwarden-test-'

/** Makes the directory of a run: on the disk when that is asked for, when TMPDIR names a place, or when memory won't do. */
export function makeTestHome(onDisk: boolean): string {
  if (onDisk || process.env.TMPDIR !== undefined) return mkdtempSync(join(tmpdir(), PREFIX))
  return tryMemory() ?? mkdtempSync(join(tmpdir(), PREFIX))
}

function tryMemory(): string | undefined {
  try {
    const { bavail, bsize } = statfsSync(MEMORY)
    if (bavail * bsize < MIN_FREE_BYTES) return undefined
    const home = mkdtempSync(join(MEMORY, PREFIX))
    if (runsPrograms(home)) return home
    rmSync(home, { recursive: true })
    return undefined
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EROFS'].includes(systemCode(error) ?? '')) return undefined
    throw error
  }
}

/** Mounted `noexec` it is of no use: tests write programs and run them. */
function runsPrograms(directory: string): boolean {
  const program = join(directory, 'program')
  writeFileSync(program, '', { mode: 0o700 })
  try {
    accessSync(program, constants.X_OK)
    return true
  } catch (error) {
    if (systemCode(error) === 'EACCES') return false
    throw error
  } finally {
    rmSync(program)
  }
}
