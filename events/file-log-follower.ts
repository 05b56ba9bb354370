// Follows all chains of a topic in one loop: finds chains, reads each in order and in turn, sleeps until a directory
// changes or a poll is due. Only one callback runs at a time.
import { join } from 'node:path'
import { systemCode, ToolwardenError } from './errors.ts'
import { ChainCursor, type ChainPlace } from './file-log-cursor.ts'
import { chainDirectory, listTopic, makeDirectory } from './file-log-paths.ts'
import { DirectoryWatch } from './file-log-watch.ts'
import type { ExpiredRange, ResumeFrom, StoredRecord, Topic } from './log.ts'

/** What to follow and whom to tell. */
export interface FollowerOptions {
  readonly root: string
  readonly topic: Topic
  readonly compacted: boolean
  readonly from: ResumeFrom
  readonly maxBatchRecords: number
  /** How often the directories are looked at without a sign, milliseconds. */
  readonly pollMs: number
  readonly onRecords: (records: readonly StoredRecord[]) => Promise<void> | void
  readonly onMissing: (range: ExpiredRange) => Promise<void> | void
  /** Called once, before `caughtUp` resolves. */
  readonly onCaughtUp: () => Promise<void> | void
  readonly onStopped: (error: unknown) => void
}

/** A chain nobody wrote for this long is looked at once in QUIET_POLL_MS. */
const QUIET_AFTER_MS = 60 * 60 * 1000
const QUIET_POLL_MS = 60 * 1000
/** Chains whose directories are watched; more are only polled. */
const MAX_WATCHED_CHAINS = 512

/** What the loop knows of one chain. */
interface FollowedChain {
  readonly directory: string
  readonly cursor: ChainCursor
  /** The end that has to be passed before the follower has caught up; undefined once it was. */
  target: ChainPlace | undefined
  dirty: boolean
  sealed: boolean
  polledMs: number
}

