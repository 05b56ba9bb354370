// GET /v1/events: every event of the ledger, newest first.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { nameField, uuidField, writerField } from '../events/field.ts'
import type { LedgerHistory } from '../ledger/query.ts'
import type { ApiEnv } from './api-env.ts'
import { requireScope } from './authentication.ts'
import { eventSchema, showEvent } from './event-view.ts'
import { findPage, pageOf, pageQuery } from './page.ts'
import { json, problems } from './responses.ts'

const LIST = 'events'

const listRoute = createRoute({
  method: 'get',
  path: '/v1/events',
  summary: 'All events, newest first',
  security: [{ bearer: ['read'] }],
  middleware: [requireScope('read')] as const,
  request: {
    query: z.strictObject({
      ...pageQuery,
      type: z
        .string()
        .regex(/^[a-z]+\/[a-z-]+$/, 'expected an event type, like alert/raised')
        .optional(),
      server: nameField.optional(),
      tool: nameField.optional(),
      principal: nameField.optional(),
      session: nameField.optional(),
      call: uuidField.optional(),
      writer: writerField.optional(),
    }),
  },
  responses: { 200: json(pageOf(eventSchema), 'One page.'), ...problems(400, 401, 403, 503) },
})

/** Adds the route. */
export function addEvents(app: OpenAPIHono<ApiEnv>, history: LedgerHistory): void {
  app.openapi(listRoute, async (c) => {
    const page = await findPage(c.req.valid('query'), {
      list: LIST,
      find: (filter, request) => history.findEvents(filter, request),
      placeOf: (event) => event,
      show: showEvent,
    })
    return c.json(page, 200)
  })
}
