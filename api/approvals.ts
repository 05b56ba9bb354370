// /v1/approvals: calls that wait for a person, and the answers to them. An answer is an event of the API's chain before it
// reaches the gateway that asked; whoever proposes can't approve, and arguments are shown only after that was recorded.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { ToolwardenError } from '../events/errors.ts'
import type { EventOf } from '../events/event.ts'
import { hashField, nameField, textField, uuidField } from '../events/field.ts'
import { type Clock, formatTime } from '../events/time.ts'
import { APPROVAL_STATES, type ApprovalHistory, type HistoryApproval } from '../ledger/approval-history.ts'
import type { LedgerHistory } from '../ledger/query.ts'
import type { ApiEnv } from './api-env.ts'
import { approvalSchema, showApproval } from './approval-view.ts'
import { requireScope } from './authentication.ts'
import { type OperatorMeans, publishEvent, recordEvent } from './operator.ts'
import { findPage, pageOf, pageQuery } from './page.ts'
import { showPayloads } from './payload-view.ts'
import { json, problems } from './responses.ts'
import { findSelfApproval } from './self-approval.ts'
import type { ApiSettings } from './settings.ts'
import type { Caller } from './tokens.ts'

const LIST = 'approvals'

const listRoute = createRoute({
  method: 'get',
  path: '/v1/approvals',
  summary: 'Calls that waited for a person, newest first',
  security: [{ bearer: ['read'] }],
  middleware: [requireScope('read')] as const,
  request: {
    query: z.strictObject({
      ...pageQuery,
      state: z.enum(APPROVAL_STATES).optional(),
      tool: nameField.optional(),
      server: nameField.optional(),
      principal: nameField.optional(),
      session: nameField.optional(),
    }),
  },
  responses: { 200: json(pageOf(approvalSchema), 'One page.'), ...problems(400, 401, 403, 503) },
})

const showRoute = createRoute({
  method: 'get',
  path: '/v1/approvals/{id}',
  summary: 'One approval',
  description:
    'With `arguments=true` also what was recorded of the arguments: scope approve, and the look is recorded.',
  security: [{ bearer: ['read'] }],
  middleware: [requireScope('read')] as const,
  request: {
    params: z.object({ id: uuidField }),
    query: z.strictObject({ arguments: z.enum(['true', 'false']).default('false') }),
  },
  responses: { 200: json(approvalSchema, 'The approval.'), ...problems(400, 401, 403, 404, 503) },
})

const answerSchema = z.strictObject({ reason: textField.trim().min(1, 'expected a reason') }).openapi('AnswerApproval')
const answeredSchema = z
  .object({
    approval: uuidField,
    verdict: z.enum(['approve', 'deny']),
    by: z.string(),
    via: z.string(),
    at: z.string(),
    event: hashField.describe('Hash of the event that recorded it.'),
  })
  .openapi('AnsweredApproval')

const answerRoute = createRoute({
  method: 'post',
  path: '/v1/approvals/{id}/{verdict}',
  summary: 'Approve or deny a call that waits, with a reason',
  description: 'An approval lets exactly this call through, once, if nothing denies it by then.',
  security: [{ bearer: ['approve'] }],
  middleware: [requireScope('approve')] as const,
  request: {
    params: z.object({ id: uuidField, verdict: z.enum(['approve', 'deny']) }),
    body: { required: true, content: { 'application/json': { schema: answerSchema } } },
  },
  responses: { 200: json(answeredSchema, 'Recorded and sent.'), ...problems(400, 401, 403, 404, 409, 413, 415, 503) },
})

/** What the approvals' routes work with. */
export interface ApprovalsOptions {
  readonly history: LedgerHistory
  readonly approvals: ApprovalHistory
  readonly operator: OperatorMeans
  readonly clock: Clock
  readonly settings: Pick<ApiSettings, 'approvals' | 'limits'>
}

