// Where one run keeps what the log does not take: `<root>/<role>/<name>/<instance>/`, locked by the run while it lives, and
// below it one file log for each time that the log was out (file-log.ts). docs/design says what is in it at which moment.
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type DirectoryLock, isLocked, lockDirectory } from './directory-lock.ts'
import { systemCode, ToolwardenError } from './errors.ts'
import { chainOf } from './event.ts'
import { FileLog } from './file-log.ts'
import { makeDirectory } from './file-log-paths.ts'
import type { FaultStep } from './file-log-segment.ts'
import { APPEND_DEADLINE_MS, type LogRecord, recordBytes, type StoredRecord } from './log.ts'

/** The most bytes that one run keeps in its spool unless it is told otherwise; beyond, answers are held. */
export const MAX_SPOOL_BYTES = 64 * 1024 * 1024

const RUN_FILE = 'run.json'
const OUTAGE = /^\d{1,9}$/

/** Where the spools are and how large one may be. */
export interface SpoolOptions {
  readonly root: string
  /** `role/name`. */
  readonly writer: string
  readonly maxBytes?: number
  /** Makes steps of the disk fail or hang, for tests. */
  readonly fault?: (step: FaultStep) => Promise<void> | void
}

/** Where a run's first event stands in the log; with Kafka a partition is shared by many runs. */
export interface RunStart {
  readonly partition: string
  readonly offset: number
}

/** The spool of a run that lives. */
export class Spool {
  readonly #options: SpoolOptions
  /** Set by `begin`; before, and where that failed, nothing is taken. */
  #run: { readonly directory: string; readonly chain: string; readonly lock: DirectoryLock } | undefined
  /** Open while the log is out; another one each time, so that nothing is ever appended to what is being removed. */
  #outage: { readonly fileLog: FileLog; readonly directory: string } | undefined
  #outages = 0
  #bytes = 0
  #removing: Promise<void> = Promise.resolve()
  #noted: Promise<void> = Promise.resolve()

  constructor(options: SpoolOptions) {
    this.#options = options
  }

  /** Makes the run known as one that lives. Throws STORE_LOCKED, STORE_UNAVAILABLE. */
  async begin(instance: string): Promise<void> {
    const { root, writer } = this.#options
    const directory = join(root, writer, instance)
    this.#run = { directory, chain: chainOf({ writer, instance }), lock: lockDirectory(directory) }
    await this.#note(directory, undefined)
    await makeDirectory(directory, true)
  }

