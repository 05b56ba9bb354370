// A lock on a directory, held by one process: a file with its process id and start time, so that a lock whose holder was
// killed is known to be stale even after its process id went to another process.
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemCode, ToolwardenError } from './errors.ts'

const LOCK_FILE = 'toolwarden.lock'
/** Two processes that find the same stale lock get in each other's way at most a few times. */
const MAX_ATTEMPTS = 5

interface Holder {
  readonly pid: number
  readonly started: string
  /** Told apart from another lock that the same process takes. */
  readonly token: string
}

/** A lock that is held until it is released or the process ends. */
export interface DirectoryLock {
  release(): void
}

/** Whether a living process holds the lock of a directory. */
export function isLocked(directory: string): boolean {
  const holder = readHolder(join(directory, LOCK_FILE))
  return holder !== undefined && isAlive(holder)
}

/** Makes the directory (0700) and locks it. Throws STORE_LOCKED naming the holder, STORE_UNAVAILABLE. */
export function lockDirectory(directory: string): DirectoryLock {
  const path = join(directory, LOCK_FILE)
  const own: Holder = { pid: process.pid, started: startOf(process.pid) ?? '', token: randomUUID() }
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      if (tryCreate(path, own)) return { release: () => releaseLock(path, own) }
      const holder = readHolder(path)
      if (holder !== undefined && isAlive(holder)) throw locked(directory, holder)
      removeStale(path, holder)
    }
  } catch (cause) {
    if (cause instanceof ToolwardenError) throw cause
    throw new ToolwardenError('STORE_UNAVAILABLE', "the store's directory can't be used", {
      where: directory,
      fix: 'make the directory writable for this user, or choose another one',
      cause,
    })
  }
  throw new ToolwardenError('STORE_LOCKED', 'other processes are taking this store at the same moment', {
    where: directory,
    retriable: true,
    fix: 'start one of them only',
  })
}

/** Written aside and linked: the lock appears whole or not at all. */
function tryCreate(path: string, own: Holder): boolean {
  const aside = `${path}.${own.token}`
  writeFileSync(aside, JSON.stringify(own), { mode: 0o600 })
  try {
    linkSync(aside, path)
    return true
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false
    throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

function readHolder(path: string): Holder | undefined {
  try {
    const holder = JSON.parse(readFileSync(path, 'utf8')) as Partial<Holder>
    const { pid, started, token } = holder
    if (typeof pid !== 'number' || typeof started !== 'string' || typeof token !== 'string') return undefined
    return { pid, started, token }
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Moves a stale lock away; if another process replaced it meanwhile, what was moved is that one's and is put back. */
function removeStale(path: string, stale: Holder | undefined): void {
  const aside = `${path}.${randomUUID()}`
  try {
    renameSync(path, aside)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return
    throw error
  }
  if (readHolder(aside)?.token !== stale?.token) renameSync(aside, path)
  else rmSync(aside, { force: true })
}

function releaseLock(path: string, own: Holder): void {
  if (readHolder(path)?.token === own.token) rmSync(path, { force: true })
}

function isAlive(holder: Holder): boolean {
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if (systemCode(error) === 'ESRCH') return false
    // EPERM: it runs as another user.
  }
  const started = startOf(holder.pid)
  return started === undefined || holder.started === '' || started === holder.started
}

/** When a process started, in the system's own words; undefined where that can't be found out. */
function startOf(pid: number): string | undefined {
  try {
    // The name of the program may hold spaces and brackets: fields count from after its last bracket (proc(5)).
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return startFromPs(pid)
  }
}

function startFromPs(pid: number): string | undefined {
  try {
    const started = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: 'pipe' }).trim()
    return started === '' ? undefined : started
  } catch {
    return undefined
  }
}

function locked(directory: string, holder: Holder): ToolwardenError {
  return new ToolwardenError('STORE_LOCKED', `the store is in use by process ${holder.pid}`, {
    where: directory,
    fix: `stop that process (kill ${holder.pid}), or give both a ClickHouse server with CLICKHOUSE_URL`,
  })
}
