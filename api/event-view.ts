// How the API shows an event: its fields as the body says them, and what the ledger knows of it.
import { z } from '@hono/zod-openapi'
import { hashField } from '../events/field.ts'
import type { HistoryEvent } from '../ledger/history-event.ts'

/** An event in an answer. */
export const eventSchema = z
  .object({
    hash: hashField,
    outcome: z.string().describe('accepted, late or fork.'),
    ingestedAt: z.string(),
    problem: z.string().optional().describe('What contradicts the body: someone edited the store.'),
    event: z
      .looseObject({
        type: z.string(),
        id: z.string(),
        time: z.string(),
        writer: z.string(),
        instance: z.string(),
        sequence: z.number().int(),
        previous: hashField,
        log: z.string(),
        v: z.literal(1),
      })
      .describe('The body; the fields of each type stand in docs/events.md.'),
  })
  .openapi('Event')
/** An event in an answer. */
export type EventView = z.infer<typeof eventSchema>

/** Shows an event. */
export function showEvent({ hash, outcome, ingestedAt, problem, event }: HistoryEvent): EventView {
  return { hash, outcome, ingestedAt, problem, event: { ...(event as EventView['event']) } }
}