  /** Notes where the run stands in the log, so that the next one need not look for it. */
  async note({ partition, offset }: RunStart): Promise<void> {
    if (this.#run !== undefined) await this.#note(this.#run.directory, { partition, offset })
  }

  /** Resolves once the records are durable here; the errors promise what those of EventLog.append do. */
  async append(records: readonly LogRecord[]): Promise<void> {
    const { root, maxBytes = MAX_SPOOL_BYTES } = this.#options
    const run = this.#run
    const bytes = records.reduce((sum, record) => sum + recordBytes(record), 0)
    if (run === undefined)
      throw new ToolwardenError('LOG_UNAVAILABLE', 'this run has no spool', { where: root, retriable: true })
    if (this.#bytes + bytes > maxBytes)
      throw new ToolwardenError('LOG_FULL', `the spool holds ${maxBytes} bytes already`, {
        where: run.directory,
        fix: 'Bring the event log back, or allow more: gateway.spool.maxBytes',
        retriable: true,
      })
    const { chain } = run
    const { fileLog } = this.#open(run.directory)
    await fileLog.append('events', records, { chain, deadlineMs: APPEND_DEADLINE_MS, mayUseReserve: true })
    this.#bytes += bytes
  }

  /** Removes what the log has taken. */
  clear(): void {
    const outage = this.#outage
    if (outage === undefined) return
    this.#outage = undefined
    this.#bytes = 0
    this.#removing = this.#removing
      .then(() => outage.fileLog.close())
      .then(() => rm(outage.directory, { recursive: true, force: true }))
      // What stays is handed to the log once more by the next run, which changes nothing.
      .catch(() => undefined)
  }

  /** Ends the run's hold: what it leaves is for the next one; nothing is left of a run that is whole. */
  async end(isWhole: boolean): Promise<void> {
    await Promise.all([this.#removing, this.#noted, this.#outage?.fileLog.close()])
    if (this.#run === undefined) return
    if (isWhole && this.#outage === undefined) await rm(this.#run.directory, { recursive: true, force: true })
    else this.#run.lock.release()
  }

  #note(directory: string, start: RunStart | undefined): Promise<void> {
    const noted = this.#noted.then(() => writeRun(directory, start))
    this.#noted = noted.catch(() => undefined)
    return noted
  }

  #open(ofRun: string): { readonly fileLog: FileLog; readonly directory: string } {
    if (this.#outage !== undefined) return this.#outage
    const directory = join(ofRun, String(++this.#outages))
    const { fault } = this.#options
    this.#outage = { directory, fileLog: new FileLog({ root: directory, ...(fault === undefined ? {} : { fault }) }) }
    return this.#outage
  }
}

/** What a run that is over has left. */
export interface LeftSpool {
  readonly directory: string
  readonly chain: string
  readonly writer: string
  readonly start: RunStart | undefined
  readonly lock: DirectoryLock
}

/** The writers with spools below a root. */
export async function listSpooledWriters(root: string): Promise<readonly string[]> {
  const roles = await listNames(root)
  const writers = await Promise.all(
    roles.map(async (role) => (await listNames(join(root, role))).map((name) => `${role}/${name}`)),
  )
  return writers.flat()
}

/** Takes hold of a writer's runs of this machine that are over; each is the caller's until it releases the lock. */
export async function takeLeftSpools(root: string, writer: string): Promise<readonly LeftSpool[]> {
  const left: LeftSpool[] = []
  try {
    for (const instance of await listNames(join(root, writer))) {
      const found = await takeLeftSpool(root, writer, instance)
      if (found !== undefined) left.push(found)
    }
    return left
  } catch (error) {
    // Or this process would take its own locks for those of runs that live.
    for (const { lock } of left) lock.release()
    throw error
  }
}

async function takeLeftSpool(root: string, writer: string, instance: string): Promise<LeftSpool | undefined> {
  const directory = join(root, writer, instance)
  if (isLocked(directory)) return undefined
  const run = await readRun(directory)
  // Whether a process of another machine lives can't be seen from here.
  if (run !== undefined && run.host !== hostname()) return undefined
  const lock = tryLock(directory)
  return lock && { directory, chain: chainOf({ writer, instance }), writer, start: run?.start, lock }
}

/** Reads what a run left in its spool, in the order in which it was written. Throws LOG_UNAVAILABLE. */
export async function readLeftSpool({ directory }: Pick<LeftSpool, 'directory'>): Promise<readonly StoredRecord[]> {
  const records: StoredRecord[] = []
  const outages = (await listNames(directory)).filter((name) => OUTAGE.test(name)).map(Number)
  for (const outage of outages.toSorted((left, right) => left - right)) {
    const fileLog = new FileLog({ root: join(directory, String(outage)) })
    const take = (batch: readonly StoredRecord[]): void => void records.push(...batch)
    // What is damaged can't be said to the log; the calls of it are closed as ambiguous.
    try {
      const subscription = await fileLog.subscribe('events', { from: 'beginning', onExpired: () => undefined }, take)
      await subscription.caughtUp
    } finally {
      await fileLog.close()
    }
  }
  return records
}

/** Removes what a run left, once all of it is in the log and its calls are closed. */
export async function removeLeftSpool({ directory }: Pick<LeftSpool, 'directory'>): Promise<void> {
  await rm(directory, { recursive: true, force: true })
}

function tryLock(directory: string): DirectoryLock | undefined {
  try {
    return lockDirectory(directory)
  } catch (error) {
    if (error instanceof ToolwardenError && error.code === 'STORE_LOCKED') return undefined
    throw error
  }
}

async function writeRun(directory: string, start: RunStart | undefined): Promise<void> {
  const aside = join(directory, `${RUN_FILE}.new`)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await writeFile(aside, JSON.stringify({ host: hostname(), start }), { mode: 0o600, flush: true })
  await rename(aside, join(directory, RUN_FILE))
}

async function readRun(
  directory: string,
): Promise<{ readonly host: unknown; readonly start: RunStart | undefined } | undefined> {
  try {
    const run = JSON.parse(await readFile(join(directory, RUN_FILE), 'utf8')) as { host?: unknown; start?: unknown }
    return { host: run.host, start: isRunStart(run.start) ? run.start : undefined }
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw error
  }
}

function isRunStart(value: unknown): value is RunStart {
  if (typeof value !== 'object' || value === null) return false
  const { partition, offset } = value as Partial<RunStart>
  return typeof partition === 'string' && Number.isSafeInteger(offset) && Number(offset) >= 0
}

async function listNames(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory, { withFileTypes: true }))
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}
