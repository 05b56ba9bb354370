// /healthz (the process answers), /readyz (it can do its work, and if not why) and /metrics (Prometheus, scope read).
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Registry } from 'prom-client'
import { ToolwardenError } from '../events/errors.ts'
import type { ApiEnv } from './api-env.ts'
import { requireScope } from './authentication.ts'
import { json, problems } from './responses.ts'

/** How long one check may take before it counts as failed. */
const CHECK_DEADLINE_MS = 2_000

/** One thing that must work: `find` gives the reason why it doesn't. */
export interface ReadinessCheck {
  readonly name: string
  /** Told, but not in the way of being ready. */
  readonly isAdvisory?: boolean
  readonly findProblem: () => Promise<string | undefined> | string | undefined
}

const readinessSchema = z
  .object({
    ready: z.boolean(),
    checks: z.array(z.object({ name: z.string(), ready: z.boolean(), reason: z.string().optional() })),
  })
  .openapi('Readiness')

const healthRoute = createRoute({
  method: 'get',
  path: '/healthz',
  summary: 'Whether the process answers',
  responses: { 200: json(z.object({ status: z.literal('ok') }), 'It does.'), ...problems(403) },
})

const readyRoute = createRoute({
  method: 'get',
  path: '/readyz',
  summary: 'Whether it can do its work, and if not why',
  responses: { 200: json(readinessSchema, 'It can.'), 503: json(readinessSchema, 'It can not.'), ...problems(403) },
})

const metricsRoute = createRoute({
  method: 'get',
  path: '/metrics',
  summary: 'Metrics for Prometheus',
  security: [{ bearer: ['read'] }],
  middleware: [requireScope('read')] as const,
  responses: {
    200: { description: 'The metrics.', content: { 'text/plain': { schema: z.string() } } },
    ...problems(401, 403),
  },
})

/** Adds the routes. */
export function addHealth(app: OpenAPIHono<ApiEnv>, registry: Registry, checks: readonly ReadinessCheck[]): void {
  app.openapi(healthRoute, (c) => c.json({ status: 'ok' as const }, 200))
  app.openapi(readyRoute, async (c) => {
    const results = await Promise.all(checks.map(runCheck))
    const ready = results.every((result, at) => result.ready || checks[at]?.isAdvisory === true)
    return c.json({ ready, checks: results }, ready ? 200 : 503)
  })
  app.openapi(metricsRoute, async (c) =>
    c.text(await registry.metrics(), 200, { 'content-type': registry.contentType }),
  )
}

async function runCheck({
  name,
  findProblem,
}: ReadinessCheck): Promise<{ name: string; ready: boolean; reason?: string }> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, CHECK_DEADLINE_MS, `no answer within ${CHECK_DEADLINE_MS} ms`)
  })
  try {
    const reason = await Promise.race([findProblem(), late])
    return reason === undefined ? { name, ready: true } : { name, ready: false, reason }
  } catch (error) {
    return { name, ready: false, reason: error instanceof ToolwardenError ? error.message : 'the check failed' }
  } finally {
    clearTimeout(timer)
  }
}
