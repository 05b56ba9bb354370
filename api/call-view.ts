// How the API shows a call: propose, decide and receipt joined, with the hashes of all three.
import { z } from '@hono/zod-openapi'
import type { EventOf, EventType } from '../events/event.ts'
import { hashField, payloadField, uuidField } from '../events/field.ts'
import type { HistoryEvent } from '../ledger/history-event.ts'
import type { HistoryCall } from '../ledger/query.ts'

/** A call in a list. */
export const callSchema = z
  .object({
    call: uuidField,
    tool: z.string(),
    server: z.string(),
    principal: z.string(),
    session: z.string(),
    client: z.string(),
    connection: uuidField,
    method: z.string().optional(),
    arguments: payloadField.optional().describe('Size of the arguments and the commitment to them.'),
    proposedAt: z.string().optional(),
    decision: z.enum(['allow', 'deny', 'escalate', 'pending']),
    reason: z.string().optional(),
    text: z.string().optional(),
    rule: z.string().optional(),
    adaptiveRule: hashField.optional(),
    approval: uuidField
      .optional()
      .describe('What it waits for, was let through by, or did not get: /v1/approvals/{id}.'),
    approver: z.string().optional().describe('Who approved or denied it.'),
    decidedAt: z.string().optional(),
    status: z.string().describe('Of the receipt; `pending` before it, `none` where nothing was to run.'),
    result: payloadField.optional(),
    finishedAt: z.string().optional(),
    durationMicros: z.number().int().optional(),
    events: z.object({ propose: hashField.optional(), decide: hashField.optional(), receipt: hashField.optional() }),
    problem: z.string().optional(),
  })
  .openapi('Call')
/** A call in a list. */
export type CallView = z.infer<typeof callSchema>

/** Shows a call; undefined for one of which nothing is there. */
export function showCall({ call, propose, decide, receipt }: HistoryCall): CallView | undefined {
  const proposed = eventOf('authorization/propose', propose)
  const decided = eventOf('authorization/decide', decide)
  const received = eventOf('authorization/receipt', receipt)
  const context = proposed ?? decided ?? received
  if (context === undefined) return undefined
  const { tool, server, principal, session, client, connection } = context
  const problem = [propose, decide, receipt].find((each) => each?.problem !== undefined)?.problem
  const decision = decided?.decision ?? 'pending'
  return {
    ...{ call, tool, server, principal, session, client, connection, problem },
    decision,
    ...{ method: proposed?.method, arguments: proposed?.arguments, proposedAt: proposed?.time },
    ...{ reason: decided?.reason, text: decided?.text, rule: decided?.rule, adaptiveRule: decided?.adaptiveRule },
    ...{ approval: decided?.approval, approver: decided?.approver, decidedAt: decided?.time },
    status: received?.status ?? (decision === 'deny' ? 'none' : 'pending'),
    ...{ result: received?.result, finishedAt: received?.time, durationMicros: received?.durationMicros },
    events: { propose: propose?.hash, decide: decide?.hash, receipt: receipt?.hash },
  }
}

/** The events of one call by what they are: the last decision is the one that counts. */
export function joinCall(call: string, events: readonly HistoryEvent[]): HistoryCall {
  const standing = events.filter(({ outcome }) => outcome !== 'fork')
  const propose = standing.find(({ event }) => event.type === 'authorization/propose')
  const decide = standing.findLast(({ event }) => event.type === 'authorization/decide')
  const receipt = standing.findLast(({ event }) => event.type === 'authorization/receipt')
  return { call, propose, decide, receipt }
}

function eventOf<Type extends EventType>(type: Type, found: HistoryEvent | undefined): EventOf<Type> | undefined {
  return found?.event.type === type ? (found.event as EventOf<Type>) : undefined
}
