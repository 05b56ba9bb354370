// How the API writes: what operators do becomes events of the API's own chain, in the name of their token's subject.
import type { SealedEvent } from '../events/chain.ts'
import type { ChainWriter } from '../events/chain-writer.ts'
import type { ControlReader } from '../events/control-reader.ts'
import type { ControlDraft, ControlWriter } from '../events/control-writer.ts'
import { ToolwardenError } from '../events/errors.ts'
import type { EventDraft } from '../events/event.ts'

/** The writers of the API's run, and its view of `control`. */
export interface OperatorMeans {
  readonly chainWriter: ChainWriter
  readonly controlWriter: ControlWriter
  /** Started by whoever made it. */
  readonly controlReader: ControlReader
}

/** Records one event of an operator. Throws LOG_UNAVAILABLE, LOG_FULL, LOG_IN_DOUBT. */
export async function recordEvent({ chainWriter }: OperatorMeans, draft: EventDraft): Promise<SealedEvent> {
  const { events } = await chainWriter.append([{ draft }])
  return lastOf(events)
}

/** Records an event and publishes it to the gateways. Throws LOG_IN_DOUBT when the log has not taken it in time. */
export async function publishEvent(
  { controlWriter }: OperatorMeans,
  draft: ControlDraft,
  deadlineMs: number,
): Promise<SealedEvent> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new ToolwardenError('LOG_IN_DOUBT', `the log did not take it within ${deadlineMs} ms; it still may`, {
            fix: 'Look whether it is there before you repeat it.',
            retriable: true,
          }),
        ),
      deadlineMs,
    )
  })
  try {
    const { events } = await Promise.race([controlWriter.publish(draft), late])
    return lastOf(events)
  } finally {
    clearTimeout(timer)
  }
}

function lastOf(events: readonly SealedEvent[]): SealedEvent {
  const last = events.at(-1)
  if (last === undefined) throw new ToolwardenError('INTERNAL', 'an append without events')
  return last
}