/** Hands over what stands in a topic and what comes. */
export class TopicFollower {
  /** Resolves when all that stood in the topic at start() was handed over; rejects when it stops before. */
  readonly caughtUp: Promise<void>
  readonly #options: FollowerOptions
  /** By directory. */
  readonly #chains = new Map<string, FollowedChain>()
  readonly #watch: DirectoryWatch
  #settleCaughtUp: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined
  #isStopping = false
  #scanDue = false
  #scannedMs = 0
  #wake: (() => void) | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(options: FollowerOptions) {
    this.#options = options
    this.#watch = new DirectoryWatch((directory) => this.#noticed(directory))
    this.caughtUp = new Promise((resolve, reject) => {
      this.#settleCaughtUp = { resolve, reject }
    })
    // Whoever does not ask for it must not be ended by its rejection.
    this.caughtUp.catch(() => undefined)
  }

  /** Resolves when it is settled where each chain begins; records appended after that are handed over. */
  async start(): Promise<void> {
    try {
      await this.#reading(makeDirectory(join(this.#options.root, this.#options.topic), false))
      await this.#scan(this.#options.from)
      for (const chain of this.#chains.values()) chain.target = await this.#reading(chain.cursor.findEnd())
    } catch (error) {
      this.#watch.close()
      throw error
    }
    this.#running = this.#run()
  }

  /** Ends it; resolves when no callback is running any more. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#wake?.()
    await this.#running
  }

  async #run(): Promise<void> {
    try {
      while (!this.#isStopping) await this.#turn()
      this.#end(
        new ToolwardenError('LOG_UNAVAILABLE', 'the subscription was stopped before it had caught up', {
          retriable: true,
        }),
      )
    } catch (error) {
      this.#end(error)
      this.#options.onStopped(error)
    }
  }

  #end(reason: unknown): void {
    this.#isStopping = true
    this.#watch.close()
    this.#settleCaughtUp?.reject(reason)
  }

  async #turn(): Promise<void> {
    const scanDue = this.#scanDue || performance.now() - this.#scannedMs >= this.#options.pollMs
    // Chains that appear later are new: whoever wanted the end wants all of them.
    if (scanDue) await this.#scan(this.#options.from === 'end' ? 'beginning' : this.#options.from)
    for (const chain of [...this.#chains.values()]) {
      if (this.#isStopping) return
      if (chain.dirty) await this.#readSome(chain)
    }
    await this.#noteCaughtUp()
    if (![...this.#chains.values()].some((chain) => chain.dirty)) await this.#sleep()
  }

  async #readSome(chain: FollowedChain): Promise<void> {
    // Cleared before the read: a sign that comes while reading counts for the next one.
    chain.dirty = false
    const read = await this.#reading(chain.cursor.read(this.#options.maxBatchRecords))
    switch (read.type) {
      case 'records':
        chain.dirty = true
        await this.#handOver(read.records)
        if (chain.target !== undefined && chain.cursor.hasPassed(chain.target)) chain.target = undefined
        return
      case 'missing':
        chain.dirty = true
        await this.#options.onMissing(read.range)
        return
      case 'sealed':
        chain.sealed = true
        chain.target = undefined
        return
      case 'gone':
        this.#chains.delete(chain.directory)
        return
      case 'idle':
        chain.target = undefined
        return
    }
  }

  async #handOver(records: readonly StoredRecord[]): Promise<void> {
    const max = this.#options.maxBatchRecords
    for (let at = 0; at < records.length && !this.#isStopping; at += max) {
      await this.#options.onRecords(records.slice(at, at + max))
    }
  }

  async #noteCaughtUp(): Promise<void> {
    if (this.#settleCaughtUp === undefined || this.#isStopping) return
    for (const chain of this.#chains.values()) if (chain.target !== undefined) return
    const { resolve } = this.#settleCaughtUp
    await this.#options.onCaughtUp()
    this.#settleCaughtUp = undefined
    resolve()
  }

  async #scan(from: ResumeFrom): Promise<void> {
    do {
      this.#scanDue = false
      this.#scannedMs = performance.now()
      const { directories, partitions } = await this.#reading(listTopic(this.#options.root, this.#options.topic))
      for (const partition of partitions) {
        const directory = chainDirectory(this.#options.root, this.#options.topic, partition)
        if (this.#chains.get(directory) === undefined) await this.#begin(directory, partition, from)
      }
      if (!this.#watch.set(new Set([...directories, ...this.#liveDirectories()]))) break
      // What came into a directory before its watch was set is found by looking again.
    } while (!this.#isStopping)
    this.#markPolled()
  }

  async #begin(directory: string, partition: string, from: ResumeFrom): Promise<void> {
    const { topic, compacted } = this.#options
    const next = typeof from === 'function' ? await from(partition) : 'beginning'
    const place = { directory, topic, partition, compacted }
    const cursor = new ChainCursor(typeof next === 'number' ? { ...place, next } : place)
    if (from === 'end' || next === 'end') await this.#reading(cursor.seekEnd())
    const chain = { directory, cursor, target: undefined, dirty: true, sealed: false, polledMs: 0 }
    this.#chains.set(directory, chain)
  }

  /** The directories of chains that may still grow, the most recently written first. */
  #liveDirectories(): string[] {
    const live = [...this.#chains.values()].filter((chain) => !chain.sealed && !isQuiet(chain))
    live.sort((left, right) => right.cursor.touchedMs - left.cursor.touchedMs)
    return live.slice(0, MAX_WATCHED_CHAINS).map((chain) => chain.directory)
  }

  #markPolled(): void {
    const now = performance.now()
    for (const chain of this.#chains.values()) {
      if (chain.sealed || (isQuiet(chain) && now - chain.polledMs < QUIET_POLL_MS)) continue
      chain.polledMs = now
      chain.dirty = true
    }
  }

  #noticed(directory: string): void {
    const chain = this.#chains.get(directory)
    if (chain === undefined) this.#scanDue = true
    else chain.dirty = true
    this.#wake?.()
  }

  /** Wraps what the file system says; what callbacks throw stays what it is. */
  async #reading<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      if (error instanceof ToolwardenError) throw error
      throw new ToolwardenError(
        'LOG_UNAVAILABLE',
        `the event log can't be read (${systemCode(error) ?? 'unknown error'})`,
        {
          where: this.#options.root,
          fix: 'Check that the directory is readable and the disk works, then subscribe again.',
          cause: error,
          retriable: true,
        },
      )
    }
  }

  /** Until something changed or a poll is due. */
  async #sleep(): Promise<void> {
    if (this.#isStopping || this.#scanDue) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#options.pollMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = undefined
  }
}

function isQuiet(chain: FollowedChain): boolean {
  return chain.cursor.touchedMs > 0 && Date.now() - chain.cursor.touchedMs > QUIET_AFTER_MS
}
