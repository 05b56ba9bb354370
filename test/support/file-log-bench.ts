// What the tests of the embedded log share: a temporary directory, logs on it, and all that can be read back.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FileLog, type FileLogOptions } from '../../events/file-log.ts'
import type { ExpiredRange, LogRecord, Position, StoredRecord, Topic } from '../../events/log.ts'
import { text } from './event-log-bench.ts'

/** The chain that tests write unless they need another. */
export const CHAIN = 'gateway/files/run-1'
/** Where the first segment of CHAIN stands in a root. */
export const FIRST_SEGMENT = `events/${CHAIN}/00000000000000000000.log`

/** What a reader of everything saw. */
export interface Everything {
  readonly records: readonly StoredRecord[]
  readonly values: readonly string[]
  readonly missing: readonly ExpiredRange[]
}

/** A temporary root with the logs that were opened on it. */
export class FileLogBench {
  readonly root: string
  readonly #logs: FileLog[] = []

  constructor(root: string) {
    this.root = root
  }

  static async create(): Promise<FileLogBench> {
    return new FileLogBench(await mkdtemp(join(tmpdir(), 'toolwarden-log-')))
  }

  open(options: Partial<FileLogOptions> = {}): FileLog {
    const log = new FileLog({ root: this.root, ...options })
    this.#logs.push(log)
    return log
  }

  /** All that stands in a topic now, read by a log of its own. */
  async readAll(topic: Topic = 'events', from: number | 'beginning' = 'beginning'): Promise<Everything> {
    const records: StoredRecord[] = []
    const missing: ExpiredRange[] = []
    const reader = new FileLog({ root: this.root })
    const onExpired = (range: ExpiredRange) => void missing.push(range)
    const subscription = await reader.subscribe(
      topic,
      { from: async () => from, onExpired },
      (batch) => void records.push(...batch),
    )
    await subscription.caughtUp
    await reader.close()
    return { records, missing, values: records.map(text) }
  }

  async remove(): Promise<void> {
    for (const log of this.#logs) await log.close()
    await rm(this.root, { recursive: true, force: true })
  }
}

/** Appends values together as one append. */
export async function appendValues(
  log: FileLog,
  values: readonly string[],
  options: AppendValuesOptions = {},
): Promise<readonly Position[]> {
  const { topic = 'events', chain = CHAIN, key = chain, deadlineMs = 5_000, mayUseReserve = true } = options
  const records: LogRecord[] = values.map((value) => ({ key, value: Buffer.from(value), headers: {} }))
  return log.append(topic, records, { chain, deadlineMs, mayUseReserve })
}

/** Where to append, if not to CHAIN on `events`. */
export interface AppendValuesOptions {
  readonly topic?: Topic
  readonly chain?: string
  readonly key?: string
  readonly deadlineMs?: number
  readonly mayUseReserve?: boolean
}

/** An error as the operating system gives it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: as the disk says`), { code })
}
