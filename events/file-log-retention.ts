// Removes what the ledger has stored and what is old enough from the embedded log, whole segments at a time.
// A segment that may still be written is never removed; a chain whose run is over goes when nothing is left of it.
import { rm, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode, ToolwardenError } from './errors.ts'
import { ChainCursor, type ChainRead } from './file-log-cursor.ts'
import { chainDirectory, listSegments, listTopic, segmentName } from './file-log-paths.ts'
import type { Topic } from './log.ts'

/** What may go. */
export interface RetentionOptions {
  /** The offset of the first record of a partition that is not stored safely elsewhere yet. */
  readonly isStored: (partition: string) => Promise<number>
  /** How long a segment must have been left alone, milliseconds. */
  readonly minAgeMs: number
  /** Milliseconds since 1970. */
  readonly now: number
}

/** A chain without a seal that was left alone this long has no writer any more (a live one says so every minute). */
export const DEAD_AFTER_MS = 24 * 60 * 60 * 1000

/** Removes the segments of a topic that may go; resolves to their paths. USAGE on a compacted topic. */
export async function expireSegments(
  root: string,
  topic: Topic,
  options: RetentionOptions,
): Promise<readonly string[]> {
  if (topic === 'control') {
    throw new ToolwardenError('USAGE', 'a compacted topic is not shortened by age', { where: topic })
  }
  const removed: string[] = []
  for (const partition of (await listTopic(root, topic)).partitions) {
    const directory = chainDirectory(root, topic, partition)
    const segments = (await listSegments(directory)) ?? []
    const expired = await findExpired({ directory, topic, partition, segments }, options)
    // Oldest first: a reader may then find the beginning gone, but never a hole.
    for (const base of expired) {
      const path = join(directory, segmentName(base))
      await rm(path, { force: true })
      removed.push(path)
    }
    if (expired.length === segments.length) await removeEmpty(directory, expired.length > 0, options.now)
  }
  return removed
}

interface Chain {
  readonly directory: string
  readonly topic: Topic
  readonly partition: string
  readonly segments: readonly number[]
}

async function findExpired(chain: Chain, options: RetentionOptions): Promise<readonly number[]> {
  if (chain.segments.length === 0) return []
  const firstUnstored = await options.isStored(chain.partition)
  const expired: number[] = []
  for (const [index, base] of chain.segments.entries()) {
    const ageMs = await findAge(join(chain.directory, segmentName(base)), options.now)
    if (ageMs === undefined || ageMs < options.minAgeMs) return expired
    const end = chain.segments[index + 1] ?? (await findFinalEnd(chain, base, ageMs))
    if (end === undefined || end > firstUnstored) return expired
    expired.push(base)
  }
  return expired
}

/** The offset behind a chain's last record if nothing will follow it; undefined while its run may go on. */
async function findFinalEnd(chain: Chain, base: number, ageMs: number): Promise<number | undefined> {
  const { directory, topic, partition } = chain
  const cursor = new ChainCursor({ directory, topic, partition, compacted: false, next: base })
  for (;;) {
    const read: ChainRead = await cursor.read(Number.POSITIVE_INFINITY)
    if (read.type === 'sealed') return cursor.next
    if (read.type === 'idle') return ageMs >= DEAD_AFTER_MS ? cursor.next : undefined
    if (read.type === 'gone') return undefined
  }
}

async function findAge(path: string, now: number): Promise<number | undefined> {
  try {
    return now - (await stat(path)).mtimeMs
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Removes a directory without segments, unless a run may just have made it. */
async function removeEmpty(directory: string, isOver: boolean, now: number): Promise<void> {
  const ageMs = await findAge(directory, now)
  if (ageMs === undefined || (!isOver && ageMs < DEAD_AFTER_MS)) return
  try {
    await rmdir(directory)
  } catch (error) {
    if (systemCode(error) !== 'ENOTEMPTY' && systemCode(error) !== 'ENOENT') throw error
  }
}
