// Who calls, and what the token allows (RFC 6750, section 3). Wrong tokens are counted and, per address, slowed down;
// a right one always works, so nobody can lock another out.
import type { Context, MiddlewareHandler } from 'hono'
import { ToolwardenError } from '../events/errors.ts'
import type { ApiEnv } from './api-env.ts'
import { AttemptLimit } from './attempt-limit.ts'
import type { ApiMetrics } from './metrics.ts'
import { problem } from './problem.ts'
import type { Scope } from './token-file.ts'
import type { TokenBook } from './tokens.ts'

/** What authentication works with. */
export interface AuthenticationOptions {
  readonly tokens: TokenBook
  readonly metrics: ApiMetrics
  readonly wrongTokensPerMinute: number
  readonly nowMillis: () => number
}

/** Sets `caller`, or answers 401 or 429. */
export function authenticate(options: AuthenticationOptions): MiddlewareHandler<ApiEnv> {
  const { tokens, metrics } = options
  const attempts = new AttemptLimit(options.wrongTokensPerMinute)
  return async (c, next) => {
    const token = bearerToken(c)
    if (token === undefined) {
      metrics.refusedTokens.inc({ reason: 'missing' })
      return refuseToken(c, 'the request carries no bearer token', 'Bearer realm="toolwarden"')
    }
    const caller = await tokens.find(token)
    if (caller !== undefined) {
      c.set('caller', caller)
      return next()
    }
    metrics.refusedTokens.inc({ reason: 'wrong' })
    const waitSeconds = attempts.note(c.env?.incoming?.socket.remoteAddress ?? 'unknown', options.nowMillis())
    if (waitSeconds > 0) return refuseAttempts(c, waitSeconds)
    return refuseToken(c, 'the token is wrong, revoked or expired', 'Bearer realm="toolwarden", error="invalid_token"')
  }
}

/** Lets callers pass whose token has a scope; others get 403. */
export function requireScope(scope: Scope): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    if (c.get('caller').scopes.includes(scope)) return next()
    const error = new ToolwardenError('FORBIDDEN', `the token lacks the scope ${scope}`, {
      where: `${c.req.method} ${c.req.path}`,
      fix: `Use a token with the scope ${scope}.`,
    })
    return problem(c, error, {
      headers: { 'www-authenticate': `Bearer realm="toolwarden", error="insufficient_scope", scope="${scope}"` },
    })
  }
}

/** Throws FORBIDDEN where the caller's token lacks a scope that only some requests of a route need. */
export function checkScope(c: Context<ApiEnv>, scope: Scope, what: string): void {
  if (c.get('caller').scopes.includes(scope)) return
  throw new ToolwardenError('FORBIDDEN', `the token lacks the scope ${scope}`, {
    where: what,
    fix: `Use a token with the scope ${scope}, or ask for less.`,
  })
}

function bearerToken(c: Context<ApiEnv>): string | undefined {
  return /^bearer +([^\s]+)$/i.exec(c.req.header('authorization') ?? '')?.[1]
}

function refuseToken(c: Context<ApiEnv>, message: string, challenge: string): Response {
  const error = new ToolwardenError('UNAUTHORIZED', message, {
    where: 'header Authorization',
    fix: 'Send Authorization: Bearer <token>; `toolwarden init` makes the first one.',
  })
  return problem(c, error, { headers: { 'www-authenticate': challenge } })
}

function refuseAttempts(c: Context<ApiEnv>, waitSeconds: number): Response {
  const error = new ToolwardenError('LIMIT_REACHED', 'too many wrong tokens from this address', {
    where: 'header Authorization',
    fix: `Check the token, and try again in ${waitSeconds} s.`,
  })
  return problem(c, error, { headers: { 'retry-after': String(waitSeconds) } })
}
