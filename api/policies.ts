// /v1/policies: accepting a change of a policy that may allow more (`policy.protect`). The acceptance is an event in the name of the
// token before it reaches the gateway that holds the change; it is good for that change of that server alone.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { hashField, nameField, textField } from '../events/field.ts'
import { type Clock, formatTime } from '../events/time.ts'
import type { ApiEnv } from './api-env.ts'
import { requireScope } from './authentication.ts'
import { type OperatorMeans, publishEvent } from './operator.ts'
import { json, problems } from './responses.ts'

/** How long gateways that do not run can still take it up: control does not keep it for ever. */
const ACCEPTED_MICROS = 30 * 24 * 60 * 60 * 1_000_000

const acceptSchema = z
  .strictObject({
    server: nameField,
    policy: hashField.describe('Hash of the policy that is held, as its `policy/held` has it.'),
    replaces: hashField.describe('Hash of the one in force, as there.'),
    reason: textField.trim().min(1, 'expected a reason'),
  })
  .openapi('AcceptPolicy')
const acceptedSchema = z
  .object({
    server: z.string(),
    policy: hashField,
    replaces: hashField,
    by: z.string(),
    at: z.string(),
    expiresAt: z.string(),
    event: hashField.describe('Hash of the event that recorded it.'),
  })
  .openapi('AcceptedPolicy')

const acceptRoute = createRoute({
  method: 'post',
  path: '/v1/policies/accept',
  summary: 'Accept a change of policy that may allow more',
  description: 'Needed where gateways run with `policy.protect`; GET /v1/events?type=policy/held shows what waits.',
  security: [{ bearer: ['admin'] }],
  middleware: [requireScope('admin')] as const,
  request: { body: { required: true, content: { 'application/json': { schema: acceptSchema } } } },
  responses: { 200: json(acceptedSchema, 'Recorded and sent.'), ...problems(400, 401, 403, 413, 415, 503) },
})

/** What the route works with. */
export interface PoliciesOptions {
  readonly operator: OperatorMeans
  readonly clock: Clock
  readonly publishDeadlineMs: number
}

/** Adds the route. */
export function addPolicies(app: OpenAPIHono<ApiEnv>, { operator, clock, publishDeadlineMs }: PoliciesOptions): void {
  app.openapi(acceptRoute, async (c) => {
    const { server, policy, replaces, reason } = c.req.valid('json')
    const by = c.get('caller').subject
    const expiresAt = formatTime(clock.nowMicros() + ACCEPTED_MICROS)
    const draft = (revision: number) =>
      ({ type: 'policy/accepted', revision, server, policy, replaces, expiresAt, by, reason }) as const
    const { event, hash } = await publishEvent(operator, draft, publishDeadlineMs)
    return c.json({ server, policy, replaces, by, at: event.time, expiresAt, event: hash }, 200)
  })
}
