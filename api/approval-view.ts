// How the API shows an approval: what was asked, by whom and why, and what became of it.
import { z } from '@hono/zod-openapi'
import { hashField, uuidField } from '../events/field.ts'
import { APPROVAL_STATES, answerIn, approvalStateOf, type HistoryApproval } from '../ledger/approval-history.ts'
import { payloadSchema } from './payload-view.ts'

/** Fields of one event that answered, withdrew or used an approval. */
const stepFields = { at: z.string(), event: hashField }

/** An approval in an answer. */
export const approvalSchema = z
  .object({
    approval: uuidField,
    state: z.enum(APPROVAL_STATES).describe('`used`: it let a call through; `expired`: without an answer, or unused.'),
    tool: z.string(),
    server: z.string(),
    principal: z.string(),
    principalSource: z.string().describe('`declared` by its own configuration, or taken from a `token`.'),
    session: z.string(),
    client: z.string(),
    method: z.string(),
    reason: z.string().describe('Why it was asked.'),
    text: z.string(),
    rule: z.string().optional(),
    adaptiveRule: hashField.optional(),
    policy: hashField,
    argumentsDigest: hashField.describe('Keyed digest of the exact arguments that an answer is bound to.'),
    call: uuidField.describe('The call that asked; a repeat of it has another id.'),
    requestedAt: z.string(),
    expiresAt: z.string(),
    event: hashField,
    answer: z
      .object({
        verdict: z.enum(['approve', 'deny']),
        by: z.string(),
        via: z.string(),
        reason: z.string(),
        ...stepFields,
      })
      .optional(),
    withdrawn: z.object({ reason: z.string(), ...stepFields }).optional(),
    used: z.object({ call: uuidField, ...stepFields }).optional(),
    arguments: payloadSchema.optional().describe('What was recorded of the arguments.'),
    problem: z.string().optional().describe('Someone edited the store.'),
  })
  .openapi('Approval')
/** An approval in an answer. */
export type ApprovalView = z.infer<typeof approvalSchema>

/** Shows an approval as it stands at a time; undefined for what is none. */
export function showApproval(found: HistoryApproval, now: string): ApprovalView | undefined {
  const { event, hash, problem } = found.requested
  if (event.type !== 'approval/requested') return undefined
  const { approval, tool, server, principal, principalSource, session, client, method } = event
  const { reason, text, rule, adaptiveRule, policy, argumentsDigest, call, expiresAt } = event
  return {
    ...{ approval, state: approvalStateOf(found, now), tool, server, principal, principalSource, session, client },
    ...{ method, reason, text, rule, adaptiveRule, policy, argumentsDigest, call, expiresAt },
    ...{ requestedAt: event.time, event: hash, problem: problem ?? found.verdict?.problem },
    ...showSequel(found),
  }
}

function showSequel({
  verdict,
  withdrawn,
  used,
}: HistoryApproval): Pick<ApprovalView, 'answer' | 'withdrawn' | 'used'> {
  const answer = answerIn(verdict)
  const end = withdrawn?.event.type === 'approval/withdrawn' ? withdrawn.event : undefined
  const decide = used?.event.type === 'authorization/decide' ? used.event : undefined
  return {
    ...(answer !== undefined && {
      answer: {
        ...{ verdict: answer.verdict, by: answer.by, via: answer.via, reason: answer.reason },
        ...{ at: answer.time, event: verdict?.hash ?? '' },
      },
    }),
    ...(end !== undefined && { withdrawn: { reason: end.reason, at: end.time, event: withdrawn?.hash ?? '' } }),
    ...(decide !== undefined && { used: { call: decide.call, at: decide.time, event: used?.hash ?? '' } }),
  }
}
