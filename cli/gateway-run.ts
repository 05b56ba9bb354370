// What a gateway decides and records with: configuration, installation, log, policy. Loading it takes most of a start, so
// it is loaded while the first messages, which are not governed, already pass.
import { join, resolve } from 'node:path'
import { classOf, isTrustedSource } from '../detectors/classes.ts'
import { markersWith } from '../events/instruction-markers.ts'
import { randomPiece } from '../events/random-piece.ts'
import { systemClock } from '../events/time.ts'
import { Catalogue } from '../gateway/catalogue.ts'
import type { ConnectionContext } from '../gateway/context.ts'
import { HoldLane, type Siblings } from '../gateway/hold-lane.ts'
import type { Policy } from '../gateway/policy/policy.ts'
import type { Protection } from '../gateway/policy/protect.ts'
import { lookUpRealPath } from '../gateway/policy/real-path.ts'
import { type GatewayRun, startGateway } from '../gateway/start.ts'
import { type Backbone, openBackbone } from './backbone.ts'
import { type Config, loadConfig } from './config.ts'
import type { GatewayFlags } from './gateway-command.ts'
import { ensureInstallation, type Installation } from './installation.ts'
import { createPinStore } from './pin-file.ts'
import { PolicyFiles } from './policy-files.ts'
import { protectOwn } from './protection.ts'
import { listServerDirectories } from './server-directories.ts'
import { SiblingFiles } from './sibling-files.ts'
import { spoolDirectory } from './spool-directory.ts'
import { softwareName } from './version.ts'

/** A gateway run and the log that it writes to. */
export interface OpenedRun {
  readonly run: GatewayRun
  /** Ends the run's chain and closes the log. */
  readonly close: () => Promise<void>
}

/** Whose run it is. */
interface OfClient {
  readonly context: Pick<ConnectionContext, 'session'>
}

/** Opens what the flags name for one server and one client. Throws CONFIG_INVALID, KEY_* and what the log throws. */
export async function openRun(
  flags: GatewayFlags,
  { name, isRemote, command, context }: Pick<ServedServer, 'name' | 'isRemote' | 'command'> & OfClient,
): Promise<OpenedRun> {
  const config = await loadConfig(process.env, flags.config)
  const { session } = context
  const siblings = new SiblingFiles({ data: config.data, log: config.log, session, nowMs: Date.now, warn })
  const ground = await openGround(config, siblings)
  const root = flags.root === undefined ? undefined : resolve(flags.root)
  const run = await startRun(ground, { name, root, policy: flags.policy, isRemote, command })
  const close = async (): Promise<void> => {
    await run.stop()
    siblings.end()
    await ground.backbone.eventLog.close()
  }
  return { run, close }
}

/** What the runs of one process share. */
export interface Ground {
  readonly config: Config
  readonly installation: Installation
  readonly backbone: Backbone
  readonly catalogue: Catalogue
  readonly holdLane: HoldLane
}

/** The server that a run is for. */
export interface ServedServer {
  readonly name: string
  /** Where it takes relative paths from. */
  readonly root: string | undefined
  /** The policy file; the data directory's own unless told. */
  readonly policy: string | undefined
  /** True where the server is on another machine. */
  readonly isRemote: boolean
  /** The words that it is started with; none where it is reached by a URL. */
  readonly command: readonly string[]
}

/** Opens installation and log. Throws KEY_* and what the log throws. */
export async function openGround(config: Config, siblings?: Siblings): Promise<Ground> {
  const installation = await ensureInstallation(config.data, config.log)
  const backbone = await openBackbone(config, installation, warn)
  // A gateway reads control alone: there nothing of a stolen key counts, whether `up` has said so yet or not.
  for (const { publicKey, revoked } of installation.keyRecords)
    if (revoked?.cause === 'compromised') backbone.trust.revoke(publicKey)
  const clock = systemClock()
  const holdLane = new HoldLane({
    holdMs: config.gateway.control.holdMs,
    nowMs: () => clock.monotonicMicros() / 1000,
    isTrusted: (source) => isTrustedSource(config.detectors.classes, source),
    ...(siblings === undefined ? {} : { siblings }),
  })
  return { config, installation, backbone, catalogue: new Catalogue(), holdLane }
}

/** Starts the run of one server; each is a chain of its own. */
export async function startRun(ground: Ground, server: ServedServer): Promise<GatewayRun> {
  const { config, installation, backbone } = ground
  const { name, root } = server
  const { record, control, ownDomains, instructionPhrases } = config.gateway
  const policyFile = resolve(server.policy ?? join(config.data, 'policy.yaml'))
  const clock = systemClock()
  const policyFiles = new PolicyFiles({
    ...{ file: policyFile, data: config.data, warn },
    nowMs: () => Math.floor(clock.nowMicros() / 1000),
  })
  const serverDirectories = listServerDirectories(server.command)
  const protect = (policy: Policy | undefined): Protection =>
    protectOwn(config, { policyFiles: [policyFile, ...(policy?.files ?? [])], serverDirectories })
  const run = startGateway({
    eventLog: backbone.eventLog,
    spool: { root: spoolDirectory(config), maxBytes: config.gateway.spool.maxBytes },
    log: backbone.log,
    trust: backbone.trust,
    clock,
    writer: `gateway/${name}`,
    server: name,
    key: installation.keys.gateway,
    deploymentKey: installation.deploymentKey,
    configuredClass: (tool) => classOf(config.detectors.classes, { server: name, tool }),
    signals: { ownDomains, markers: markersWith(instructionPhrases) },
    opening: { software: softwareName(), configuration: config.digest },
    record,
    need: {
      writers: control.writers,
      maxAgeMicros: control.maxAgeMs * 1000,
      required: control.required ?? backbone.isDistributed,
    },
    policy: policyFiles.policy,
    policyGuard: config.policy.protect
      ? (await import('./policy-baseline.ts')).openPolicyBaseline({
          data: config.data,
          server: name,
          file: policyFile,
          nowMs: Math.floor(clock.nowMicros() / 1000),
        })
      : undefined,
    facts: { realPath: lookUpRealPath, root, remote: server.isRemote, protection: protect(policyFiles.policy) },
    pinStore: createPinStore(config.data, name),
    catalogue: ground.catalogue,
    holdLane: ground.holdLane,
    randomBytes: randomPiece,
    warn,
  })
  const unfollow = policyFiles.follow(run.policy, protect)
  const stop = (): Promise<void> => {
    unfollow()
    return run.stop()
  }
  return { ...run, stop }
}

/** Diagnostics go to stderr, never to the client's stream. */
export function warn(text: string): void {
  process.stderr.write(`toolwarden: ${text}\n`)
}
