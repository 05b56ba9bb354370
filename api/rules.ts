// /v1/rules: what the gateways honour now, and what operators add and lift. A rule only ever denies or escalates, for a
// session or a principal, for at most an hour; adding and lifting are events before they take effect.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { type ControlView, type LiveSubject, liveRules } from '../events/control-view.ts'
import { ToolwardenError } from '../events/errors.ts'
import { hashField, nameField, textField } from '../events/field.ts'
import { MAX_RULE_LIFE_MS, MAX_RULES_PER_PRINCIPAL, type Rule } from '../events/rule.ts'
import { type Clock, derivedId, formatTime, parseTime, uuidv7 } from '../events/time.ts'
import { TOOL_CLASSES } from '../events/tool-class.ts'
import type { ApiEnv } from './api-env.ts'
import { requireScope } from './authentication.ts'
import { type OperatorMeans, publishEvent } from './operator.ts'
import { json, problems } from './responses.ts'

/** How long a lifted rule stays away, microseconds: detectors don't raise it again for so long. */
const LIFT_STAYS_MICROS = 24 * 60 * 60 * 1_000_000

const scopeSchema = z.strictObject({
  session: nameField.optional(),
  principal: nameField.optional(),
  server: nameField.optional(),
})

const ruleSchema = z
  .object({
    id: hashField,
    state: z.enum(['live', 'expired', 'lifted']),
    remainingSeconds: z.number().int().openapi({ description: '0 unless it is live.' }),
    scope: scopeSchema,
    tool: z.string(),
    toolClass: z.enum(TOOL_CLASSES).optional(),
    hasPredicate: z.boolean().openapi({ description: 'Whether it also compares arguments, by keyed digests.' }),
    action: z.enum(['deny', 'escalate']),
    reason: z.string(),
    cause: z.object({ alert: hashField.optional(), operator: z.string().optional(), events: z.array(hashField) }),
    createdAt: z.string(),
    expiresAt: z.string(),
    revision: z.number().int(),
    writer: z.string(),
    event: hashField.openapi({ description: 'Hash of the event that recorded it.' }),
  })
  .openapi('Rule')
type RuleView = z.infer<typeof ruleSchema>

const reasonField = textField.trim().min(1, 'expected a reason')

const newRuleSchema = z
  .strictObject({
    scope: scopeSchema.refine(
      ({ session, principal }) => session !== undefined || principal !== undefined,
      'expected a session or a principal',
    ),
    tool: nameField.openapi({ description: "A tool's name, or `*` for every tool." }),
    toolClass: z.enum(TOOL_CLASSES).optional(),
    action: z.enum(['deny', 'escalate']),
    expiresIn: z
      .number()
      .int()
      .min(1)
      .max(MAX_RULE_LIFE_MS / 1000)
      .openapi({ description: 'Seconds, at most an hour.' }),
    reason: reasonField,
  })
  .openapi('NewRule')

const liftSchema = z.strictObject({ reason: reasonField }).openapi('LiftRule')
const liftedSchema = z
  .object({ rule: hashField, liftedAt: z.string(), staysAwayUntil: z.string(), by: z.string(), event: hashField })
  .openapi('LiftedRule')

const listRoute = createRoute({
  method: 'get',
  path: '/v1/rules',
  summary: 'The rules that gateways honour now',
  security: [{ bearer: ['read'] }],
  middleware: [requireScope('read')] as const,
  responses: { 200: json(z.object({ items: z.array(ruleSchema) }), 'The rules.'), ...problems(400, 401, 403) },
})

const addRoute = createRoute({
  method: 'post',
  path: '/v1/rules',
  summary: 'Add a rule that denies or escalates for a while',
  security: [{ bearer: ['operate'] }],
  middleware: [requireScope('operate')] as const,
  request: { body: { required: true, content: { 'application/json': { schema: newRuleSchema } } } },
  responses: { 201: json(ruleSchema, 'The rule.'), ...problems(400, 401, 403, 409, 413, 415, 503) },
})

const liftRoute = createRoute({
  method: 'post',
  path: '/v1/rules/{id}/lift',
  summary: 'Lift a rule before it expires; it stays away for a day',
  security: [{ bearer: ['operate'] }],
  middleware: [requireScope('operate')] as const,
  request: {
    params: z.object({ id: hashField }),
    body: { required: true, content: { 'application/json': { schema: liftSchema } } },
  },
  responses: { 200: json(liftedSchema, 'It is lifted.'), ...problems(400, 401, 403, 404, 409, 413, 415, 503) },
})

