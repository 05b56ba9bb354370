// `up`, `ledger`, `detectors`, `api`: roles that run until they are asked to stop.
import { join } from 'node:path'
import type { Logger } from 'pino'
import { announceApi } from './api-client.ts'
import { type Config, loadConfig } from './config.ts'
import { serveHealth } from './health-server.ts'
import { ensureInstallation, type Installation, openInstallation } from './installation.ts'
import { settleKeys } from './key-book.ts'
import { createLogger } from './logger.ts'
import type { ServiceRole } from './role-lock.ts'
import { type Services, startUnlessStopped } from './services.ts'
import { endSoon, stopRequested } from './shutdown.ts'

/** Options of these commands as commander gives them. */
export interface ServiceFlags {
  readonly config?: string
  readonly host?: string
  readonly port?: number
  readonly healthPort?: number
  readonly healthHost?: string
}

const UP_ROLES: readonly ServiceRole[] = ['ledger', 'detectors', 'api']

/** Runs all roles in one process; makes the installation at the first start. */
export async function runUp(flags: ServiceFlags): Promise<void> {
  const stopped = stopRequested()
  const config = withFlags(await loadConfig(process.env, flags.config), flags)
  const logger = createLogger(process.env, 'up')
  const { isNew } = await ensureInstallation(config.data, config.log)
  const installation = { ...(await settleKeys(config.data)), isNew }
  const services = await startUnlessStopped(UP_ROLES, { config, installation, logger }, stopped)
  if (services === undefined) return endOfStart(logger)
  announce(services, config, installation)
  await runUntilStopped(services, { config, logger, stopped })
}

/** Runs one role. */
export async function runRole(role: ServiceRole, flags: ServiceFlags): Promise<void> {
  const stopped = stopRequested()
  const config = withFlags(await loadConfig(process.env, flags.config), flags)
  const logger = createLogger(process.env, role)
  const installation = await openInstallation(config.data)
  const services = await startUnlessStopped([role], { config, installation, logger }, stopped)
  if (services === undefined) return endOfStart(logger)
  const place = { host: flags.healthHost ?? '127.0.0.1', port: flags.healthPort ?? 0 }
  const stopHealth =
    flags.healthPort === undefined ? undefined : await serveHealth(place, services.registry, () => problemOf(services))
  logger.info(
    {
      log: services.backbone.log,
      eventLog: services.backbone.where,
      ...(services.api === undefined ? {} : { url: services.api.url }),
    },
    `${role} runs`,
  )
  await runUntilStopped(services, { config, logger, stopped })
  await stopHealth?.()
}

function endOfStart(logger: Logger): void {
  logger.info('stopped while it started')
  endSoon()
}

function withFlags(config: Config, { host, port }: ServiceFlags): Config {
  // An address given on the command line is meant: beyond loopback it is the operator's word that the network is safe.
  const remote = host === undefined || config.api.allowRemote ? {} : { host, allowRemote: true }
  return {
    ...config,
    api: { ...config.api, ...(host === undefined ? {} : { host }), ...remote, ...(port === undefined ? {} : { port }) },
  }
}

function problemOf({ ingest, merkleLog, detectors }: Services): string | undefined {
  const waitingFor = ingest?.status.waitingFor ?? merkleLog?.sequencer.status.waitingFor
  if (waitingFor !== undefined) return waitingFor.message
  const state = detectors?.stats().state
  return state === undefined || state === 'live' ? undefined : `the detectors are ${state}`
}

interface Running {
  readonly config: Config
  readonly logger: Logger
  /** Asked for at the very start. */
  readonly stopped: Promise<NodeJS.Signals>
}

async function runUntilStopped(services: Services, { config, logger, stopped }: Running): Promise<void> {
  const forget = services.api === undefined ? undefined : await announceApi(config.data, services.api.url)
  try {
    const signal = await Promise.race([stopped, services.failed])
    logger.info({ signal }, 'stopping')
  } finally {
    await forget?.()
    await services.stop()
  }
}

function announce(
  { api, backbone }: Services,
  { data }: Config,
  { isNew, cliTokenFile }: Installation & { readonly isNew: boolean },
): void {
  const lines = [
    `toolwarden is up${isNew ? ' (a new installation was made)' : ''}`,
    `  API        ${api?.url ?? ''}  (token: ${cliTokenFile})`,
    `  ledger     ${backbone.log}`,
    `  event log  ${backbone.where}`,
    `  data       ${data}`,
    '  in an MCP client, put this before a server:',
    `    ${JSON.stringify({ command: process.execPath, args: [process.argv[1], 'gateway', '--policy', join(data, 'policy.yaml'), '--', '<server command>'] })}`,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}
