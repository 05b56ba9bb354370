// GET /v1/events: every event of the ledger, newest first.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { nameField, uuidField, writerField } from '../events/field.ts'
import type { LedgerHistory } from '../ledger/query.ts'
import type { ApiEnv } from './api-env.ts'
import { requireScope } from './authentication.ts'
import { eventSchema, showEvent } from './event-view.ts'
import { pageOf, pageQuery, readPage, toCursor } from './page.ts'
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
    const { filter, after, limit } = readPage(LIST, c.req.valid('query'))
    const found = await history.findEvents(filter, { after, limit: limit + 1 })
    const shown = found.slice(0, limit)
    const last = found.length > limit ? shown.at(-1) : undefined
    const next = last && toCursor(LIST, filter, { time: last.event.time, hash: last.hash })
    return c.json({ items: shown.map(showEvent), next }, 200)
  })
}
