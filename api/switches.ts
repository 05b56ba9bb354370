// /v1/switches: the kill switch. A stop is an event before it reaches the gateways, which then deny every call of its scope
// before anything else, until the same scope is resumed.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { ToolwardenError } from '../events/errors.ts'
import { hashField, textField } from '../events/field.ts'
import { switchScopeField } from '../events/switch-scope.ts'
import type { ApiEnv } from './api-env.ts'
import { requireScope } from './authentication.ts'
import { type OperatorMeans, publishEvent } from './operator.ts'
import { json, problems } from './responses.ts'

const requestSchema = z
  .strictObject({
    scope: switchScopeField.describe('`all`, `server:<name>` or `principal:<name>`.'),
    reason: textField.trim().min(1, 'expected a reason'),
  })
  .openapi('SwitchRequest')

const switchSchema = z
  .object({
    scope: z.string(),
    state: z.enum(['stopped', 'resumed']),
    at: z.string(),
    by: z.string(),
    reason: z.string(),
    event: hashField.describe('Hash of the event that recorded it.'),
  })
  .openapi('Switch')
type SwitchView = z.infer<typeof switchSchema>

const listRoute = createRoute({
  method: 'get',
  path: '/v1/switches',
  summary: 'What was stopped, and whether it still is',
  security: [{ bearer: ['read'] }],
  middleware: [requireScope('read')] as const,
  responses: {
    200: json(z.object({ items: z.array(switchSchema) }), 'Every scope that was ever stopped.'),
    ...problems(401, 403),
  },
})

const body = { required: true, content: { 'application/json': { schema: requestSchema } } } as const

const stopRoute = createRoute({
  method: 'post',
  path: '/v1/switches/stop',
  summary: 'Stop: gateways deny every call of the scope',
  security: [{ bearer: ['operate'] }],
  middleware: [requireScope('operate')] as const,
  request: { body },
  responses: { 200: json(switchSchema, 'It is stopped.'), ...problems(400, 401, 403, 413, 415, 503) },
})

const resumeRoute = createRoute({
  method: 'post',
  path: '/v1/switches/resume',
  summary: 'Resume what was stopped',
  security: [{ bearer: ['operate'] }],
  middleware: [requireScope('operate')] as const,
  request: { body },
  responses: { 200: json(switchSchema, 'It is resumed.'), ...problems(400, 401, 403, 409, 413, 415, 503) },
})

/** What the switches' routes work with. */
export interface SwitchesOptions {
  readonly operator: OperatorMeans
  readonly publishDeadlineMs: number
}

/** Adds the routes. */
export function addSwitches(app: OpenAPIHono<ApiEnv>, { operator, publishDeadlineMs }: SwitchesOptions): void {
  const turn = async (
    type: 'switch/stopped' | 'switch/resumed',
    request: { readonly scope: string; readonly reason: string; readonly by: string },
  ): Promise<SwitchView> => {
    const draft = (revision: number) => ({ type, revision, ...request }) as const
    const { event, hash } = await publishEvent(operator, draft, publishDeadlineMs)
    return showSwitch(type, { ...request, at: event.time, event: hash })
  }

  app.openapi(listRoute, (c) => {
    const items = Array.from(operator.controlReader.view.subjects.values()).flatMap(({ event, hash }) =>
      event.type === 'switch/stopped' || event.type === 'switch/resumed'
        ? [showSwitch(event.type, { ...event, at: event.time, event: hash })]
        : [],
    )
    return c.json({ items }, 200)
  })

  // Stopping twice is no mistake: who presses it wants it to hold, under the newest reason.
  app.openapi(stopRoute, async (c) => {
    const { scope, reason } = c.req.valid('json')
    return c.json(await turn('switch/stopped', { scope, reason, by: c.get('caller').subject }), 200)
  })

  app.openapi(resumeRoute, async (c) => {
    const { scope, reason } = c.req.valid('json')
    if (operator.controlReader.view.subjects.get(`switch/${scope}`)?.event.type !== 'switch/stopped')
      throw new ToolwardenError('CONFLICT', 'this scope is not stopped', {
        where: `switch ${scope}`,
        fix: 'GET /v1/switches shows what is; each scope is resumed by its own name.',
      })
    return c.json(await turn('switch/resumed', { scope, reason, by: c.get('caller').subject }), 200)
  })
}

function showSwitch(
  type: 'switch/stopped' | 'switch/resumed',
  { scope, at, by, reason, event }: Omit<SwitchView, 'state'>,
): SwitchView {
  return { scope, state: type === 'switch/stopped' ? 'stopped' : 'resumed', at, by, reason, event }
}
