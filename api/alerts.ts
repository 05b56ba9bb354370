// /v1/alerts: what detectors raised, and what operators made of it. Acknowledging and closing are events with a reason.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { alertGroupOf, tagsOf } from '../events/alert-tags.ts'
import { ToolwardenError } from '../events/errors.ts'
import { hashField, nameField, textField } from '../events/field.ts'
import type { HistoryAlert, LedgerHistory } from '../ledger/query.ts'
import type { ApiEnv } from './api-env.ts'
import { requireScope } from './authentication.ts'
import { type OperatorMeans, recordEvent } from './operator.ts'
import { findPage, pageOf, pageQuery } from './page.ts'
import { json, problems } from './responses.ts'

const LIST = 'alerts'
const severitySchema = z.enum(['low', 'medium', 'high', 'critical'])
const stateSchema = z.enum(['open', 'acknowledged', 'closed'])

const alertSchema = z
  .object({
    alert: hashField,
    group: hashField.describe('Alerts with the same detector, subject and principal; at most one an hour is raised.'),
    state: stateSchema,
    detector: z.string(),
    severity: severitySchema,
    score: z.number().int().describe('Thousandths.'),
    subject: z.string(),
    principal: z.string().optional(),
    session: z.string().optional(),
    server: z.string().optional(),
    tool: z.string().optional(),
    explanation: z.string(),
    tags: z.array(z.object({ scheme: z.enum(['mitre-attack', 'owasp-agentic']), id: z.string(), name: z.string() })),
    causes: z.array(hashField).describe('Hashes of the events behind it.'),
    rule: hashField.optional().describe('The rule that it caused.'),
    raisedAt: z.string(),
    event: hashField,
    updates: z.array(
      z.object({
        state: z.enum(['acknowledged', 'closed']),
        by: z.string(),
        reason: z.string(),
        at: z.string(),
        event: hashField,
      }),
    ),
    problem: z.string().optional(),
  })
  .openapi('Alert')
/** An alert as the API answers it. */
export type AlertView = z.infer<typeof alertSchema>

const updateSchema = z.strictObject({ reason: textField.trim().min(1, 'expected a reason') }).openapi('UpdateAlert')
const updatedSchema = z
  .object({
    alert: hashField,
    state: z.enum(['acknowledged', 'closed']),
    by: z.string(),
    at: z.string(),
    event: hashField,
  })
  .openapi('UpdatedAlert')

const listRoute = createRoute({
  method: 'get',
  path: '/v1/alerts',
  summary: 'Alerts, newest first',
  security: [{ bearer: ['read'] }],
  middleware: [requireScope('read')] as const,
  request: {
    query: z.strictObject({
      ...pageQuery,
      state: stateSchema.optional(),
      severity: severitySchema.optional(),
      detector: nameField.optional(),
      principal: nameField.optional(),
      session: nameField.optional(),
    }),
  },
  responses: { 200: json(pageOf(alertSchema), 'One page.'), ...problems(400, 401, 403, 503) },
})

const showRoute = createRoute({
  method: 'get',
  path: '/v1/alerts/{id}',
  summary: 'One alert',
  security: [{ bearer: ['read'] }],
  middleware: [requireScope('read')] as const,
  request: { params: z.object({ id: hashField }) },
  responses: { 200: json(alertSchema, 'The alert.'), ...problems(400, 401, 403, 404, 503) },
})

const updateRoute = createRoute({
  method: 'post',
  path: '/v1/alerts/{id}/{step}',
  summary: 'Acknowledge or close an alert, with a reason',
  security: [{ bearer: ['operate'] }],
  middleware: [requireScope('operate')] as const,
  request: {
    params: z.object({ id: hashField, step: z.enum(['acknowledge', 'close']) }),
    body: { required: true, content: { 'application/json': { schema: updateSchema } } },
  },
  responses: { 200: json(updatedSchema, 'Recorded.'), ...problems(400, 401, 403, 404, 409, 413, 415, 503) },
})

/** What the alerts' routes work with. */
export interface AlertsOptions {
  readonly history: LedgerHistory
  readonly operator: OperatorMeans
}

/** Adds the routes. */
export function addAlerts(app: OpenAPIHono<ApiEnv>, { history, operator }: AlertsOptions): void {
  app.openapi(listRoute, async (c) => {
    const page = await findPage(c.req.valid('query'), {
      list: LIST,
      find: (filter, request) => history.findAlerts(filter, request),
      placeOf: ({ raised }) => raised,
      show: showAlert,
    })
    return c.json(page, 200)
  })

  app.openapi(showRoute, async (c) => {
    const { id } = c.req.valid('param')
    const found = await history.findAlert(id)
    const shown = found === undefined ? undefined : showAlert(found)
    if (shown === undefined) throw noSuchAlert(id)
    return c.json(shown, 200)
  })

  app.openapi(updateRoute, async (c) => {
    const { id: alert, step } = c.req.valid('param')
    const state = step === 'close' ? ('closed' as const) : ('acknowledged' as const)
    await checkOpen(history, alert, state)
    const by = c.get('caller').subject
    const { reason } = c.req.valid('json')
    const { event, hash } = await recordEvent(operator, { type: 'alert/updated', alert, state, by, reason })
    return c.json({ alert, state, by, at: event.time, event: hash }, 200)
  })
}

/** A closed alert stays closed, and what is acknowledged is acknowledged once. */
async function checkOpen(history: LedgerHistory, alert: string, state: 'acknowledged' | 'closed'): Promise<void> {
  const found = await history.findAlert(alert)
  if (found === undefined) throw noSuchAlert(alert)
  const current = stateOf(found)
  if (current === 'closed' || current === state)
    throw new ToolwardenError('CONFLICT', `the alert is ${current} already`, { where: `alert ${alert}` })
}

function noSuchAlert(id: string): ToolwardenError {
  return new ToolwardenError('NOT_FOUND', 'there is no alert with this id', {
    where: `alert ${id}`,
    fix: 'GET /v1/alerts',
  })
}

function stateOf({ updates }: HistoryAlert): AlertView['state'] {
  const states = updates.map(({ event }) => (event.type === 'alert/updated' ? event.state : undefined))
  return states.includes('closed') ? 'closed' : states.includes('acknowledged') ? 'acknowledged' : 'open'
}

function showAlert(found: HistoryAlert): AlertView | undefined {
  const { raised, updates } = found
  if (raised.event.type !== 'alert/raised') return undefined
  const { alert, detector, severity, score, subject, explanation, causes } = raised.event
  const { principal, session, server, tool, rule } = raised.event
  const context = Object.entries({ principal, session, server, tool, rule, problem: raised.problem })
  return {
    ...{ alert, detector, severity, score, subject, explanation, causes },
    group: alertGroupOf(raised.event),
    tags: [...tagsOf(detector)],
    ...Object.fromEntries(context.filter(([, value]) => value !== undefined)),
    state: stateOf(found),
    raisedAt: raised.event.time,
    event: raised.hash,
    updates: updates.flatMap(({ event, hash }) =>
      event.type === 'alert/updated'
        ? [{ state: event.state, by: event.by, reason: event.reason, at: event.time, event: hash }]
        : [],
    ),
  }
}
