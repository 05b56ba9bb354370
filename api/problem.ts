// Errors as application/problem+json (RFC 9457) with what every toolwarden error says: code, message, where, fix.
// A foreign error becomes INTERNAL with an id; what it says goes to the log only.
import { z } from '@hono/zod-openapi'
import type { Context, ErrorHandler, NotFoundHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { type ErrorCode, ToolwardenError } from '../events/errors.ts'
import type { ApiEnv } from './api-env.ts'

/** Where the API reports faults of its own; pino's signature. */
export interface ApiLogger {
  error(details: object, message: string): void
}

/** The schema of every answer that is not a success. */
export const problemSchema = z
  .object({
    title: z.string(),
    status: z.number().int(),
    code: z.string(),
    message: z.string(),
    where: z.string().optional(),
    fix: z.string().optional(),
    id: z.string().optional().describe('Names this failure in the log of the API.'),
  })
  .openapi('Problem')

/** What callers are told of; every other code is a fault on this side, whose text stays in the log. */
const STATUS_BY_CODE: Partial<Record<ErrorCode, ContentfulStatusCode>> = {
  REQUEST_INVALID: 400,
  EVENT_INVALID: 400,
  EVENT_TOO_LARGE: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  LIMIT_REACHED: 429,
  LOG_UNAVAILABLE: 503,
  LOG_IN_DOUBT: 503,
  LOG_FULL: 503,
  CHAIN_CLOSED: 503,
  STORE_UNAVAILABLE: 503,
  STORE_INVALID: 500,
}

/** Statuses that may say the same in other words than their code. */
export interface ProblemOptions {
  readonly status?: ContentfulStatusCode
  readonly headers?: Record<string, string>
  readonly id?: string
}

/** The answer for an error. */
export function problem(c: Context, error: ToolwardenError, options: ProblemOptions = {}): Response {
  const status = options.status ?? STATUS_BY_CODE[error.code] ?? 500
  const { code, message, where, fix } = error
  const body = { title: code.toLowerCase().replaceAll('_', ' '), status, code, message, where, fix, id: options.id }
  return c.body(JSON.stringify(body), status, { ...options.headers, 'content-type': 'application/problem+json' })
}

/** Answers whatever a handler throws; no stack and no foreign text leaves the process. */
export function answerErrors(logger: ApiLogger, newId: () => string): ErrorHandler<ApiEnv> {
  return (error, c) => {
    if (error instanceof HTTPException && error.status < 500)
      return problem(c, new ToolwardenError('REQUEST_INVALID', error.message, MALFORMED), { status: error.status })
    const known =
      error instanceof ToolwardenError && error.code in STATUS_BY_CODE
        ? error
        : new ToolwardenError('INTERNAL', 'the request failed inside the API', {
            fix: 'Look for the id in the log of the API.',
          })
    if ((STATUS_BY_CODE[known.code] ?? 500) < 500) return problem(c, known)
    const id = newId()
    logger.error({ err: error, id, method: c.req.method, route: c.req.path }, 'a request failed')
    return problem(c, known, { id })
  }
}

/** The one thing that hono refuses by itself: a body that can't be parsed. */
const MALFORMED = { where: 'body', fix: 'Send one JSON object, as GET /openapi.json describes it.' }

/** Answers what has no route. */
export const answerNotFound: NotFoundHandler<ApiEnv> = (c) =>
  problem(
    c,
    new ToolwardenError('NOT_FOUND', 'there is no such route', { fix: 'GET /openapi.json lists every route.' }),
  )

/** The first complaint of zod, as an error that names the field: `query limit`, `json reason`. */
export function refuseInvalid(target: string, error: z.core.$ZodError): ToolwardenError {
  const issue = error.issues[0]
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined
  const field = [...(issue?.path ?? []), ...(unknown === undefined ? [] : [unknown])].join('.')
  const part = PART_NAMES[target] ?? target
  return new ToolwardenError('REQUEST_INVALID', issue?.message ?? 'the request is not as documented', {
    where: field === '' ? part : `${part} ${field}`,
    fix: 'GET /openapi.json describes what this route takes.',
  })
}

const PART_NAMES: Readonly<Record<string, string>> = { json: 'body', param: 'path', query: 'query', header: 'header' }
