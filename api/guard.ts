// What every request has to pass before anyone asks who it is from: the name it was sent to (DNS rebinding), the page it
// comes from, a query that can be read one way only, no token in it, and a small JSON body.
import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { secureHeaders } from 'hono/secure-headers'
import { ToolwardenError } from '../events/errors.ts'
import type { ApiEnv } from './api-env.ts'
import { problem } from './problem.ts'
import type { ApiSettings } from './settings.ts'

type Guard = MiddlewareHandler<ApiEnv>

const LOOPBACK_NAMES: readonly string[] = ['localhost', '127.0.0.1', '[::1]']
/** Query parameters that would be a token, and end up in histories and logs. */
const TOKEN_PARAMETERS: readonly string[] = ['token', 'access_token', 'authorization', 'api_key', 'apikey', 'key']

/** Headers of every answer: nothing in it is to be run, framed, guessed at or kept. */
export function answerHeaders(): readonly Guard[] {
  const noStore: Guard = async (c, next) => {
    await next()
    c.res.headers.set('cache-control', 'no-store')
  }
  const headers = secureHeaders({
    contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    strictTransportSecurity: false,
    xFrameOptions: 'DENY',
  })
  return [noStore, headers]
}

/** Refuses a Host that is neither loopback nor configured: a page whose name was re-bound to this address sends its own. */
export function checkHost({ allowedHosts }: Pick<ApiSettings, 'allowedHosts'>): Guard {
  const allowed = new Set(allowedHosts.map((host) => host.toLowerCase()))
  return async (c, next) => {
    // An absolute request target would override the header, so both are looked at.
    const hosts = [c.req.header('host'), new URL(c.req.url).host].filter((host) => host !== undefined)
    if (hosts.every((host) => isAllowedHost(host.toLowerCase(), allowed))) return next()
    return problem(
      c,
      new ToolwardenError('FORBIDDEN', 'the API does not answer to this host name', {
        where: 'header Host',
        fix: 'Use 127.0.0.1 or localhost, or add the name to api.allowedHosts.',
      }),
    )
  }
}

/** Refuses requests of foreign pages; requests without an Origin come from programs, or from the API's own origin. */
export function checkOrigin({ allowedOrigins }: Pick<ApiSettings, 'allowedOrigins'>): Guard {
  const allowed = new Set(allowedOrigins.map((origin) => origin.toLowerCase()))
  return async (c, next) => {
    const origin = c.req.header('origin')?.toLowerCase()
    const host = (c.req.header('host') ?? new URL(c.req.url).host).toLowerCase()
    const own = [`http://${host}`, `https://${host}`]
    if (origin === undefined || own.includes(origin) || allowed.has(origin)) return next()
    return problem(
      c,
      new ToolwardenError('FORBIDDEN', 'a page of another origin may not call the API', {
        where: 'header Origin',
        fix: 'Add the origin to api.allowedOrigins if the page is yours.',
      }),
    )
  }
}

/** Refuses parameters that are given twice, and tokens. */
export function checkQuery(): Guard {
  return async (c, next) => {
    for (const [name, values] of Object.entries(c.req.queries())) {
      if (TOKEN_PARAMETERS.includes(name.toLowerCase()))
        throw new ToolwardenError('REQUEST_INVALID', 'a token does not belong in a URL', {
          where: `query ${name}`,
          fix: 'Send it in the header: Authorization: Bearer <token>. Revoke this one: it may stand in logs by now.',
        })
      if (values.length > 1)
        throw new ToolwardenError('REQUEST_INVALID', 'the parameter is given more than once', {
          where: `query ${name}`,
          fix: 'Give it once; lists are separated by commas.',
        })
    }
    return next()
  }
}

/** Refuses bodies that are not JSON or over the limit. */
export function checkBody({ bodyBytes }: ApiSettings['limits']): readonly Guard[] {
  const onlyJson: Guard = async (c, next) => {
    const type = c.req.header('content-type')
    const isJson = type !== undefined && /^application\/json(\s*;\s*charset="?utf-8"?)?$/i.test(type)
    if (isJson || !hasBody(c.req.raw)) return next()
    const error = new ToolwardenError('REQUEST_INVALID', 'the body must be JSON', {
      where: 'header Content-Type',
      fix: 'Send Content-Type: application/json.',
    })
    return problem(c, error, { status: 415 })
  }
  const limit = bodyLimit({
    maxSize: bodyBytes,
    onError: (c) => {
      const error = new ToolwardenError('REQUEST_INVALID', `the body is over the limit of ${bodyBytes} bytes`, {
        where: 'body',
        fix: 'Send less, or raise api.limits.bodyBytes.',
      })
      return problem(c, error, { status: 413 })
    },
  })
  return [onlyJson, limit]
}

/** Node gives every POST a stream, also one of no bytes; `fetch` sends `Content-Length: 0` where it has nothing. */
function hasBody({ body, headers }: Request): boolean {
  return body !== null && (headers.has('transfer-encoding') || headers.get('content-length') !== '0')
}

function isAllowedHost(host: string, allowed: ReadonlySet<string>): boolean {
  const name = host.replace(/:\d+$/, '')
  return LOOPBACK_NAMES.includes(name) || allowed.has(name) || allowed.has(host)
}
