// How the API shows what was recorded of arguments and results: believed only if it is what the event committed to.
import { z } from '@hono/zod-openapi'
import type { Event } from '../events/event.ts'
import { hashField, type PayloadField } from '../events/field.ts'
import { attachmentHolds, SALT_BYTES } from '../events/payload.ts'
import type { HistoryEvent } from '../ledger/history-event.ts'
import type { HistoryPayload, LedgerHistory } from '../ledger/query.ts'

/** A payload in an answer. */
export const payloadSchema = z
  .object({
    event: hashField.describe('The propose or receipt that it belongs to.'),
    state: z
      .enum(['recorded', 'commitment', 'erased', 'missing', 'altered'])
      .describe(
        '`commitment`: only size and commitment were to be kept; `missing`, `altered`: someone changed the store.',
      ),
    record: z.enum(['full', 'redacted', 'cut', 'commitment']).optional(),
    text: z.string().optional().describe('What was recorded, read as UTF-8.'),
    erasedBy: hashField.optional(),
  })
  .openapi('Payload')
/** A payload in an answer. */
export type PayloadView = z.infer<typeof payloadSchema>

/** What was recorded beside events; those that have no payload are left out. */
export async function showPayloads(history: LedgerHistory, events: readonly HistoryEvent[]): Promise<PayloadView[]> {
  const carriers = events.filter(({ event }) => payloadFieldOf(event) !== undefined)
  const found = new Map((await history.findPayloads(carriers.map(({ hash }) => hash))).map((each) => [each.hash, each]))
  return carriers.map(({ event, hash }) => showPayload(payloadFieldOf(event), hash, found.get(hash)))
}

/** A payload is believed only if it is the one that the event committed to. */
function showPayload(field: PayloadField | undefined, event: string, payload: HistoryPayload | undefined): PayloadView {
  if (payload?.erasedBy !== undefined) return { event, state: 'erased', erasedBy: payload.erasedBy }
  if (payload?.recorded === undefined) return { event, state: 'missing' }
  if (field === undefined || !attachmentHolds(field, payload.recorded)) return { event, state: 'altered' }
  if (field.record === 'commitment') return { event, state: 'commitment' }
  return {
    event,
    state: 'recorded',
    record: field.record,
    text: payload.recorded.subarray(SALT_BYTES).toString('utf8'),
  }
}

function payloadFieldOf(event: Event): PayloadField | undefined {
  switch (event.type) {
    case 'authorization/propose':
      return event.arguments
    case 'authorization/receipt':
      return event.result
    default:
      return undefined
  }
}
