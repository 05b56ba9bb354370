// Where a partition's reading begins or goes on, and what to say when the log does not have that place any more.

import { ToolwardenError } from './errors.ts'
import type { Watermarks } from './kafka-log-session.ts'
import type { SubscribeOptions, Topic } from './log.ts'

/** What is known of a partition when it is assigned. */
export interface PartitionStart {
  readonly topic: Topic
  readonly partition: number
  readonly subscribe: SubscribeOptions
  /** The next offset wanted by this subscription, if it read the partition before. */
  readonly held: number | undefined
  /** The offset kept with the group, if any. */
  readonly committed: number | undefined
  readonly now: Watermarks
  /** The partition as it stood when the subscription began; undefined if it was added later. */
  readonly atStart: Watermarks | undefined
}

/** The offset to begin at; tells onExpired what is missing before it, throws LOG_CORRUPT if the log ends before it. */
export async function chooseStart(start: PartitionStart): Promise<number> {
  const { topic, partition, subscribe, now } = start
  const wanted = (await findWanted(start)) ?? now.low
  if (wanted > now.high) throw createTruncated(topic, partition, { wanted, end: now.high })
  if (wanted >= now.low) return wanted
  await reportExpired(topic, subscribe, { partition, from: wanted, to: now.low - 1 })
  return now.low
}

/** Undefined is the beginning of what the log still has. */
async function findWanted({
  subscribe,
  partition,
  held,
  committed,
  atStart,
  now,
}: PartitionStart): Promise<number | undefined> {
  const { from, group } = subscribe
  // Another member of the group may have read on meanwhile, so the subscriber's store is asked at each assignment.
  if (typeof from === 'function' && (group !== undefined || held === undefined)) {
    const answer = await from(String(partition))
    if (answer === 'end') return now.high
    return answer === 'beginning' ? undefined : answer
  }
  if (held !== undefined) return Math.max(held, committed ?? 0)
  if (committed !== undefined) return committed
  // A partition that was added after the start holds nothing that stood before the end.
  return from === 'end' ? (atStart?.high ?? 0) : undefined
}

/** Hands a range that retention removed to the subscriber; throws LOG_EXPIRED if it does not want to be told. */
export async function reportExpired(
  topic: Topic,
  subscribe: SubscribeOptions,
  { partition, from, to }: { readonly partition: number; readonly from: number; readonly to: number },
): Promise<void> {
  if (subscribe.onExpired !== undefined) {
    await subscribe.onExpired({ topic, partition: String(partition), from, to })
    return
  }
  throw new ToolwardenError('LOG_EXPIRED', 'records were removed from the event log before they were read', {
    where: `${topic}/${partition}: ${from} to ${to}`,
    fix: 'subscribe from the beginning of what is left, or keep events longer (retention.ms)',
  })
}

/** LOG_CORRUPT: what was read before is not in the log any more. */
export function createTruncated(topic: Topic, partition: number, at: { wanted: number; end: number }): ToolwardenError {
  return new ToolwardenError('LOG_CORRUPT', `the log ends at ${at.end}, before the offset ${at.wanted} that was read`, {
    where: `${topic}/${partition}`,
    fix: 'the topic was deleted, made anew or lost records: restore it, or begin a new log with another topic prefix',
  })
}
