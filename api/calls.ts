// /v1/calls: governed calls, newest first, and one call's whole story. What was recorded of arguments and results is shown
// only to operators, and only after an `admin/read-payload` event says who looked, and why.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { RECEIPT_STATUSES } from '../events/call-events.ts'
import { ToolwardenError } from '../events/errors.ts'
import { nameField, textField, uuidField } from '../events/field.ts'
import type { LedgerHistory } from '../ledger/query.ts'
import type { ApiEnv } from './api-env.ts'
import { requireScope } from './authentication.ts'
import { callSchema, joinCall, showCall } from './call-view.ts'
import { eventSchema, showEvent } from './event-view.ts'
import { type OperatorMeans, recordEvent } from './operator.ts'
import { findPage, pageOf, pageQuery } from './page.ts'
import { payloadSchema, showPayloads } from './payload-view.ts'
import { json, problems } from './responses.ts'

const LIST = 'calls'
const CALL_STATUSES = ['pending', ...RECEIPT_STATUSES] as const

const listRoute = createRoute({
  method: 'get',
  path: '/v1/calls',
  summary: 'Governed calls, newest first',
  security: [{ bearer: ['read'] }],
  middleware: [requireScope('read')] as const,
  request: {
    query: z.strictObject({
      ...pageQuery,
      tool: nameField.optional(),
      server: nameField.optional(),
      principal: nameField.optional(),
      session: nameField.optional(),
      decision: z.enum(['allow', 'deny', 'escalate', 'pending']).optional(),
      status: z.enum(CALL_STATUSES).optional(),
    }),
  },
  responses: { 200: json(pageOf(callSchema), 'One page.'), ...problems(400, 401, 403, 503) },
})

const storySchema = z
  .object({ call: callSchema, events: z.array(eventSchema), payloads: z.array(payloadSchema).optional() })
  .openapi('CallStory')

const showRoute = createRoute({
  method: 'get',
  path: '/v1/calls/{id}',
  summary: 'One call with all its events',
  description:
    'With `payloads=true` also what was recorded of arguments and results: scope operate, and the look is recorded.',
  security: [{ bearer: ['read'] }],
  middleware: [requireScope('read')] as const,
  request: {
    params: z.object({ id: uuidField }),
    query: z.strictObject({
      payloads: z.enum(['true', 'false']).default('false'),
      reason: textField.optional().describe('Why the payloads are read; recorded.'),
    }),
  },
  responses: { 200: json(storySchema, 'The call.'), ...problems(400, 401, 403, 404, 503) },
})

/** What the calls' routes work with. */
export interface CallsOptions {
  readonly history: LedgerHistory
  readonly operator: OperatorMeans
}

/** Adds the routes. */
export function addCalls(app: OpenAPIHono<ApiEnv>, { history, operator }: CallsOptions): void {
  app.openapi(listRoute, async (c) => {
    const page = await findPage(c.req.valid('query'), {
      list: LIST,
      find: (filter, request) => history.findCalls(filter, request),
      placeOf: ({ propose }) => propose,
      show: showCall,
    })
    return c.json(page, 200)
  })

  app.openapi(showRoute, async (c) => {
    const { id } = c.req.valid('param')
    const { payloads, reason = '' } = c.req.valid('query')
    const events = await history.findCall(id)
    const call = showCall(joinCall(id, events))
    if (call === undefined)
      throw new ToolwardenError('NOT_FOUND', 'there is no call with this id', {
        where: `call ${id}`,
        fix: 'GET /v1/calls',
      })
    const story = { call, events: events.map(showEvent) }
    if (payloads === 'false') return c.json(story, 200)
    const { subject, scopes } = c.get('caller')
    if (!scopes.includes('operate'))
      throw new ToolwardenError('FORBIDDEN', 'payloads need the scope operate', { where: 'query payloads' })
    // Recorded before it is shown: no record, no look.
    await recordEvent(operator, { type: 'admin/read-payload', call: id, by: subject, reason })
    return c.json({ ...story, payloads: await showPayloads(history, events) }, 200)
  })
}
