// What closes a call whose record turned out to be in the log after its client was told that it could not be made.
import type { SealedEvent } from '../events/chain.ts'
import { ToolwardenError } from '../events/errors.ts'
import type { EventOf } from '../events/event.ts'
import type { CallContext } from './context.ts'
import type { Decision } from './decide.ts'
import type { Recorder } from './recorder.ts'

/** The client was told that the call was denied, then its record turned out to be in the log: it was not forwarded. */
export function closeLate(recorder: Recorder, context: CallContext, events: readonly SealedEvent[]): void {
  const decide = events.find(({ event }) => event.type === 'authorization/decide')
  if (decide?.event.type !== 'authorization/decide' || decide.event.decision === 'deny') return
  const closed: Promise<unknown> =
    decide.event.decision === 'allow'
      ? recorder.receipt(context, decide.hash, { status: 'not_forwarded', durationMicros: 0 })
      : recorder.decidedAgain({ context, parent: decide.event.parent }, givenUp(decide.event), { patient: true })
  closed.catch((error: unknown) => {
    // The run ended first: the call stays open in the record, and verification names it.
    if (!(error instanceof ToolwardenError)) throw error
  })
}
/** What closes an escalated call whose client was told that it could not be recorded. */
function givenUp({ control, approval }: EventOf<'authorization/decide'>): Decision {
  const why = { reason: 'approval_withdrawn', text: 'the call was given up before anybody could answer' } as const
  return { decision: 'deny', ...why, control, ...(approval === undefined ? {} : { approval }) }
}
