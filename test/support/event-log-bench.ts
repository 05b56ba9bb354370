// What tests of event logs share: opening logs on one storage, reading them, waiting for what must come.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { ToolwardenError } from '../../events/errors.ts'
import type { EventLog, LogRecord, Position, ResumeFrom, StoredRecord, Subscription, Topic } from '../../events/log.ts'

/** How long an append may take in tests, where nothing is frozen. */
export const DEADLINE_MS = 10_000

/** One empty log: fresh storage for files, fresh topic names for Kafka. */
export interface EventLogStorage {
  /** Opens the log; called again for a restart or for a second process on the same storage. */
  open(): Promise<EventLog>
  /** Makes the storage stop answering, as SIGSTOP of a broker or a hung disk does; absent where that can't be done. */
  readonly freeze?: () => Promise<void>
  readonly thaw?: () => Promise<void>
  /** Called after all opened logs were closed. */
  remove(): Promise<void>
}

/** One test's storage with everything that was opened on it. */
export class Bench {
  readonly storage: EventLogStorage
  readonly #patienceMs: number
  readonly #logs: EventLog[] = []

  constructor(storage: EventLogStorage, patienceMs: number) {
    this.storage = storage
    this.#patienceMs = patienceMs
  }

  async open(): Promise<EventLog> {
    const log = await this.storage.open()
    this.#logs.push(log)
    return log
  }

  async read(log: EventLog, options: { from?: ResumeFrom; maxBatchRecords?: number } = {}): Promise<Reader> {
    const reader = new Reader(this.#patienceMs)
    reader.subscription = await log.subscribe('events', { from: 'beginning', ...options }, (batch) => reader.add(batch))
    return reader
  }

  async latest(log: EventLog): Promise<Reader> {
    const reader = new Reader(this.#patienceMs)
    reader.subscription = await log.latest('control', (record) => reader.add([record]))
    return reader
  }

  async remove(): Promise<void> {
    for (const log of this.#logs) await log.close()
    await this.storage.remove()
  }
}

/** Collects what a subscription hands over. */
export class Reader {
  readonly batches: StoredRecord[][] = []
  readonly records: StoredRecord[] = []
  subscription: Subscription = { caughtUp: Promise.reject(new Error('not subscribed')), stop: async () => undefined }
  readonly #patienceMs: number
  #check: () => void = () => undefined

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs
    this.subscription.caughtUp.catch(() => undefined)
  }

  add(batch: readonly StoredRecord[]): void {
    this.batches.push([...batch])
    this.records.push(...batch)
    this.#check()
  }

  values(chain: string): string[] {
    return this.records.filter((record) => record.key === chain).map(text)
  }

  async until(condition: () => boolean): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () => reject(new Error(`after ${this.#patienceMs} ms: ${this.records.map(text).slice(-20)}`)),
        this.#patienceMs,
      )
    })
    const met = new Promise<void>((resolve) => {
      this.#check = () => condition() && resolve()
      this.#check()
    })
    await Promise.race([met, late]).finally(() => clearTimeout(timer))
  }
}

/** A run of a writer of its own: on `control` a new run of the same writer replaces the older ones. */
export function newChain(): string {
  return `gateway/${randomUUID().slice(0, 8)}/${randomUUID()}`
}

function toRecords(key: string, values: readonly string[]): LogRecord[] {
  return values.map((value) => ({ key, value: Buffer.from(value), headers: {} }))
}

/** Appends values to a chain together. */
export async function append(
  log: EventLog,
  chain: string,
  values: readonly string[],
  deadlineMs = DEADLINE_MS,
): Promise<readonly Position[]> {
  return log.append('events', toRecords(chain, values), { deadlineMs, chain })
}

/** Appends 0, 1, 2 … one after another. */
export async function appendMany(log: EventLog, chain: string, count: number): Promise<void> {
  for (const value of numbers(0, count)) await append(log, chain, [value])
}

/** Appends one record of a subject to `control`. */
export async function put(log: EventLog, chain: string, key: string, value: string): Promise<void> {
  const topic: Topic = 'control'
  await log.append(topic, toRecords(key, [value]), { deadlineMs: DEADLINE_MS, chain })
}

/** Repeats an append in doubt until it is acknowledged, at most five times. */
export async function appendUntilTaken(log: EventLog, chain: string, value: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const error = await append(log, chain, [value]).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    if (error === undefined) return
    if (!(error instanceof ToolwardenError && error.retriable) || attempt === 5) throw error
  }
}

/** Subscribes with a handler that throws at `value`, one record a batch; resolves with what onStopped was told. */
export async function failAt(log: EventLog, value: string, handled: StoredRecord[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const handle = (batch: readonly StoredRecord[]) => {
      if (batch.some((record) => text(record) === value)) throw new Error('refused by the test')
      handled.push(...batch)
    }
    log.subscribe('events', { from: 'beginning', maxBatchRecords: 1, onStopped: resolve }, handle).catch(reject)
  })
}

/** Where a reader goes on that has handled these records. */
export function resumeAfter(handled: readonly StoredRecord[]): ResumeFrom {
  return async (partition) => {
    const offsets = handled
      .filter((record) => record.position.partition === partition)
      .map((record) => record.position.offset)
    return offsets.length === 0 ? 'beginning' : Math.max(...offsets) + 1
  }
}

/** The first records of each partition, `count` of each. */
export function firstOfEachPartition(records: readonly StoredRecord[], count: number): StoredRecord[] {
  const seen = new Map<string, number>()
  return records.filter(({ position }) => {
    const index = seen.get(position.partition) ?? 0
    seen.set(position.partition, index + 1)
    return index < count
  })
}

/** The last value of each key. */
export function newestByKey(records: readonly StoredRecord[]): Record<string, string> {
  return Object.fromEntries(records.map((record) => [record.key, text(record)]))
}

/** Fails unless offsets grow in each partition. */
export function assertGrowing(records: readonly StoredRecord[]): void {
  const last = new Map<string, number>()
  for (const { position } of records) {
    assert.ok(position.offset > (last.get(position.partition) ?? -1))
    last.set(position.partition, position.offset)
  }
}

/** The numbers from `from` up to `to`, which is left out, as texts. */
export function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => String(from + index))
}

/** A value as text. */
export function text(record: StoredRecord): string {
  return Buffer.from(record.value).toString('utf8')
}
