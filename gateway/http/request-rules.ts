// What of a client's HTTP request is refused before its body is read: whatever two readers of the same request could
// understand differently, and whatever a web page of another origin could send (MCP 2025-11-25, transports, security).
import { findHeader, type HeaderList, headerValues } from './headers.ts'

/** A refusal: HTTP status and a text for people. */
export interface HttpRefusal {
  readonly status: number
  readonly text: string
}

/** A request line and its fields. */
export interface RequestHead {
  readonly method: string
  readonly target: string
  readonly version: string
  readonly headers: HeaderList
}

/** Whom requests may be addressed to, and where pages may come from. */
export interface HostRules {
  /** `host:port`, lower case. */
  readonly hosts: ReadonlySet<string>
  /** `https://host:port`, lower case. */
  readonly origins: ReadonlySet<string>
}

/** The methods of the MCP endpoint. */
export type McpMethod = 'POST' | 'GET' | 'DELETE'

/** Fields that stand once: two values would be two meanings. All that begin with `mcp-` count too. */
const SINGLE = new Set([
  'host',
  'content-type',
  'content-length',
  'content-encoding',
  'transfer-encoding',
  'authorization',
  'origin',
  'last-event-id',
  'traceparent',
])
/** Fields with which some servers replace the method or the path that policy saw. */
const OVERRIDES = new Set([
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-original-url',
  'x-original-uri',
  'x-rewrite-url',
  'x-forwarded-path',
  'x-forwarded-prefix',
])
const JSON_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset[ \t]*=[ \t]*(?:utf-8|"utf-8")[ \t]*)?$/i

/** Finds why a request is refused whoever sent it, or nothing. */
export function findRequestProblem(head: RequestHead, rules: HostRules): HttpRefusal | undefined {
  const { headers } = head
  if (head.version !== '1.1') return refuse(505, 'only HTTP/1.1 is spoken here')
  const doubled = findDouble(headers)
  if (doubled !== undefined) return refuse(400, `the field ${doubled} can be read in two ways`)
  const host = findHeader(headers, 'host')?.toLowerCase()
  if (host === undefined || !rules.hosts.has(host)) return refuse(403, 'this host name is not served')
  const origin = findHeader(headers, 'origin')
  if (origin !== undefined && !rules.origins.has(origin.toLowerCase())) return refuse(403, 'this origin is not allowed')
  if (!isMethod(head.method)) return refuse(405, 'POST, GET and DELETE are allowed')
  if (findHeader(headers, 'upgrade') !== undefined) return refuse(400, 'this endpoint speaks HTTP/1.1 only')
  return head.method === 'POST' ? findContentProblem(headers) : findBodyProblem(headers)
}

/** Whether the MCP endpoint has a method. */
export function isMethod(method: string): method is McpMethod {
  return method === 'POST' || method === 'GET' || method === 'DELETE'
}

function findContentProblem(headers: HeaderList): HttpRefusal | undefined {
  if (!JSON_TYPE.test(findHeader(headers, 'content-type') ?? ''))
    return refuse(415, 'the content type is application/json in UTF-8')
  if (findHeader(headers, 'content-encoding') !== undefined) return refuse(415, 'the body has no content encoding')
  const coding = findHeader(headers, 'transfer-encoding')
  const length = findHeader(headers, 'content-length')
  if (coding !== undefined && (coding.toLowerCase() !== 'chunked' || length !== undefined))
    return refuse(400, 'the length of the body can be read in two ways')
  return coding === undefined && length === undefined ? refuse(411, 'the body has a length') : undefined
}

function findBodyProblem(headers: HeaderList): HttpRefusal | undefined {
  const hasBody =
    findHeader(headers, 'transfer-encoding') !== undefined ||
    !['0', undefined].includes(findHeader(headers, 'content-length'))
  return hasBody ? refuse(400, 'GET and DELETE have no body') : undefined
}

/** A field that stands twice, is written with `_` (CGI and WSGI make it the same as `-`), or replaces the request line. */
function findDouble(headers: HeaderList): string | undefined {
  const seen = new Set<string>()
  for (const [name] of headers) {
    const lower = name.toLowerCase()
    const folded = lower.replaceAll('_', '-')
    const isSingle = SINGLE.has(folded) || folded.startsWith('mcp-')
    if (OVERRIDES.has(folded) || (isSingle && (seen.has(folded) || folded !== lower))) return folded
    if (isSingle) seen.add(folded)
  }
  // A field that `Connection` names ends here: upstream would see another request than policy did.
  const named = headerValues(headers, 'connection').join(',').toLowerCase()
  return [...seen, 'accept'].find((name) => new RegExp(`(?:^|,)[ \\t]*${name}[ \\t]*(?:,|$)`).test(named))
}

function refuse(status: number, text: string): HttpRefusal {
  return { status, text }
}
