// `toolwarden gateway --listen`: an HTTP listener before the servers of toolwarden.yaml, or before one of the command line.
import { resolve } from 'node:path'
import { describeError, ToolwardenError } from '../events/errors.ts'
import { systemClock } from '../events/time.ts'
import type { Caller } from '../gateway/http/caller.ts'
import { CallersSeen } from '../gateway/http/callers-seen.ts'
import { createEndpoint } from '../gateway/http/create-endpoint.ts'
import type { Endpoint } from '../gateway/http/endpoint.ts'
import { HttpGateway } from '../gateway/http/http-gateway.ts'
import { ProcessUpstream } from '../gateway/http/process-upstream.ts'
import { QuietSessions } from '../gateway/http/quiet-sessions.ts'
import { listenAddress, type UpstreamSettings, upstreamUrl } from '../gateway/http/settings.ts'
import type { Upstream } from '../gateway/http/upstream.ts'
import type { GatewayRun } from '../gateway/start.ts'
import { callerBook } from './caller-tokens.ts'
import { splitCommand } from './command-line.ts'
import { type Config, loadConfig } from './config.ts'
import type { GatewayFlags } from './gateway-command.ts'
import { type Ground, openGround, startRun, warn } from './gateway-run.ts'
import { openHttpUpstream, readPem } from './http-upstream.ts'
import { nameOf } from './remote-server.ts'
import { checkRoot } from './server-directories.ts'
import { serverNameOf } from './server-name.ts'
import { defaultPrincipal } from './session.ts'
import { stopRequested } from './shutdown.ts'

const EXAMPLE = 'toolwarden gateway --listen 127.0.0.1:7410 --upstream https://mcp.example.com/mcp'

interface Served {
  readonly name: string
  readonly settings: UpstreamSettings
  readonly run: GatewayRun
}

/** Serves until SIGTERM or SIGINT. Throws USAGE, CONFIG_INVALID, PORT_IN_USE and what the log throws. */
export async function runHttpGateway(flags: GatewayFlags, command: readonly string[]): Promise<void> {
  if (flags.header !== undefined)
    throw new ToolwardenError('USAGE', 'with --listen header fields stand in toolwarden.yaml', {
      where: '--header',
      fix: 'gateway: { upstreams: { <name>: { url: …, headers: { Authorization: { env: MY_TOKEN } } } } }',
    })
  const ground = await openGround(await loadConfig(process.env, flags.config))
  const servers: Served[] = []
  try {
    for (const [name, settings] of upstreamsOf(flags, command, ground.config)) {
      const { root, policy = flags.policy, remote = settings.url !== undefined, command: words = [] } = settings
      checkRoot(root, words)
      const run = await startRun(ground, { name, root, policy, isRemote: remote, command: words })
      servers.push({ name, settings, run })
    }
    const gateway = await createGateway(flags, ground, servers)
    const { url } = await gateway.start()
    for (const { name } of servers) warn(`serving ${url}/mcp/${name}`)
    await stopRequested()
    await gateway.stop()
  } finally {
    await Promise.all(servers.map(({ run }) => run.stop()))
    await ground.backbone.eventLog.close()
  }
}

async function createGateway(flags: GatewayFlags, ground: Ground, servers: readonly Served[]): Promise<HttpGateway> {
  const { config, installation } = ground
  const { http } = config.gateway
  const address = flags.listen === undefined ? http.listen : parseListen(flags.listen)
  if (address === undefined) throw new ToolwardenError('USAGE', 'no address to listen on', { fix: EXAMPLE })
  const isAnonymous = http.anonymous || flags.anonymous === true
  checkBinding(address.host, { allowRemote: http.allowRemote, isAnonymous })
  const clock = systemClock()
  const quietSessions = new QuietSessions(http.limits.quietMs, () => clock.nowMicros())
  const seen = new CallersSeen(installation.deploymentKey)
  const endpoints = new Map<string, Endpoint>()
  for (const { name, settings, run } of servers) {
    const upstream = await openUpstream(settings, config)
    const parts = {
      server: name,
      run,
      upstream,
      limits: http.limits,
      clock,
      quietSessions,
      seen,
      dropped: settings.drop,
    }
    endpoints.set(name, createEndpoint({ ...parts, fail }))
  }
  return new HttpGateway({
    ...address,
    tls: http.tls === undefined ? undefined : { cert: await readPem(http.tls.cert), key: await readPem(http.tls.key) },
    allowedHosts: http.allowedHosts,
    allowedOrigins: http.allowedOrigins,
    callers: callerBook(installation.callersFile),
    anonymous: isAnonymous ? anybody(flags) : undefined,
    seen,
    endpoints,
    limits: http.limits,
    fail,
  })
}

/** The servers of the command line, else those of the configuration. */
function upstreamsOf(
  { upstream, name, root }: GatewayFlags,
  command: readonly string[],
  config: Config,
): readonly (readonly [string, UpstreamSettings])[] {
  const settings = { headers: {}, drop: [], ...(root === undefined ? {} : { root: resolve(root) }) }
  if (upstream !== undefined && command.length > 0)
    throw new ToolwardenError('USAGE', 'two servers: --upstream and the words after --', { fix: EXAMPLE })
  if (command.length > 0) return [[name ?? serverNameOf(command), { ...settings, command: [...command] }]]
  if (upstream === undefined) return configured(config)
  if (!/^https?:/i.test(upstream)) {
    const words = splitCommand(upstream)
    return [[name ?? serverNameOf(words), { ...settings, command: [...words] }]]
  }
  const url = upstreamUrl.safeParse(upstream)
  if (!url.success)
    throw new ToolwardenError('USAGE', `not an http or https URL: ${url.error.issues[0]?.message ?? ''}`, {
      where: '--upstream',
      fix: EXAMPLE,
    })
  return [[name ?? nameOf(url.data), { ...settings, url: url.data }]]
}

function configured(config: Config): readonly (readonly [string, UpstreamSettings])[] {
  const servers = Object.entries(config.gateway.upstreams)
  if (servers.length > 0) return servers
  throw new ToolwardenError('USAGE', 'no server to stand before', {
    where: 'gateway.upstreams',
    fix: EXAMPLE,
  })
}

async function openUpstream(settings: UpstreamSettings, config: Config): Promise<Upstream> {
  const { url, command } = settings
  const { limits } = config.gateway.http
  if (url === undefined) {
    const [program = '', ...args] = command ?? []
    return new ProcessUpstream({ program, args, environment: process.env, limits, fail })
  }
  return openHttpUpstream({ ...settings, url }, limits.connectMs)
}

function parseListen(text: string): { readonly host: string; readonly port: number } {
  const result = listenAddress.safeParse(text)
  if (result.success) return result.data
  throw new ToolwardenError('USAGE', 'expected host:port', { where: '--listen', fix: EXAMPLE })
}

/** Tokens would travel beyond this machine, and whoever is there could call without one. */
function checkBinding(
  host: string,
  { allowRemote, isAnonymous }: { allowRemote: boolean; isAnonymous: boolean },
): void {
  if (host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)) return
  if (!allowRemote || isAnonymous)
    throw new ToolwardenError('CONFIG_INVALID', `${host} is not a loopback address`, {
      where: '--listen',
      fix: 'use 127.0.0.1; or set gateway.http.allowRemote: true, with tls, allowedHosts and tokens (not anonymous)',
    })
}

function anybody({ principal = defaultPrincipal() }: GatewayFlags): Caller {
  return { principal, principalSource: 'declared', tokenId: 'anonymous', servers: undefined }
}

function fail(error: unknown): void {
  warn(describeError(error))
}
