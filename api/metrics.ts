// What the API counts about itself, in Prometheus' terms. The registry is the process's, so that other parts can add theirs.
import type { MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { ApiEnv } from './api-env.ts'

/** The API's own metrics. */
export interface ApiMetrics {
  readonly requests: Counter<'method' | 'route' | 'status'>
  readonly requestSeconds: Histogram<'route'>
  readonly refusedTokens: Counter<'reason'>
  readonly streamClients: Gauge
  readonly laggingClients: Counter
}

/** Registers the API's metrics. */
export function createApiMetrics(registry: Registry): ApiMetrics {
  const registers = [registry]
  return {
    requests: new Counter({
      name: 'toolwarden_api_requests_total',
      help: 'Requests answered, by method, route and status.',
      labelNames: ['method', 'route', 'status'],
      registers,
    }),
    requestSeconds: new Histogram({
      name: 'toolwarden_api_request_seconds',
      help: 'Time until the answer began.',
      labelNames: ['route'],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    }),
    refusedTokens: new Counter({
      name: 'toolwarden_api_refused_tokens_total',
      help: 'Requests without a token or with a wrong one.',
      labelNames: ['reason'],
      registers,
    }),
    streamClients: new Gauge({
      name: 'toolwarden_api_stream_clients',
      help: 'Readers of the live stream.',
      registers,
    }),
    laggingClients: new Counter({
      name: 'toolwarden_api_stream_lagging_total',
      help: 'Readers of the live stream that were closed because they fell behind.',
      registers,
    }),
  }
}

/** Counts and times every request under the pattern of its route: paths hold ids and would be without number. */
export function measureRequests({ requests, requestSeconds }: ApiMetrics): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const endTimer = requestSeconds.startTimer()
    await next()
    const route = routePath(c, -1)
    requests.inc({ method: c.req.method, route, status: c.res.status })
    endTimer({ route })
  }
}
