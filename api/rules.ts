// /v1/rules: what the gateways honour now, and what operators add and lift. A rule only ever denies or escalates, for a
// session or a principal, for at most an hour; adding and lifting are events before they take effect.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { type ControlView, liveRules } from '../events/control-view.ts'
import { ToolwardenError } from '../events/errors.ts'
import { hashField, nameField, textField } from '../events/field.ts'
import { isArmedRule, MAX_RULE_LIFE_MS, MAX_RULES_PER_PRINCIPAL, type Rule } from '../events/rule.ts'
import { type Clock, derivedId, formatTime, parseTime, uuidv7 } from '../events/time.ts'
import { TOOL_CLASSES } from '../events/tool-class.ts'
import type { LedgerHistory } from '../ledger/query.ts'
import type { ApiEnv } from './api-env.ts'
import { checkScope, requireScope } from './authentication.ts'
import { type OperatorMeans, publishEvent } from './operator.ts'
import { findPage, type PageQuery, pageOf, pageQuery } from './page.ts'
import { json, problems } from './responses.ts'
import { findRules } from './rule-history.ts'
import { type RuleView, ruleSchema, ruleScopeSchema, showRule } from './rule-view.ts'

const LIST = 'rules'
/** How long a lifted rule stays away, hours, unless an admin says longer: detectors don't raise it again for so long. */
const LIFT_STAYS_HOURS = 24
const MAX_LIFT_STAYS_HOURS = 90 * 24

const reasonField = textField.trim().min(1, 'expected a reason')

const newRuleSchema = z
  .strictObject({
    scope: ruleScopeSchema.refine(
      ({ session, principal }) => session !== undefined || principal !== undefined,
      'expected a session or a principal',
    ),
    tool: nameField.describe("A tool's name, or `*` for every tool."),
    toolClass: z.enum(TOOL_CLASSES).optional(),
    action: z.enum(['deny', 'escalate']),
    expiresIn: z
      .number()
      .int()
      .min(1)
      .max(MAX_RULE_LIFE_MS / 1000)
      .describe('Seconds, at most an hour.'),
    reason: reasonField,
  })
  .openapi('NewRule')

const liftSchema = z
  .strictObject({
    reason: reasonField,
    staysAwayHours: z
      .number()
      .int()
      .min(LIFT_STAYS_HOURS)
      .max(MAX_LIFT_STAYS_HOURS)
      .default(LIFT_STAYS_HOURS)
      .describe('More than a day needs the scope admin.'),
  })
  .openapi('LiftRule')
const liftedSchema = z
  .object({ rule: hashField, liftedAt: z.string(), staysAwayUntil: z.string(), by: z.string(), event: hashField })
  .openapi('LiftedRule')

