// GET /v1/status: what runs here, for which ledger, and what it protects against (docs/threat-model.md).
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { type ControlView, liveRules } from '../events/control-view.ts'
import { formatTime } from '../events/time.ts'
import { verdictOf } from '../ledger/verify-report.ts'
import type { ApiEnv } from './api-env.ts'
import { requireScope } from './authentication.ts'
import { findVerificationProblem } from './background-verification.ts'
import { json, problems } from './responses.ts'
import type { Verification } from './verification.ts'

/** What the composition root says about this process. */
export interface AboutProcess {
  readonly version: string
  /** Name of the ledger. */
  readonly log: string
  readonly eventLog: 'files' | 'kafka'
  readonly store: 'chdb' | 'clickhouse'
  /** The roles that run in this process: `ledger`, `detectors`, `api`. */
  readonly roles: readonly string[]
  /** What stands behind the Merkle log now: A witnessed, C the owner's keys alone. */
  readonly protection: () => LogProtection
  readonly startedMicros: number
}

/** The class that applies, and how far witnesses have cosigned. */
export interface LogProtection {
  readonly class: 'A' | 'C'
  /** Undefined where none is configured in this process. */
  readonly witnesses?: {
    readonly quorum: number
    readonly size: number
    readonly problem?: string
    readonly each: readonly { readonly name: string; readonly size: number; readonly problem?: string }[]
  }
}

const witnessesSchema = z.object({
  quorum: z.number().int(),
  size: z.number().int().describe('Leaves of the last tree that a quorum cosigned.'),
  problem: z.string().optional(),
  each: z.array(z.object({ name: z.string(), size: z.number().int(), problem: z.string().optional() })),
})

const verificationSchema = z
  .object({
    verdict: z.enum(['valid', 'tampered', 'incomplete', 'failed', 'never']),
    finishedAt: z.string().optional(),
    violations: z.number().int().optional(),
    problem: z.string().optional(),
  })
  .describe('The last verification of the ledger; GET /v1/verify names what it found.')

const statusSchema = z
  .object({
    version: z.string(),
    log: z.string(),
    eventLog: z.enum(['files', 'kafka']),
    store: z.enum(['chdb', 'clickhouse']),
    roles: z.array(z.string()),
    protection: z.object({
      class: z.enum(['A', 'C']),
      meaning: z.string(),
      witnesses: witnessesSchema.optional(),
    }),
    verification: verificationSchema,
    stopped: z
      .array(z.object({ scope: z.string(), at: z.string(), by: z.string(), reason: z.string() }))
      .describe('What the kill switch stops now.'),
    liveRules: z.number().int().describe('Rules of detectors and operators that gateways honour now.'),
    startedAt: z.string(),
    uptimeSeconds: z.number().int(),
  })
  .openapi('Status')

const statusRoute = createRoute({
  method: 'get',
  path: '/v1/status',
  summary: 'What runs here and which protection class applies',
  security: [{ bearer: ['read'] }],
  middleware: [requireScope('read')] as const,
  responses: { 200: json(statusSchema, 'The status.'), ...problems(401, 403) },
})

const PROTECTION_TEXTS = {
  A: 'An independent witness has cosigned: the owner could not rewrite what lay before.',
  C: "The owner's keys alone: it holds against everyone but code that runs as the owner.",
} as const

/** What the route works with. */
export interface StatusOptions {
  readonly about: AboutProcess
  readonly verification: Verification
  readonly control: () => ControlView
  readonly nowMicros: () => number
}

/** Adds the route. */
export function addStatus(app: OpenAPIHono<ApiEnv>, { about, verification, control, nowMicros }: StatusOptions): void {
  app.openapi(statusRoute, (c) => {
    const { protection: find, startedMicros, roles, ...same } = about
    const { class: reached, witnesses } = find()
    const found = witnesses === undefined ? {} : { witnesses: { ...witnesses, each: [...witnesses.each] } }
    const protection = { class: reached, meaning: PROTECTION_TEXTS[reached], ...found }
    const uptimeSeconds = Math.floor((nowMicros() - startedMicros) / 1_000_000)
    const startedAt = formatTime(startedMicros)
    const verified = showLastRun(verification)
    const now = { ...showControl(control(), nowMicros()), verification: verified, startedAt, uptimeSeconds }
    return c.json({ ...same, roles: [...roles], protection, ...now }, 200)
  })
}

function showControl(
  view: ControlView,
  nowMicros: number,
): Pick<z.infer<typeof statusSchema>, 'stopped' | 'liveRules'> {
  const stopped = Array.from(view.subjects.values()).flatMap(({ event }) => {
    if (event.type !== 'switch/stopped') return []
    const { scope, time: at, by, reason } = event
    return [{ scope, at, by, reason }]
  })
  return { stopped, liveRules: liveRules(view, nowMicros).length }
}

function showLastRun(verification: Verification): z.infer<typeof verificationSchema> {
  const { last } = verification
  if (last === undefined) return { verdict: 'never' }
  const { finishedAt, outcome } = last
  const problem = findVerificationProblem(verification)
  const said = problem === undefined ? {} : { problem }
  if ('error' in outcome) return { verdict: 'failed', finishedAt, ...said }
  return { verdict: verdictOf(outcome.report), finishedAt, violations: outcome.report.violationCount, ...said }
}
