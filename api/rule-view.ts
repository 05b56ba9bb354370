// How the API shows a rule: what it says, whether it still holds, and what became of it.
import { z } from '@hono/zod-openapi'
import type { EventOf } from '../events/event.ts'
import { hashField, nameField } from '../events/field.ts'
import { parseTime } from '../events/time.ts'
import { TOOL_CLASSES } from '../events/tool-class.ts'

/** Whom a rule applies to; all that are there must be equal to the call's. */
export const ruleScopeSchema = z.strictObject({
  session: nameField.optional(),
  principal: nameField.optional(),
  server: nameField.optional(),
})

/** A rule in an answer. */
export const ruleSchema = z
  .object({
    id: hashField,
    state: z.enum(['live', 'expired', 'lifted']),
    remainingSeconds: z.number().int().describe('0 unless it is live.'),
    scope: ruleScopeSchema,
    tool: z.string(),
    toolClass: z.enum(TOOL_CLASSES).optional(),
    hasPredicate: z.boolean().describe('Whether it also compares arguments, by keyed digests.'),
    action: z.enum(['deny', 'escalate']),
    reason: z.string(),
    cause: z.object({ alert: hashField.optional(), operator: z.string().optional(), events: z.array(hashField) }),
    createdAt: z.string(),
    expiresAt: z.string(),
    lifted: z
      .object({ at: z.string(), by: z.string(), reason: z.string(), staysAwayUntil: z.string(), event: hashField })
      .optional(),
    revision: z.number().int(),
    writer: z.string(),
    event: hashField.describe('Hash of the event that recorded it.'),
    problem: z.string().optional(),
  })
  .openapi('Rule')
/** A rule in an answer. */
export type RuleView = z.infer<typeof ruleSchema>

/** An event with its hash. */
export interface Recorded<E> {
  readonly event: E
  readonly hash: string
  readonly problem?: string
}

/** Shows a rule; its predicate is nothing but digests and stays inside. */
export function showRule(
  added: Recorded<EventOf<'rule/added'>>,
  lifted: Recorded<EventOf<'rule/lifted'>> | undefined,
  nowMicros: number,
): RuleView {
  const { arguments: predicate, ...rule } = added.event.rule
  const remainingMicros = lifted === undefined ? parseTime(rule.expiresAt) - nowMicros : 0
  return {
    ...rule,
    state: lifted !== undefined ? 'lifted' : remainingMicros > 0 ? 'live' : 'expired',
    remainingSeconds: Math.max(0, Math.ceil(remainingMicros / 1_000_000)),
    hasPredicate: predicate !== undefined,
    lifted: lifted && {
      at: lifted.event.time,
      by: lifted.event.by,
      reason: lifted.event.reason,
      staysAwayUntil: lifted.event.expiresAt,
      event: lifted.hash,
    },
    revision: added.event.revision,
    writer: added.event.writer,
    event: added.hash,
    problem: added.problem,
  }
}
