// /v1/holds: legal holds. What a hold names is not erased until it is released; both are events of the API's chain.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { ToolwardenError } from '../events/errors.ts'
import { hashField, nameField, textField, uuidField } from '../events/field.ts'
import { type Clock, uuidv7 } from '../events/time.ts'
import { type LegalHold, MAX_HOLDS } from '../ledger/legal-hold.ts'
import type { ApiEnv } from './api-env.ts'
import { requireScope } from './authentication.ts'
import { type OperatorMeans, recordEvent } from './operator.ts'
import { json, problems } from './responses.ts'
import { untilStored } from './until-stored.ts'

const MEANWHILE = 'GET /v1/holds shows it once it is in force.'
const reasonField = textField.trim().min(1, 'expected a reason')

const requestSchema = z
  .strictObject({
    call: uuidField.optional(),
    session: nameField.optional(),
    principal: nameField.optional(),
    reason: reasonField,
  })
  .refine(({ call, session, principal }) => [call, session, principal].some((each) => each !== undefined), {
    message: 'expected a call, a session or a principal',
  })
  .openapi('HoldRequest')

const holdSchema = z
  .object({
    hold: uuidField,
    call: z.string().optional(),
    session: z.string().optional(),
    principal: z.string().optional(),
    reason: z.string(),
    by: z.string(),
    at: z.string(),
    event: hashField.describe('Hash of the event that recorded it.'),
  })
  .openapi('Hold')

const listRoute = createRoute({
  method: 'get',
  path: '/v1/holds',
  summary: 'The legal holds in force',
  security: [{ bearer: ['read'] }],
  middleware: [requireScope('read')] as const,
  responses: { 200: json(z.object({ items: z.array(holdSchema) }), 'Oldest first.'), ...problems(401, 403, 503) },
})

const addRoute = createRoute({
  method: 'post',
  path: '/v1/holds',
  summary: 'Hold: what it names together is not erased',
  security: [{ bearer: ['admin'] }],
  middleware: [requireScope('admin')] as const,
  request: { body: { required: true, content: { 'application/json': { schema: requestSchema } } } },
  responses: { 200: json(holdSchema, 'It is in force.'), ...problems(400, 401, 403, 409, 413, 415, 503) },
})

const releaseRoute = createRoute({
  method: 'post',
  path: '/v1/holds/{id}/release',
  summary: 'Release a hold',
  security: [{ bearer: ['admin'] }],
  middleware: [requireScope('admin')] as const,
  request: {
    params: z.object({ id: uuidField }),
    body: {
      required: true,
      content: { 'application/json': { schema: z.strictObject({ reason: reasonField }).openapi('HoldRelease') } },
    },
  },
  responses: { 200: json(holdSchema, 'It is released.'), ...problems(400, 401, 403, 404, 413, 415, 503) },
})

/** What the routes work with. */
export interface HoldsOptions {
  readonly findHolds: () => Promise<readonly LegalHold[]>
  readonly operator: OperatorMeans
  readonly clock: Clock
}

/** Adds the routes. */
export function addHolds(app: OpenAPIHono<ApiEnv>, { findHolds, operator, clock }: HoldsOptions): void {
  app.openapi(listRoute, async (c) => c.json({ items: [...(await findHolds())] }, 200))

  app.openapi(addRoute, async (c) => {
    const { reason, ...named } = c.req.valid('json')
    if ((await findHolds()).length >= MAX_HOLDS)
      throw new ToolwardenError('CONFLICT', `${MAX_HOLDS} holds are in force`, { fix: 'Release what is over.' })
    const hold = uuidv7(clock.nowMicros())
    const by = c.get('caller').subject
    await recordEvent(operator, { type: 'admin/held', hold, ...named, by, reason })
    // In force means that an erasure sees it.
    const found = await untilStored(async () => (await findHolds()).find((each) => each.hold === hold), MEANWHILE)
    return c.json(found, 200)
  })

  app.openapi(releaseRoute, async (c) => {
    const { id } = c.req.valid('param')
    const held = (await findHolds()).find(({ hold }) => hold === id)
    if (held === undefined)
      throw new ToolwardenError('NOT_FOUND', 'no such hold is in force', { where: `hold ${id}`, fix: 'GET /v1/holds' })
    const { reason } = c.req.valid('json')
    await recordEvent(operator, { type: 'admin/released', hold: id, by: c.get('caller').subject, reason })
    const isReleased = async (): Promise<true | undefined> =>
      (await findHolds()).every(({ hold }) => hold !== id) ? true : undefined
    await untilStored(isReleased, 'It holds until then.')
    return c.json(held, 200)
  })
}
