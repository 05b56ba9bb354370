// /v1/verify: whether the record is whole. One verification runs at a time; whoever asks meanwhile joins that one.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { VerifyReport } from '../ledger/verify-report.ts'
import type { ApiEnv } from './api-env.ts'
import { requireScope } from './authentication.ts'
import { reportSchema, showReport } from './report-view.ts'
import { json, problems } from './responses.ts'
import type { FinishedRun, Verification } from './verification.ts'

const runSchema = z.object({
  startedAt: z.string(),
  finishedAt: z.string(),
  report: reportSchema.optional(),
  error: z
    .object({ code: z.string(), message: z.string(), fix: z.string().optional() })
    .optional()
    .describe('Why it could not be done to the end.'),
})

const verificationSchema = z
  .object({
    state: z.enum(['never', 'running', 'finished']),
    current: z.object({ startedAt: z.string(), rows: z.number().int(), total: z.number().int() }).optional(),
    last: runSchema.optional().describe('The last run that ended.'),
  })
  .openapi('Verification')
type VerificationView = z.infer<typeof verificationSchema>

const showRoute = createRoute({
  method: 'get',
  path: '/v1/verify',
  summary: 'The verification under way, and the last result',
  security: [{ bearer: ['read'] }],
  middleware: [requireScope('read')] as const,
  responses: { 200: json(verificationSchema, 'The state.'), ...problems(401, 403) },
})

const runRoute = createRoute({
  method: 'post',
  path: '/v1/verify',
  summary: 'Start a verification, or join the one under way',
  security: [{ bearer: ['operate'] }],
  middleware: [requireScope('operate')] as const,
  request: {
    query: z.strictObject({
      wait: z.enum(['true', 'false']).default('false').describe('Whether to answer only when it has ended.'),
    }),
  },
  responses: {
    200: json(verificationSchema, 'It has ended.'),
    202: json(verificationSchema, 'It runs; GET shows its progress and result.'),
    ...problems(400, 401, 403),
  },
})

const quickRoute = createRoute({
  method: 'post',
  path: '/v1/verify/quick',
  summary: 'Check bodies, hashes and links inside the store: no signatures, payloads or Merkle log',
  security: [{ bearer: ['operate'] }],
  middleware: [requireScope('operate')] as const,
  responses: { 200: json(reportSchema, 'The report.'), ...problems(401, 403, 503) },
})

/** How the API verifies. */
export interface IntegrityMeans {
  readonly verification: Verification
  readonly verifyQuickly: () => Promise<VerifyReport>
}

/** Adds the routes. */
export function addIntegrity(app: OpenAPIHono<ApiEnv>, { verification, verifyQuickly }: IntegrityMeans): void {
  app.openapi(showRoute, (c) => c.json(showVerification(verification), 200))
  app.openapi(runRoute, async (c) => {
    const ended = verification.run()
    if (c.req.valid('query').wait === 'false') return c.json(showVerification(verification), 202)
    await ended
    return c.json(showVerification(verification), 200)
  })
  app.openapi(quickRoute, async (c) => c.json(showReport(await verifyQuickly()), 200))
}

function showVerification({ current, last }: Verification): VerificationView {
  return {
    state: current !== undefined ? 'running' : last === undefined ? 'never' : 'finished',
    current: current && { startedAt: current.startedAt, ...current.progress },
    last: last && showRun(last),
  }
}

function showRun({ startedAt, finishedAt, outcome }: FinishedRun): VerificationView['last'] {
  if ('report' in outcome) return { startedAt, finishedAt, report: showReport(outcome.report) }
  const { code, message, fix } = outcome.error
  return { startedAt, finishedAt, error: { code, message, fix } }
}