/** Adds the routes. */
export function addApprovals(app: OpenAPIHono<ApiEnv>, options: ApprovalsOptions): void {
  const { history, approvals, operator, clock } = options
  const nowTime = (): string => formatTime(clock.nowMicros())
  /** Answers on their way to the log: there is one for each approval. */
  const answering = new Set<string>()

  app.openapi(listRoute, async (c) => {
    const now = nowTime()
    const page = await findPage(c.req.valid('query'), {
      list: LIST,
      find: (filter, request) => approvals.findApprovals({ ...filter, now }, request),
      placeOf: ({ requested }) => requested,
      show: (found) => showApproval(found, now),
    })
    return c.json(page, 200)
  })

  app.openapi(showRoute, async (c) => {
    const { id } = c.req.valid('param')
    const shown = showApproval(await findApproval(approvals, id), nowTime())
    if (shown === undefined) throw unknown(id)
    if (c.req.valid('query').arguments === 'false') return c.json(shown, 200)
    const { subject, scopes } = c.get('caller')
    if (!scopes.includes('approve'))
      throw new ToolwardenError('FORBIDDEN', 'arguments need the scope approve', { where: 'query arguments' })
    // Recorded before it is shown: no record, no look.
    const look = { call: shown.call, by: subject, reason: `approval ${id}` }
    await recordEvent(operator, { type: 'admin/read-payload', ...look })
    const proposes = (await history.findCall(shown.call)).filter(({ event }) => event.type === 'authorization/propose')
    const [payload] = await showPayloads(history, proposes)
    return c.json({ ...shown, arguments: payload }, 200)
  })

  app.openapi(answerRoute, async (c) => {
    const { id, verdict } = c.req.valid('param')
    const { reason } = c.req.valid('json')
    const caller = c.get('caller')
    const asked = askedBy(await findApproval(approvals, id), id)
    await refuseSelf(caller, asked, options)
    if (answering.has(id) || operator.controlReader.view.subjects.has(`approval/${id}`)) throw answered(id, 'answered')
    answering.add(id)
    try {
      const state = showApproval(await findApproval(approvals, id), nowTime())?.state
      if (state !== 'pending') throw answered(id, state ?? 'gone')
      const { event, hash } = await publishVerdict(asked, { verdict, reason, caller }, options)
      const via = viaOf(caller)
      return c.json({ approval: id, verdict, by: caller.subject, via, at: event.time, event: hash }, 200)
    } finally {
      answering.delete(id)
    }
  })
}

type Asked = EventOf<'approval/requested'>

function publishVerdict(
  { approval, argumentsDigest, policy, principal, server, tool, expiresAt }: Asked,
  { verdict, reason, caller }: { verdict: 'approve' | 'deny'; reason: string; caller: Caller },
  { operator, settings }: ApprovalsOptions,
) {
  const bound = { approval, argumentsDigest, policy, principal, server, tool, expiresAt }
  const answer = { verdict, reason, by: caller.subject, via: viaOf(caller) }
  const draft = (revision: number) => ({ type: 'approval/verdict', revision, ...bound, ...answer }) as const
  return publishEvent(operator, draft, settings.limits.publishDeadlineMs)
}

function viaOf({ tokenId }: Caller): string {
  return `token ${tokenId}`
}

async function findApproval(approvals: ApprovalHistory, id: string): Promise<HistoryApproval> {
  const found = await approvals.findApproval(id)
  if (found === undefined) throw unknown(id)
  return found
}

/** An answer is bound to what the record says was asked; where someone edited it, there is none. */
function askedBy({ requested }: HistoryApproval, id: string): Asked {
  if (requested.event.type !== 'approval/requested') throw unknown(id)
  if (requested.problem === undefined) return requested.event
  throw new ToolwardenError('CONFLICT', `the record of this approval was edited: ${requested.problem}`, {
    where: `approval ${id}`,
    fix: 'toolwarden verify',
  })
}

/** The attempt is recorded too. */
async function refuseSelf(caller: Caller, { approval, principal }: Asked, options: ApprovalsOptions): Promise<void> {
  const problem = findSelfApproval(caller.subject, principal, options.settings.approvals.owners)
  if (problem === undefined) return
  const reason = `approval ${approval}: ${problem}`
  await recordEvent(options.operator, { type: 'access/denied', subject: caller.subject, by: caller.subject, reason })
  throw new ToolwardenError('FORBIDDEN', problem, {
    where: `approval ${approval}`,
    fix: 'Let somebody else answer; api.approvals.owners says whose agents are whose.',
  })
}

function unknown(id: string): ToolwardenError {
  return new ToolwardenError('NOT_FOUND', 'there is no approval with this id', {
    where: `approval ${id}`,
    fix: 'GET /v1/approvals?state=pending',
  })
}

function answered(id: string, state: string): ToolwardenError {
  return new ToolwardenError('CONFLICT', `the approval is ${state} already`, {
    where: `approval ${id}`,
    fix: 'GET /v1/approvals?state=pending shows what waits.',
  })
}