/** What the rules' routes work with. */
export interface RulesOptions {
  readonly operator: OperatorMeans
  readonly clock: Clock
  readonly publishDeadlineMs: number
}

/** Adds the routes. */
export function addRules(app: OpenAPIHono<ApiEnv>, { operator, clock, publishDeadlineMs }: RulesOptions): void {
  const view = (): ControlView => operator.controlReader.view

  app.openapi(listRoute, (c) => c.json({ items: listRules(view(), clock.nowMicros()) }, 200))

  app.openapi(addRoute, async (c) => {
    const nowMicros = clock.nowMicros()
    const by = c.get('caller').subject
    const { expiresIn, ...wanted } = c.req.valid('json')
    checkRoom(view(), wanted.scope.principal, nowMicros)
    const rule: Rule = {
      ...wanted,
      id: derivedId('operator-rule', by, uuidv7(nowMicros)),
      cause: { operator: by, events: [] },
      createdAt: formatTime(nowMicros),
      expiresAt: formatTime(nowMicros + expiresIn * 1_000_000),
    }
    const draft = (revision: number) => ({ type: 'rule/added', revision, rule }) as const
    const { event, hash } = await publishEvent(operator, draft, publishDeadlineMs)
    const revision = event.type === 'rule/added' ? event.revision : 0
    return c.json(showRule(rule, { revision, writer: event.writer, event: hash }, nowMicros), 201)
  })

  app.openapi(liftRoute, async (c) => {
    const nowMicros = clock.nowMicros()
    const { id } = c.req.valid('param')
    checkLive(view().subjects.get(`rule/${id}`), id, nowMicros)
    const lift = {
      rule: id,
      expiresAt: formatTime(nowMicros + LIFT_STAYS_MICROS),
      by: c.get('caller').subject,
      reason: c.req.valid('json').reason,
    }
    const draft = (revision: number) => ({ type: 'rule/lifted', revision, ...lift }) as const
    const { event, hash } = await publishEvent(operator, draft, publishDeadlineMs)
    return c.json({ rule: id, liftedAt: event.time, staysAwayUntil: lift.expiresAt, by: lift.by, event: hash }, 200)
  })
}

function listRules(view: ControlView, nowMicros: number): RuleView[] {
  return Array.from(view.subjects.values()).flatMap(({ event, revision, hash }) =>
    event.type === 'rule/added' && parseTime(event.rule.expiresAt) > nowMicros
      ? [showRule(event.rule, { revision, writer: event.writer, event: hash }, nowMicros)]
      : [],
  )
}

/** A rule as the API shows it; its predicate is nothing but digests and stays inside. */
function showRule(
  { arguments: predicate, ...rule }: Rule,
  recorded: { readonly revision: number; readonly writer: string; readonly event: string },
  nowMicros: number,
): RuleView {
  const remainingMicros = parseTime(rule.expiresAt) - nowMicros
  return {
    ...rule,
    ...recorded,
    state: remainingMicros > 0 ? 'live' : 'expired',
    remainingSeconds: Math.max(0, Math.ceil(remainingMicros / 1_000_000)),
    hasPredicate: predicate !== undefined,
  }
}

/** Gateways honour no more than so many rules for one principal. */
function checkRoom(view: ControlView, principal: string | undefined, nowMicros: number): void {
  if (principal === undefined) return
  const count = liveRules(view, nowMicros).filter((rule) => rule.scope.principal === principal).length
  if (count < MAX_RULES_PER_PRINCIPAL) return
  throw new ToolwardenError('CONFLICT', `${count} rules are live for this principal, the most there may be`, {
    where: `principal ${principal}`,
    fix: 'Lift one first, or add one rule that covers more.',
  })
}

function checkLive(subject: LiveSubject | undefined, id: string, nowMicros: number): void {
  if (subject === undefined)
    throw new ToolwardenError('NOT_FOUND', 'there is no rule with this id', {
      where: `rule ${id}`,
      fix: 'GET /v1/rules',
    })
  const { event } = subject
  if (event.type === 'rule/lifted')
    throw new ToolwardenError('CONFLICT', `the rule was lifted at ${event.time} by ${event.by}`, {
      where: `rule ${id}`,
    })
  if (event.type === 'rule/added' && parseTime(event.rule.expiresAt) <= nowMicros)
    throw new ToolwardenError('CONFLICT', `the rule expired at ${event.rule.expiresAt}`, { where: `rule ${id}` })
}
