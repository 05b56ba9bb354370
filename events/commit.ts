// How waiting appends become one commit: sealed one after the other onto the chain's head, signed once. Pure.
import {
  type AppendSignature,
  type Attachments,
  type ChainHead,
  type RunKey,
  type SealedEvent,
  signAppend,
} from './chain.ts'
import { ToolwardenError } from './errors.ts'
import { chainOf, type EventDraft } from './event.ts'
import { type LogRecord, MAX_APPEND_BYTES, recordBytes } from './log.ts'
import { SIGNATURE_HEADER_BYTES, toRecord } from './record.ts'
import { sealEvent } from './seal-event.ts'

/** The most events of one commit. */
export const MAX_COMMIT_EVENTS = 1_000

/**
 * One event to append; a function is given what stands before it in its own append (a decide needs its propose's hash)
 * and in its chain. It must be pure: an append that was surely not written is sealed anew.
 */
export type Entry = Attachments & {
  readonly draft: EventDraft | ((before: readonly SealedEvent[], head: ChainHead) => EventDraft)
}

/** What a commit needs beside the entries. */
export interface SealContext {
  readonly runKey: RunKey
  readonly nowMicros: () => number
  readonly newId: () => string
}

/** Entries that must stand together in one commit. */
export interface Append {
  readonly entries: readonly Entry[]
  /** True for what goes to `control`: no event may follow it in its commit. */
  readonly last?: boolean
}

/** The exact bytes that go to the log as one append. */
export interface Commit<Waiting> {
  readonly records: readonly LogRecord[]
  readonly hashes: readonly string[]
  readonly signature: AppendSignature
  /** The head once the commit is acknowledged. */
  readonly head: ChainHead
  readonly parts: readonly { readonly waiting: Waiting; readonly events: readonly SealedEvent[] }[]
}

/** What became of the waiting appends: a commit of the first of them, those that can never be sealed, and the rest. */
export interface Sealed<Waiting> {
  readonly commit: Commit<Waiting> | undefined
  readonly refused: readonly { readonly waiting: Waiting; readonly error: ToolwardenError }[]
  readonly rest: readonly Waiting[]
}

/** Seals as many waiting appends as one commit holds; an append is never split. */
export function sealCommit<Waiting extends Append>(
  head: ChainHead,
  waiting: readonly Waiting[],
  context: SealContext,
): Sealed<Waiting> {
  const parts: { waiting: Waiting; events: readonly SealedEvent[] }[] = []
  const refused: { waiting: Waiting; error: ToolwardenError }[] = []
  const taken: SealedEvent[] = []
  const records: LogRecord[] = []
  let bytes = SIGNATURE_HEADER_BYTES
  let next = 0
  for (; next < waiting.length; next++) {
    const append = waiting[next]
    if (append === undefined) break
    const sealed = trySeal(headAfter(head, taken), append, context)
    if (sealed instanceof ToolwardenError) {
      refused.push({ waiting: append, error: sealed })
      continue
    }
    bytes += sealed.bytes
    const full = bytes > MAX_APPEND_BYTES || taken.length + sealed.events.length > MAX_COMMIT_EVENTS
    if (full && taken.length > 0) break
    if (full) {
      refused.push({
        waiting: append,
        error: new ToolwardenError(
          'RECORD_TOO_LARGE',
          `an append of ${sealed.events.length} events and ${bytes} bytes is over the limit of ${MAX_COMMIT_EVENTS} and ${MAX_APPEND_BYTES}`,
        ),
      })
      bytes = SIGNATURE_HEADER_BYTES
      continue
    }
    parts.push({ waiting: append, events: sealed.events })
    taken.push(...sealed.events)
    records.push(...sealed.records)
    if (append.last === true) {
      next++
      break
    }
  }
  return {
    commit: taken.length === 0 ? undefined : signCommit(head, { events: taken, records, parts }, context),
    refused,
    rest: waiting.slice(next),
  }
}

interface SealedAppend {
  readonly events: readonly SealedEvent[]
  readonly records: readonly LogRecord[]
  readonly bytes: number
}

/** Whatever goes wrong here is one append's own fault: it alone is refused, and the chain goes on. */
function trySeal(head: ChainHead, append: Append, context: SealContext): SealedAppend | ToolwardenError {
  const events: SealedEvent[] = []
  const records: LogRecord[] = []
  let bytes = 0
  try {
    for (const { draft, ...attachments } of append.entries) {
      const before = headAfter(head, events)
      const fields = typeof draft === 'function' ? draft(events, before) : draft
      const [identity, micros, id] = [context.runKey.identity, context.nowMicros(), fields.id ?? context.newId()]
      const sealed = sealEvent(before, fields, { identity, micros, id, ...attachments })
      const record = toRecord(chainOf(sealed.event), sealed)
      bytes += recordBytes(record)
      events.push(sealed)
      records.push(record)
    }
    return { events, records, bytes }
  } catch (error) {
    if (error instanceof ToolwardenError) return error
    return new ToolwardenError('INTERNAL', 'an event could not be drafted', { cause: error })
  }
}

function headAfter(head: ChainHead, events: readonly SealedEvent[]): ChainHead {
  const last = events.at(-1)
  return last === undefined ? head : { sequence: last.event.sequence, hash: last.hash }
}

interface Unsigned<Waiting> {
  readonly events: readonly SealedEvent[]
  readonly records: readonly LogRecord[]
  readonly parts: Commit<Waiting>['parts']
}

/** The signature travels with the last event. */
function signCommit<Waiting>(
  head: ChainHead,
  { events, records, parts }: Unsigned<Waiting>,
  { runKey }: SealContext,
): Commit<Waiting> {
  const hashes = events.map(({ hash }) => hash)
  const signature = signAppend(runKey, hashes)
  const signed = events.slice(-1).map((last) => toRecord(chainOf(last.event), last, { signature }))
  return { records: [...records.slice(0, -1), ...signed], hashes, signature, head: headAfter(head, events), parts }
}
