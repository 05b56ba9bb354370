// Puts the API on a port, and takes it off again: new connections are refused, streams are ended, requests in flight
// get a deadline.
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { type ApiDependencies, createApi } from './app.ts'
import type { ApiSettings } from './settings.ts'

/** The longest that a client may take to send its headers, milliseconds. */
const HEADERS_TIMEOUT_MS = 10_000
/** The longest that a client may take to send a whole request, milliseconds. */
const REQUEST_TIMEOUT_MS = 30_000
/** The largest header block, bytes. */
const MAX_HEADER_BYTES = 16 * 1024
/** The most connections at once. */
const MAX_CONNECTIONS = 512

/** How often a stop looks for connections that have become idle. */
const IDLE_SWEEP_MS = 20

/** A running API. */
export interface RunningApi {
  /** `http://127.0.0.1:8787`. */
  readonly url: string
  readonly port: number
  /** Ends it: streams at once, requests within the deadline of the settings. Writers and stores stay with their owner. */
  stop(): Promise<void>
}

/** Starts the API. Throws PORT_IN_USE, CONFIG_INVALID, LOG_UNAVAILABLE. */
export async function startApi(dependencies: ApiDependencies): Promise<RunningApi> {
  const { settings } = dependencies
  checkBinding(settings)
  const api = createApi(dependencies)
  await api.feed.start()
  const server = createAdaptorServer({
    fetch: api.app.fetch,
    overrideGlobalObjects: false,
    serverOptions: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
  }) as Server
  server.maxConnections = MAX_CONNECTIONS
  try {
    const { port } = await listen(server, settings)
    api.background.start()
    const stop = async (): Promise<void> => {
      api.streams.endAll()
      await api.background.stop()
      await closeServer(server, settings.limits.stopDeadlineMs)
      await api.feed.stop()
    }
    return { url: `http://${settings.host.includes(':') ? `[${settings.host}]` : settings.host}:${port}`, port, stop }
  } catch (error) {
    await api.feed.stop()
    throw error
  }
}

/** Refuses to bind beyond loopback unless that is said explicitly: tokens would travel in the clear. */
function checkBinding({ host, allowRemote }: ApiSettings): void {
  if (allowRemote || host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)) return
  throw new ToolwardenError('CONFIG_INVALID', `${host} is not a loopback address`, {
    where: 'api.host',
    fix: 'Use 127.0.0.1; or set api.allowRemote: true behind a proxy that does TLS, and name it in api.allowedHosts.',
  })
}

function listen(server: Server, { host, port }: ApiSettings): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(bindingError(cause, `${host}:${port}`)))
    server.listen(port, host, () => resolve(server.address() as AddressInfo))
  })
}

function bindingError(cause: unknown, where: string): ToolwardenError {
  if (systemCode(cause) === 'EADDRINUSE')
    return new ToolwardenError('PORT_IN_USE', 'another program listens there', {
      where,
      fix: 'Stop it, or set another api.port (0 takes any free one).',
      cause,
    })
  return new ToolwardenError('CONFIG_INVALID', `the API can't listen there: ${systemCode(cause) ?? 'unknown'}`, {
    where,
    fix: 'Check api.host and api.port.',
    cause,
  })
}

function closeServer(server: Server, deadlineMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), deadlineMs)
    // A connection whose request ends during the stop would else be kept alive for the next one.
    const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS)
    server.close(() => {
      clearTimeout(timer)
      clearInterval(sweep)
      resolve()
    })
  })
}