const listRoute = createRoute({
  method: 'get',
  path: '/v1/rules',
  summary: 'The rules that gateways honour now, or those of the past',
  security: [{ bearer: ['read'] }],
  middleware: [requireScope('read')] as const,
  request: {
    query: z.strictObject({
      ...pageQuery,
      state: z.enum(['live', 'history']).default('live').describe('`history` is read from the ledger, newest first.'),
      session: nameField.optional(),
      principal: nameField.optional(),
    }),
  },
  responses: { 200: json(pageOf(ruleSchema), 'The rules.'), ...problems(400, 401, 403, 503) },
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
  summary: 'Lift a rule before it expires; it stays away for a day, or for longer where an admin says so',
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
  readonly history: LedgerHistory
  readonly operator: OperatorMeans
  readonly clock: Clock
  readonly publishDeadlineMs: number
}

/** Adds the routes. */
export function addRules(app: OpenAPIHono<ApiEnv>, options: RulesOptions): void {
  const { history, operator, clock, publishDeadlineMs } = options
  const view = (): ControlView => operator.controlReader.view

  app.openapi(listRoute, async (c) => {
    const { state, ...query } = c.req.valid('query')
    if (state === 'live') return c.json({ items: listLive(view(), query, clock.nowMicros()) }, 200)
    return c.json(await listPast(history, query, clock.nowMicros()), 200)
  })

  app.openapi(addRoute, async (c) => {
    const nowMicros = clock.nowMicros()
    const rule = newRule(c.req.valid('json'), c.get('caller').subject, nowMicros)
    checkRoom(view(), rule.scope.principal, nowMicros)
    const draft = (revision: number) => ({ type: 'rule/added', revision, rule }) as const
    const { event, hash } = await publishEvent(operator, draft, publishDeadlineMs)
    if (event.type !== 'rule/added') throw new ToolwardenError('INTERNAL', 'another event was published')
    return c.json(showRule({ event, hash }, undefined, nowMicros), 201)
  })

  app.openapi(liftRoute, async (c) => {
    const nowMicros = clock.nowMicros()
    const { id } = c.req.valid('param')
    const { reason, staysAwayHours } = c.req.valid('json')
    if (staysAwayHours > LIFT_STAYS_HOURS) checkScope(c, 'admin', `${staysAwayHours} hours`)
    findLiveRule(view(), id, nowMicros)
    const expiresAt = formatTime(nowMicros + staysAwayHours * 60 * 60 * 1_000_000)
    const lift = { rule: id, expiresAt, by: c.get('caller').subject, reason }
    const draft = (revision: number) => ({ type: 'rule/lifted', revision, ...lift }) as const
    const { event, hash } = await publishEvent(operator, draft, publishDeadlineMs)
    return c.json({ rule: id, liftedAt: event.time, staysAwayUntil: lift.expiresAt, by: lift.by, event: hash }, 200)
  })
}

function newRule({ expiresIn, ...wanted }: z.infer<typeof newRuleSchema>, by: string, nowMicros: number): Rule {
  return {
    ...wanted,
    id: derivedId('operator-rule', by, uuidv7(nowMicros)),
    cause: { operator: by, events: [] },
    createdAt: formatTime(nowMicros),
    expiresAt: formatTime(nowMicros + expiresIn * 1_000_000),
  }
}

type RulesQuery = PageQuery & { readonly session?: string | undefined; readonly principal?: string | undefined }

/** All of them on one page: gateways honour few. */
function listLive(view: ControlView, query: RulesQuery, nowMicros: number): RuleView[] {
  const { from, to, cursor, session, principal } = query
  if (from !== undefined || to !== undefined || cursor !== undefined)
    throw new ToolwardenError('REQUEST_INVALID', 'what is live now has no time range and no pages', {
      where: `query ${from !== undefined ? 'from' : to !== undefined ? 'to' : 'cursor'}`,
      fix: 'Add state=history.',
    })
  return Array.from(view.subjects.values()).flatMap(({ event, hash }) => {
    if (event.type !== 'rule/added' || parseTime(event.rule.expiresAt) <= nowMicros) return []
    const { scope } = event.rule
    const isWanted = (session ?? scope.session) === scope.session && (principal ?? scope.principal) === scope.principal
    return isWanted ? [showRule({ event, hash }, undefined, nowMicros)] : []
  })
}

async function listPast(history: LedgerHistory, query: RulesQuery, nowMicros: number) {
  return await findPage(query, {
    list: LIST,
    find: (filter, request) => findRules(history, filter, request),
    placeOf: ({ added }) => added,
    show: ({ added, lifted }) => showRule(added, lifted, nowMicros),
  })
}

/** Gateways honour no more than so many rules for one principal. */
export function checkRoom(view: ControlView, principal: string | undefined, nowMicros: number): void {
  if (principal === undefined) return
  const counted = liveRules(view, nowMicros).filter((rule) => !isArmedRule(rule))
  const count = counted.filter((rule) => rule.scope.principal === principal).length
  if (count < MAX_RULES_PER_PRINCIPAL) return
  throw new ToolwardenError('CONFLICT', `${count} rules are live for this principal, the most there may be`, {
    where: `principal ${principal}`,
    fix: 'Lift one first, or add one rule that covers more.',
  })
}

/** The rule with an id that gateways honour now. Throws NOT_FOUND; CONFLICT for one that is over. */
export function findLiveRule(view: ControlView, id: string, nowMicros: number): Rule {
  const event = view.subjects.get(`rule/${id}`)?.event
  if (event === undefined || (event.type !== 'rule/added' && event.type !== 'rule/lifted'))
    throw new ToolwardenError('NOT_FOUND', 'there is no rule with this id', {
      where: `rule ${id}`,
      fix: 'GET /v1/rules',
    })
  if (event.type === 'rule/lifted')
    throw new ToolwardenError('CONFLICT', `the rule was lifted at ${event.time} by ${event.by}`, {
      where: `rule ${id}`,
    })
  if (parseTime(event.rule.expiresAt) <= nowMicros)
    throw new ToolwardenError('CONFLICT', `the rule expired at ${event.rule.expiresAt}`, { where: `rule ${id}` })
  return event.rule
}
