// `toolwarden gateway`: between an MCP client on stdin and stdout and the server that it starts.
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { systemClock, uuidv7 } from '../events/time.ts'
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
  const command = rest.length > 0 ? rest : splitCommand(flags.upstream ?? '')
  const [program, ...args] = command
  if (program === undefined)
    throw new ToolwardenError('USAGE', 'no server command', {
      fix: 'toolwarden gateway --policy policy.yaml -- npx -y @modelcontextprotocol/server-filesystem /srv',
    })
  const config = await loadConfig(process.env, flags.config)
  const installation = await ensureInstallation(config.data, config.log)
  const backbone = await openBackbone(config, installation, warn)
  const name = flags.name ?? serverNameOf(command)
  const options = await gatewayOptions({ flags, name, config, installation, backbone })
  const server = await startServer(program, args, process.env)
  const run = startGateway(options)
  try {
    return await carry(run, server, { flags, name })
  } finally {
    await run.stop()
    await backbone.eventLog.close()
  }
}

async function carry(
  run: GatewayRun,
  server: ServerProcess,
  { flags, name }: { flags: GatewayFlags; name: string },
): Promise<ProcessEnd> {
  const principal = flags.principal ?? defaultPrincipal()
  const session = flags.session ?? process.env.TOOLWARDEN_SESSION ?? clientSession(principal, process.ppid)
  const gateway = new StdioGateway({
    context: {
      session,
      connection: uuidv7(systemClock().nowMicros()),
      principal,
      principalSource: 'declared',
      server: name,
    },
    gate: run.gate,
    recorder: run.recorder,
    server,
    client: { input: process.stdin, output: process.stdout },
    fail: (error) => warn(error instanceof Error ? error.message : String(error)),
  })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => gateway.stop(signal))
  return gateway.run()
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
