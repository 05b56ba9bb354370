// POST /v1/rules/{id}/promote: a person makes a rule wider than its evidence: for all sessions of its principal, or for everyone,
// and for longer. What the rule compares stays as it is; the new one names the old one's alert and events as its cause.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { type ControlView, liveRules } from '../events/control-view.ts'
import { ToolwardenError } from '../events/errors.ts'
import { hashField, textField } from '../events/field.ts'
import { bindsEveryone, MAX_OPERATOR_RULE_LIFE_MS, MAX_RULE_LIFE_MS, type Rule } from '../events/rule.ts'
import { type Clock, derivedId, formatTime, uuidv7 } from '../events/time.ts'
import type { ApiEnv } from './api-env.ts'
import { checkScope, requireScope } from './authentication.ts'
import { type OperatorMeans, publishEvent } from './operator.ts'
import { json, problems } from './responses.ts'
import { ruleSchema, showRule } from './rule-view.ts'
import { checkRoom, findLiveRule } from './rules.ts'

/** Rules for everyone that may be in force at once: each is looked at for each call. */
const MAX_RULES_OF_EVERYONE = 100

const promotionSchema = z
  .strictObject({
    to: z
      .enum(['principal', 'everyone'])
      .describe('All sessions of its principal; or whoever calls, which needs the scope admin.'),
    action: z.enum(['deny', 'escalate']).optional().describe("The rule's own unless told."),
    expiresIn: z
      .number()
      .int()
      .min(1)
      .max(MAX_OPERATOR_RULE_LIFE_MS / 1000)
      .default(MAX_RULE_LIFE_MS / 1000)
      .describe('Seconds, at most a week; more than an hour needs the scope admin.'),
    reason: textField.trim().min(1, 'expected a reason'),
  })
  .openapi('PromoteRule')
type Promotion = z.infer<typeof promotionSchema>

const promoteRoute = createRoute({
  method: 'post',
  path: '/v1/rules/{id}/promote',
  summary: 'Make a rule wider: a second one for its principal or for everyone, in the name of a person',
  security: [{ bearer: ['operate'] }],
  middleware: [requireScope('operate')] as const,
  request: {
    params: z.object({ id: hashField }),
    body: { required: true, content: { 'application/json': { schema: promotionSchema } } },
  },
  responses: { 201: json(ruleSchema, 'The wider rule.'), ...problems(400, 401, 403, 404, 409, 413, 415, 503) },
})

/** Adds the route. */
export function addPromotions(
  app: OpenAPIHono<ApiEnv>,
  options: { readonly operator: OperatorMeans; readonly clock: Clock; readonly publishDeadlineMs: number },
): void {
  const { operator, clock, publishDeadlineMs } = options
  app.openapi(promoteRoute, async (c) => {
    const nowMicros = clock.nowMicros()
    const wanted = c.req.valid('json')
    if (wanted.to === 'everyone') checkScope(c, 'admin', 'to everyone')
    if (wanted.expiresIn > MAX_RULE_LIFE_MS / 1000) checkScope(c, 'admin', `expiresIn ${wanted.expiresIn}`)
    const { view } = operator.controlReader
    const narrow = findLiveRule(view, c.req.valid('param').id, nowMicros)
    const rule = widen(narrow, wanted, { by: c.get('caller').subject, nowMicros })
    if (bindsEveryone(rule)) checkRoomOfEveryone(view, nowMicros)
    else checkRoom(view, rule.scope.principal, nowMicros)
    const draft = (revision: number) => ({ type: 'rule/added', revision, rule }) as const
    const { event, hash } = await publishEvent(operator, draft, publishDeadlineMs)
    if (event.type !== 'rule/added') throw new ToolwardenError('INTERNAL', 'another event was published')
    return c.json(showRule({ event, hash }, undefined, nowMicros), 201)
  })
}

function widen(
  narrow: Rule,
  { to, action, expiresIn, reason }: Promotion,
  { by, nowMicros }: { readonly by: string; readonly nowMicros: number },
): Rule {
  const { principal, server } = narrow.scope
  if (to === 'principal' && principal === undefined)
    throw new ToolwardenError('CONFLICT', 'the rule names no principal', {
      where: `rule ${narrow.id}`,
      fix: 'Promote it to everyone, or add a rule for the principal that you mean.',
    })
  return {
    ...narrow,
    id: derivedId('promoted-rule', narrow.id, by, uuidv7(nowMicros)),
    scope: { ...(to === 'principal' ? { principal } : {}), ...(server === undefined ? {} : { server }) },
    action: action ?? narrow.action,
    reason,
    cause: { ...narrow.cause, operator: by },
    createdAt: formatTime(nowMicros),
    expiresAt: formatTime(nowMicros + expiresIn * 1_000_000),
  }
}

function checkRoomOfEveryone(view: ControlView, nowMicros: number): void {
  const count = liveRules(view, nowMicros).filter(bindsEveryone).length
  if (count < MAX_RULES_OF_EVERYONE) return
  throw new ToolwardenError('CONFLICT', `${count} rules for everyone are live, the most there may be`, {
    where: 'to everyone',
    fix: 'Lift one first, or write what is to stay into the policy.',
  })
}
