// Whether the log is still read: a reader that hangs reports nothing. What this process writes itself must come back to it,
// at the latest with its next heartbeat.
import type { ChainWriter } from '../events/chain-writer.ts'
import type { Clock } from '../events/time.ts'
import type { ReadinessCheck } from './health.ts'
import type { LiveFeed } from './live-feed.ts'

/** How long after an event was acknowledged it may take to be read back. */
const MAX_BEHIND_MICROS = 10_000_000

/** What is compared. */
export interface FollowCheckOptions {
  readonly chainWriter: Pick<ChainWriter, 'chain' | 'head'>
  readonly feed: Pick<LiveFeed, 'problem' | 'sequenceOf'>
  readonly clock: Clock
}

/** The readiness of the feed: it has not stopped, and does not hang. */
export function createFollowCheck({ chainWriter, feed, clock }: FollowCheckOptions): ReadinessCheck {
  // What stood there at the first look may have been written before the feed began.
  let expected: { sequence: number; sinceMicros: number | undefined } | undefined
  const findProblem = (): string | undefined => {
    if (feed.problem !== undefined) return feed.problem
    const written = chainWriter.head.sequence
    const nowMicros = clock.monotonicMicros()
    expected ??= { sequence: written, sinceMicros: undefined }
    if ((feed.sequenceOf(chainWriter.chain) ?? 0) >= expected.sequence || expected.sinceMicros === undefined)
      expected = { sequence: written, sinceMicros: written > expected.sequence ? nowMicros : undefined }
    const behindMicros = nowMicros - (expected.sinceMicros ?? nowMicros)
    if (behindMicros <= MAX_BEHIND_MICROS) return undefined
    return `what was written ${Math.floor(behindMicros / 1e6)} s ago has not been read back: the reader of the log hangs`
  }
  return { name: 'event log', findProblem }
}
