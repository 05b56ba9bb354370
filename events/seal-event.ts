// How a draft becomes a sealed event: place, time and id, canonical bytes, hash. Pure.
import { canonicalBytes } from './canonical.ts'
import { type Attachments, type ChainHead, hashBody, type SealedEvent } from './chain.ts'
import { checkEvent, type EventDraft } from './event.ts'
import type { RunIdentity } from './keys.ts'
import { formatTime } from './time.ts'

/** Gives a draft its place after `head`. Throws EVENT_INVALID, CANONICAL_INVALID, EVENT_TOO_LARGE. */
export function sealEvent(
  head: ChainHead,
  draft: EventDraft,
  context: { identity: RunIdentity; micros: number; id: string } & Attachments,
): SealedEvent {
  const { identity, micros, id, ...attachments } = context
  const event = checkEvent({
    id,
    ...draft,
    ...identity,
    v: 1,
    sequence: head.sequence + 1,
    previous: head.hash,
    time: formatTime(micros),
  })
  const body = canonicalBytes(event)
  return { event, body, hash: hashBody(body), ...attachments }
}
