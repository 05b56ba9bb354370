// /v1/pins: the definitions of tools as gateways saw them last, and what they are held to. Approving one is an event in the
// name of the token before it reaches the gateways.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { ControlView } from '../events/control-view.ts'
import { hashField, nameField, textField } from '../events/field.ts'
import { pinSubject } from '../events/pin-subject.ts'
import { MAX_DEFINITIONS, type SeenDefinition } from '../ledger/definition-history.ts'
import type { LedgerHistory } from '../ledger/query.ts'
import type { ApiEnv } from './api-env.ts'
import { requireScope } from './authentication.ts'
import { type OperatorMeans, publishEvent } from './operator.ts'
import { json, problems } from './responses.ts'

/** The most definitions that one request approves. */
const MAX_APPROVED = 1_000

const pinSchema = z
  .object({
    server: z.string(),
    tool: z.string(),
    state: z
      .enum(['pinned', 'changed', 'new'])
      .describe('`changed`: not the pinned definition; `new`: none is pinned yet.'),
    digest: hashField.optional().describe('As it was seen last.'),
    pinned: hashField.optional().describe('What it is held to.'),
    seenAt: z.string().optional(),
    event: hashField.optional().describe('Hash of the `tools/listed` that speaks of it.'),
    approved: z.object({ by: z.string(), reason: z.string(), at: z.string(), event: hashField }).optional(),
    problem: z.string().optional(),
  })
  .openapi('Pin')
type PinView = z.infer<typeof pinSchema>

const approveSchema = z
  .strictObject({
    server: nameField,
    tools: z
      .array(z.strictObject({ tool: nameField, digest: hashField }))
      .min(1)
      .max(MAX_APPROVED),
    reason: textField.trim().min(1, 'expected a reason'),
  })
  .openapi('ApprovePins')

const listRoute = createRoute({
  method: 'get',
  path: '/v1/pins',
  summary: 'The definitions of tools, and what they are held to',
  security: [{ bearer: ['read'] }],
  middleware: [requireScope('read')] as const,
  request: { query: z.strictObject({ server: nameField.optional() }) },
  responses: {
    200: json(z.object({ items: z.array(pinSchema) }), `By server and tool, at most ${MAX_DEFINITIONS}.`),
    ...problems(400, 401, 403, 503),
  },
})

const approveRoute = createRoute({
  method: 'post',
  path: '/v1/pins/approve',
  summary: 'Approve definitions: gateways hold their tools to these from now on',
  security: [{ bearer: ['approve'] }],
  middleware: [requireScope('approve')] as const,
  request: { body: { required: true, content: { 'application/json': { schema: approveSchema } } } },
  responses: {
    200: json(z.object({ items: z.array(pinSchema) }), 'They are approved.'),
    ...problems(400, 401, 403, 413, 415, 503),
  },
})

/** What the pins' routes work with. */
export interface PinsOptions {
  readonly history: LedgerHistory
  readonly operator: OperatorMeans
  readonly publishDeadlineMs: number
}

/** Adds the routes. */
export function addPins(app: OpenAPIHono<ApiEnv>, { history, operator, publishDeadlineMs }: PinsOptions): void {
  app.openapi(listRoute, async (c) => {
    const { server } = c.req.valid('query')
    const { view } = operator.controlReader
    const seen = await history.findDefinitions(server)
    const items = seen.map((definition) => showSeen(definition, findApproval(view, definition)))
    return c.json({ items: [...items, ...unseen(view, items, server)] }, 200)
  })

  app.openapi(approveRoute, async (c) => {
    const { server, tools, reason } = c.req.valid('json')
    const by = c.get('caller').subject
    const items: PinView[] = []
    for (const { tool, digest } of tools) {
      const draft = (revision: number) =>
        ({ type: 'pin/approved', revision, server, tool, digest, by, reason }) as const
      const { event, hash } = await publishEvent(operator, draft, publishDeadlineMs)
      const approved = { by, reason, at: event.time, event: hash }
      items.push({ server, tool, state: 'pinned', digest, pinned: digest, approved })
    }
    return c.json({ items }, 200)
  })
}

interface Approval {
  readonly digest: string
  readonly approved: NonNullable<PinView['approved']>
}

function findApproval(
  view: ControlView,
  { server, tool }: Pick<SeenDefinition, 'server' | 'tool'>,
): Approval | undefined {
  const found = view.subjects.get(pinSubject(server, tool))
  if (found?.event.type !== 'pin/approved') return undefined
  const { digest, by, reason, time: at } = found.event
  return { digest, approved: { by, reason, at, event: found.hash } }
}

/** What an operator approved counts before what was seen first. */
function showSeen({ pinned: first, ...seen }: SeenDefinition, approval: Approval | undefined): PinView {
  const pinned = approval?.digest ?? first
  return {
    ...seen,
    state: pinned === undefined ? 'new' : pinned === seen.digest ? 'pinned' : 'changed',
    ...(pinned === undefined ? {} : { pinned }),
    ...(approval === undefined ? {} : { approved: approval.approved }),
  }
}

/** Approved before any gateway saw them: `toolwarden pin --from-server`. */
function unseen(view: ControlView, seen: readonly PinView[], of: string | undefined): readonly PinView[] {
  const known = new Set(seen.map(({ server, tool }) => pinSubject(server, tool)))
  return Array.from(view.subjects.values()).flatMap(({ subject, event, hash }) => {
    if (event.type !== 'pin/approved' || known.has(subject) || (of !== undefined && event.server !== of)) return []
    const { server, tool, digest, by, reason, time: at } = event
    return [{ server, tool, state: 'pinned' as const, pinned: digest, approved: { by, reason, at, event: hash } }]
  })
}
