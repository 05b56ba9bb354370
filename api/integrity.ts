// /v1/verify: whether the record is whole. One verification runs at a time; whoever asks meanwhile is shown that one.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { ApiEnv } from './api-env.ts'
import { requireScope } from './authentication.ts'
import { json, problems } from './responses.ts'
import type { FinishedRun, Verification } from './verification.ts'

/** The most violations that an answer names; the report says how many there are. */
const MAX_SHOWN_VIOLATIONS = 1_000

const runSchema = z.object({
  startedAt: z.string(),
  finishedAt: z.string(),
  result: z.enum(['ok', 'violated', 'failed']),
  counts: z.record(z.string(), z.number()).optional(),
  violationCount: z.number().int().optional(),
  violations: z.array(z.object({ kind: z.string(), where: z.string(), message: z.string() })).optional(),
  error: z.object({ code: z.string(), message: z.string(), fix: z.string().optional() }).optional(),
})

const verificationSchema = z
  .object({
    state: z.enum(['never', 'running', 'finished']),
    current: z.object({ startedAt: z.string(), done: z.number().int(), total: z.number().int() }).optional(),
    last: runSchema.optional().openapi({ description: 'The last run that ended.' }),
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
  summary: 'Start a verification, unless one is under way',
  security: [{ bearer: ['operate'] }],
  middleware: [requireScope('operate')] as const,
  responses: { 202: json(verificationSchema, 'It runs; GET shows its progress and result.'), ...problems(401, 403) },
})

/** Adds the routes. */
export function addIntegrity(app: OpenAPIHono<ApiEnv>, verification: Verification): void {
  app.openapi(showRoute, (c) => c.json(showVerification(verification), 200))
  app.openapi(runRoute, (c) => {
    // Its end is awaited by nobody here: it never rejects, and the result is read with GET.
    void verification.run()
    return c.json(showVerification(verification), 202)
  })
}

function showVerification({ current, last }: Verification): VerificationView {
  return {
    state: current !== undefined ? 'running' : last === undefined ? 'never' : 'finished',
    ...(current === undefined ? {} : { current: { startedAt: current.startedAt, ...current.progress } }),
    ...(last === undefined ? {} : { last: showRun(last) }),
  }
}

function showRun({ startedAt, finishedAt, report, error }: FinishedRun): VerificationView['last'] {
  if (report === undefined) {
    const fix = error?.fix === undefined ? {} : { fix: error.fix }
    const shown = { code: error?.code ?? 'INTERNAL', message: error?.message ?? 'it failed', ...fix }
    return { startedAt, finishedAt, result: 'failed', error: shown }
  }
  return {
    startedAt,
    finishedAt,
    result: report.ok ? 'ok' : 'violated',
    counts: { ...report.counts },
    violationCount: report.violations.length,
    violations: report.violations
      .slice(0, MAX_SHOWN_VIOLATIONS)
      .map(({ kind, where, message }) => ({ kind, where, message })),
  }
}
