// POST /v1/prunings: whole months of the ledger go, oldest first (api/prune.ts).
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { hashField, textField, timeField, uuidField } from '../events/field.ts'
import { formatTime } from '../events/time.ts'
import type { ApiEnv } from './api-env.ts'
import { requireScope } from './authentication.ts'
import type { Prune, PruneOutcome } from './prune.ts'
import { json, problems } from './responses.ts'

const requestSchema = z
  .strictObject({
    before: z
      .string()
      .regex(/^\d{4}-(0[1-9]|1[0-2])$/, 'expected a month: 2026-08')
      .describe('The first month that stays.'),
    reason: textField.trim().min(1, 'expected a reason'),
    dryRun: z.boolean().default(false).describe('Counts, and changes nothing.'),
  })
  .openapi('PruneRequest')

const pruningSchema = z
  .object({
    what: z.string(),
    before: timeField,
    events: z.number().int().describe('How many rows of events went, or would.'),
    payloads: z.number().int(),
    quarantined: z.number().int(),
    minIndex: z.number().int().describe('The first leaf whose event stays.'),
    held: z.array(z.object({ hold: uuidField, events: z.number().int(), reason: z.string() })),
    dryRun: z.boolean(),
    event: hashField.optional().describe('Hash of the `admin/pruned` event; absent where there was nothing to prune.'),
  })
  .openapi('Pruning')

const pruneRoute = createRoute({
  method: 'post',
  path: '/v1/prunings',
  summary: 'Remove whole months of events and payloads; the hashes of the Merkle log stay, and every proof holds',
  security: [{ bearer: ['admin'] }],
  middleware: [requireScope('admin')] as const,
  request: { body: { required: true, content: { 'application/json': { schema: requestSchema } } } },
  responses: {
    200: json(pruningSchema, 'It is done, or was counted.'),
    ...problems(400, 401, 403, 409, 413, 415, 503),
  },
})

/** Adds the route. */
export function addPrunings(app: OpenAPIHono<ApiEnv>, { prune }: { readonly prune: Prune }): void {
  app.openapi(pruneRoute, async (c) => {
    const { before, reason, dryRun } = c.req.valid('json')
    const outcome = await prune({ before, reason, dryRun, by: c.get('caller').subject })
    return c.json(view(outcome, dryRun), 200)
  })
}

function view(outcome: PruneOutcome, dryRun: boolean): z.infer<typeof pruningSchema> {
  const { what, beforeMicros, events, payloads, quarantined, minIndex, held, event } = outcome
  return {
    ...{ what, before: formatTime(beforeMicros), events, payloads, quarantined, minIndex, dryRun },
    held: held.map(({ hold, events: count }) => ({ hold: hold.hold, events: count, reason: hold.reason })),
    ...(event === undefined ? {} : { event }),
  }
}
