// GET /v1/stream: verified events as they come, as server-sent events. Browsers read it with fetch, because EventSource
// can't send an Authorization header and tokens don't belong in a URL.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { ToolwardenError } from '../events/errors.ts'
import type { ApiEnv } from './api-env.ts'
import { requireScope } from './authentication.ts'
import type { LiveFeed } from './live-feed.ts'
import type { ApiMetrics } from './metrics.ts'
import { problems } from './responses.ts'
import type { ApiLimits } from './settings.ts'
import { type EndReason, StreamReader } from './stream-reader.ts'
import type { TokenBook } from './tokens.ts'

const streamRoute = createRoute({
  method: 'get',
  path: '/v1/stream',
  summary: 'Verified events as they come (server-sent events)',
  description:
    'Messages bear the event type as `event`, the place in the log as `id` and `{event, hash, chain, loggedAt}` as `data`. ' +
    'Beside them: `gap` (the Last-Event-ID is too old: read /v1/events), and as the last message `lagging`, `unauthorized` or `failed`.',
  security: [{ bearer: ['read'] }],
  middleware: [requireScope('read')] as const,
  request: {
    query: z.strictObject({
      types: z
        .string()
        .regex(
          /^[a-z-]+\/[a-z-]*(,[a-z-]+\/[a-z-]*)*$/,
          'expected event types or prefixes with a slash, separated by commas',
        )
        .max(1_000)
        .optional()
        .openapi({
          description: 'Event types, or prefixes with a slash, separated by commas.',
          example: 'alert/,rule/added',
        }),
    }),
    headers: z.object({
      'last-event-id': z
        .string()
        .regex(/^[A-Za-z0-9_-]{1,1000}\.\d{1,16}$/, 'expected the id of an event of this stream')
        .optional(),
    }),
  },
  responses: {
    200: { description: 'The stream.', content: { 'text/event-stream': { schema: z.string() } } },
    ...problems(400, 401, 403, 429, 503),
  },
})

/** What the stream works with. */
export interface StreamOptions {
  readonly feed: LiveFeed
  readonly tokens: TokenBook
  readonly metrics: ApiMetrics
  readonly limits: ApiLimits
  readonly nowMillis: () => number
}

/** The open streams of an API, so that a stop can end them. */
export class Streams {
  readonly #options: StreamOptions
  readonly #readers = new Set<StreamReader>()

  constructor(options: StreamOptions) {
    this.#options = options
  }

  /** Opens a stream. Throws LIMIT_REACHED, LOG_UNAVAILABLE. */
  open(tokenId: string, types: string | undefined, lastEventId: string | undefined): ReadableStream<Uint8Array> {
    const { feed, tokens, limits, nowMillis } = this.#options
    if (feed.problem !== undefined)
      throw new ToolwardenError('LOG_UNAVAILABLE', `the event log is not followed: ${feed.problem}`, {
        retriable: true,
      })
    if (this.#readers.size >= limits.streamClients)
      throw new ToolwardenError('LIMIT_REACHED', `${limits.streamClients} streams are open, the most there may be`, {
        fix: 'Close one, or raise api.limits.streamClients.',
        retriable: true,
      })
    const wanted = types?.split(',')
    const reader: StreamReader = new StreamReader({
      feed,
      wants: (type) => wanted?.some((each) => (each.endsWith('/') ? type.startsWith(each) : type === each)) ?? true,
      lastEventId,
      heartbeatMs: limits.streamHeartbeatMs,
      mayRead: () => tokens.isLive(tokenId),
      now: nowMillis,
      onEnd: (reason) => this.#forget(reader, reason),
    })
    this.#readers.add(reader)
    this.#options.metrics.streamClients.set(this.#readers.size)
    return toByteStream(reader)
  }

  /** Ends every stream. */
  endAll(): void {
    for (const reader of this.#readers) reader.end('stopping')
  }

  #forget(reader: StreamReader, reason: EndReason): void {
    const { metrics } = this.#options
    this.#readers.delete(reader)
    metrics.streamClients.set(this.#readers.size)
    if (reason === 'lagging') metrics.laggingClients.inc()
  }
}

/** Adds the route. */
export function addStream(app: OpenAPIHono<ApiEnv>, streams: Streams): void {
  app.openapi(streamRoute, (c) => {
    const { types } = c.req.valid('query')
    const stream = streams.open(c.get('caller').tokenId, types, c.req.valid('header')['last-event-id'])
    return c.body(stream, 200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
  })
}

/** Pulled, never pushed: what a slow client has not taken stays in the shared window. */
function toByteStream(reader: StreamReader): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream(
    {
      pull: async (controller) => {
        const message = await reader.next()
        if (message === undefined) controller.close()
        else controller.enqueue(encoder.encode(message))
      },
      cancel: () => reader.end('left'),
    },
    { highWaterMark: 0 },
  )
}
