// `toolwarden gateway`: between an MCP client on stdin and stdout and the server that it starts.
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { describeError, systemCode, ToolwardenError } from '../events/errors.ts'
import { nameField } from '../events/field.ts'
import { systemClock, uuidv7 } from '../events/time.ts'
import type { ConnectionBase } from '../gateway/connection.ts'
import { MAX_NAME_LENGTH } from '../gateway/context.ts'
import { parsePolicy } from '../gateway/policy/load.ts'
import type { Policy } from '../gateway/policy/policy.ts'
import { createPolicyError } from '../gateway/policy/problems.ts'
import { createProtection } from '../gateway/policy/protect.ts'
import { lookUpRealPath } from '../gateway/policy/real-path.ts'
import { type GatewayRun, startGateway } from '../gateway/start.ts'
import { type ProcessEnd, type ServerProcess, startServer } from '../gateway/stdio/server-process.ts'
import { StdioGateway } from '../gateway/stdio/stdio-gateway.ts'
import { type Backbone, openBackbone } from './backbone.ts'
import { splitCommand } from './command-line.ts'
import { type Config, loadConfig } from './config.ts'
import { ensureInstallation, type Installation } from './installation.ts'
import { serverNameOf } from './server-name.ts'
import { clientSession, defaultPrincipal } from './session.ts'
import { softwareName } from './version.ts'

type Command = readonly [program: string, ...args: string[]]

/** As a writer's name and a folder need it. */
const SERVER_NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/

/** The command's options as commander gives them. */
export interface GatewayFlags {
  readonly config?: string
  readonly policy?: string
  readonly name?: string
  readonly principal?: string
  readonly session?: string
  readonly root?: string
  readonly upstream?: string
}

/** Runs until the server has ended; then this process ends the same way. */
export async function runGateway(flags: GatewayFlags, rest: readonly string[]): Promise<ProcessEnd> {
  const command = serverCommand(flags, rest)
  const [program, ...args] = command
  const name = flags.name ?? serverNameOf(command)
  const config = await loadConfig(process.env, flags.config)
  const installation = await ensureInstallation(config.data, config.log)
  const backbone = await openBackbone(config, installation, warn)
  const options = await gatewayOptions({ flags, name, config, installation, backbone })
  const context = connectionContext(flags, name)
  // The server comes last: nothing that fails before it leaves a process behind.
  const server = await startServer(program, args, process.env)
  const run = startGateway(options)
  try {
    return await carry(run, server, context)
  } finally {
    await run.stop()
    await backbone.eventLog.close()
  }
}

async function carry(run: GatewayRun, server: ServerProcess, context: ConnectionBase): Promise<ProcessEnd> {
  const gateway = new StdioGateway({
    context,
    gate: run.gate,
    recorder: run.recorder,
    server,
    client: { input: process.stdin, output: process.stdout },
    fail: (error) => warn(describeError(error)),
  })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => gateway.stop(signal))
  return gateway.run()
}

function serverCommand({ upstream, name, principal, session }: GatewayFlags, rest: readonly string[]): Command {
  const fix = 'toolwarden gateway --policy policy.yaml -- npx -y @modelcontextprotocol/server-filesystem /srv'
  if (upstream !== undefined && rest.length > 0)
    throw new ToolwardenError('USAGE', 'two server commands: --upstream and the words after --', { fix })
  const [program, ...args] = rest.length > 0 ? rest : splitCommand(upstream ?? '')
  if (program === undefined || program === '') throw new ToolwardenError('USAGE', 'no server command', { fix })
  if (name !== undefined && !SERVER_NAME.test(name))
    throw new ToolwardenError('USAGE', 'a name has 1 to 64 letters, digits and . _ @ -', {
      where: '--name',
      fix: 'toolwarden gateway --name files -- <command>',
    })
  for (const [flag, value] of [['--principal', principal] as const, ['--session', session] as const]) {
    if (value !== undefined && !nameField.safeParse(value).success)
      throw new ToolwardenError('USAGE', 'expected 1 to 512 characters', {
        where: flag,
        fix: `toolwarden gateway ${flag} <text> -- <command>`,
      })
  }
  return [program, ...args]
}

function connectionContext({ principal = defaultPrincipal(), session }: GatewayFlags, server: string): ConnectionBase {
  // Clients set empty variables for options that were left blank: empty is not set.
  const named = session ?? (process.env.TOOLWARDEN_SESSION || undefined)
  return {
    session: named?.slice(0, MAX_NAME_LENGTH) ?? clientSession(principal, process.ppid),
    isSessionFixed: named !== undefined,
    connection: uuidv7(systemClock().nowMicros()),
    principal,
    principalSource: 'declared',
    server,
  }
}

interface Parts {
  readonly flags: GatewayFlags
  readonly name: string
  readonly config: Config
  readonly installation: Installation
  readonly backbone: Backbone
}

async function gatewayOptions({
  flags,
  name,
  config,
  installation,
  backbone,
}: Parts): Promise<Parameters<typeof startGateway>[0]> {
  const { record, control } = config.gateway
  const policyFile = resolve(flags.policy ?? join(config.data, 'policy.yaml'))
  const root = flags.root === undefined ? undefined : resolve(flags.root)
  const protection = createProtection({
    paths: [config.data, policyFile, ...(flags.config === undefined ? [] : [resolve(flags.config)])],
    hosts: [`${config.api.host}:${config.api.port}`],
    home: homedir(),
    workingDirectory: process.cwd(),
    realPath: lookUpRealPath,
  })
  return {
    eventLog: backbone.eventLog,
    log: backbone.log,
    trust: backbone.trust,
    clock: systemClock(),
    writer: `gateway/${name}`,
    server: name,
    key: installation.keys.gateway,
    deploymentKey: installation.deploymentKey,
    opening: { software: softwareName(), configuration: config.digest },
    record,
    need: {
      writers: control.writers,
      maxAgeMicros: control.maxAgeMs * 1000,
      required: control.required ?? backbone.isDistributed,
    },
    policy: await readPolicy(policyFile),
    facts: { realPath: lookUpRealPath, root, remote: false, protection },
    randomBytes,
    warn,
  }
}

/** A policy that can't be read or loaded leaves the gateway up and every call denied. */
async function readPolicy(file: string): Promise<Policy | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    warn(
      `every call is denied: the policy cannot be read (${systemCode(error) ?? 'unknown reason'})\n  at: ${file}\n  fix: toolwarden gateway --policy <file> …`,
    )
    return undefined
  }
  const parsed = parsePolicy(text, { file })
  if ('ok' in parsed) return parsed.ok
  warn(`every call is denied: ${createPolicyError(parsed.errors).message}`)
  return undefined
}

/** Diagnostics go to stderr, never to the client's stream. */
function warn(text: string): void {
  process.stderr.write(`toolwarden: ${text}\n`)
}
