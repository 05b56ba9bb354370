// A role without an API of its own answers for its health: /healthz, /readyz and /metrics on a loopback port.
import { createServer, type Server } from 'node:http'
import type { Registry } from 'prom-client'
import { systemCode, ToolwardenError } from '../events/errors.ts'

/** What is asked of a role: why it is not ready, or nothing. */
export type FindProblem = () => string | undefined

/** Serves health until `stop`. Throws PORT_IN_USE. */
export async function serveHealth(
  place: { readonly host: string; readonly port: number },
  registry: Registry,
  findProblem: FindProblem,
): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    const answer = (status: number, body: string): void =>
      void response
        .writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' })
        .end(body)
    const problem = findProblem()
    if (request.method !== 'GET') answer(405, 'GET only\n')
    else if (request.url === '/healthz') answer(200, 'ok\n')
    else if (request.url === '/readyz') answer(problem === undefined ? 200 : 503, `${problem ?? 'ready'}\n`)
    else if (request.url === '/metrics')
      registry.metrics().then(
        (text) => answer(200, text),
        () => answer(500, 'no metrics\n'),
      )
    else answer(404, 'not found\n')
  })
  await listen(server, place)
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
}

function listen(server: Server, { host, port }: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const message =
        systemCode(cause) === 'EADDRINUSE' ? `port ${port} is in use` : `port ${port} cannot be taken: ${cause.message}`
      reject(
        new ToolwardenError('PORT_IN_USE', message, {
          where: `${host}:${port}`,
          fix: 'choose another one with --health-port',
          cause,
        }),
      )
    })
    server.listen({ host, port }, resolve)
  })
}
