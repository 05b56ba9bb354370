// From a durable receipt to the rule that it arms, in force in a gateway's view: a real `toolwarden detectors` on the embedded
// log, four gateways' chains that write 500 events a second, every fifth call of a session of its own with a result that
// names a destination nobody knows. Beside it the floor: two synced writes in the same directory, which is what the log asks of the disk
// for a rule. Run: npm run bench:feedback -- [seconds] [events a second]
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../cli/config.ts'
import { ensureInstallation } from '../cli/installation.ts'
import { openTrust } from '../cli/open-trust.ts'
import { sha256, ZERO_HASH } from '../events/chain.ts'
import { ChainWriter } from '../events/chain-writer.ts'
import type { Entry } from '../events/commit.ts'
import { ControlReader } from '../events/control-reader.ts'
import { FileLog } from '../events/file-log.ts'
import { argumentSignals, resultSignals, signalsBytes } from '../events/signals.ts'
import { systemClock, uuidv7 } from '../events/time.ts'

const GATEWAYS = 4
const EVENTS_A_CALL = 3
const PROBE_EVERY = 5
const WARM_SECONDS = 3
const PATIENCE_MS = 60_000
const TARGET_MS = 100
/** About what a rule takes in the log, and how often the floor is looked for. */
const FLOOR_BYTES = 1_300
const FLOOR_EVERY_MS = 50

const seconds = Number(process.argv[2] ?? 20)
const eventsPerSecond = Number(process.argv[3] ?? 500)
const data = await mkdtemp(join(process.env.BENCH_DIRECTORY ?? tmpdir(), 'toolwarden-feedback-'))
const config = await loadConfig({ ...process.env, TOOLWARDEN_DATA: data })
const { log, ...installation } = await ensureInstallation(data, undefined)
const clock = systemClock()
const eventLog = new FileLog({ root: join(data, 'log'), memory: join(installation.directory, 'log.id') })
const trust = openTrust(config, { log, ...installation })

/** By session: when its receipt was durable, and when its rule was in force. */
const durableMs = new Map<string, number>()
const enforcedMs = new Map<string, number>()
const control = new ControlReader({
  ...{ eventLog, log, trust },
  onApplied: (record) => {
    if (record.kind !== 'event' || record.event.type !== 'rule/added') return
    const { session } = record.event.rule.scope
    if (session !== undefined && !enforcedMs.has(session)) enforcedMs.set(session, performance.now())
  },
})
await control.start()
const gateways = Array.from({ length: GATEWAYS }, (_, index) => {
  const opening = { software: 'bench', configuration: ZERO_HASH }
  return new ChainWriter({
    ...{ eventLog, clock, log, opening },
    writer: `gateway/bench-${index}`,
    key: installation.keys.gateway,
  })
})
const detectors = startDetectors()
try {
  // The detectors are up once they have armed a rule.
  await call(-1, true)
  await until(() => enforcedMs.size > 0)
  await run(WARM_SECONDS, false)
  durableMs.clear()
  const floor = measureFloor()
  await run(seconds, true)
  await until(() => [...durableMs.keys()].every((session) => enforcedMs.has(session)))
  report(await floor.stop())
} finally {
  detectors.kill('SIGTERM')
  await new Promise((resolve) => detectors.once('exit', resolve))
  await Promise.all(gateways.map((gateway) => gateway.close()))
  await control.stop()
  await eventLog.close()
  await rm(data, { recursive: true, force: true })
}

function startDetectors(): ChildProcess {
  const main = new URL('../cli/main.js', import.meta.url).pathname
  const environment = { ...process.env, TOOLWARDEN_DATA: data, LOG_LEVEL: 'error' }
  return spawn(process.execPath, [main, 'detectors'], { env: environment, stdio: ['ignore', 'ignore', 'inherit'] })
}

/** Calls at an even pace; what the log is late with is not waited for. */
async function run(forSeconds: number, isMeasured: boolean): Promise<void> {
  const everyMs = (EVENTS_A_CALL * 1000) / eventsPerSecond
  const startedMs = performance.now()
  const calls = Math.floor((forSeconds * 1000) / everyMs)
  const open: Promise<void>[] = []
  for (let index = 0; index < calls; index++) {
    const waitMs = startedMs + index * everyMs - performance.now()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    open.push(call(index, isMeasured && index % PROBE_EVERY === 0))
  }
  await Promise.all(open)
}

async function call(index: number, isProbe: boolean): Promise<void> {
  const gateway = gateways[Math.abs(index) % GATEWAYS]
  if (gateway === undefined) return
  const session = isProbe ? `probe-${index}` : `session-${index % 50}`
  const context = contextOf(index, session)
  const { events } = await gateway.append(proposeAndDecide(context))
  const text = isProbe ? `write to ${randomBytes(6).toString('hex')}@example.net` : 'nothing of note'
  const signals = signalsBytes(resultSignals(installation.deploymentKey, 'read', { content: [{ type: 'text', text }] }))
  const parent = events.at(-1)?.hash ?? ZERO_HASH
  const receipt = { type: 'authorization/receipt', ...context, parent, status: 'ok', durationMicros: 1 } as const
  await gateway.append([{ draft: { ...receipt, signalsDigest: sha256(signals) }, signals }])
  if (isProbe) durableMs.set(session, performance.now())
}

function contextOf(index: number, session: string) {
  return {
    call: uuidv7(clock.nowMicros()),
    session,
    principal: `agent:a${Math.abs(index) % 20}`,
    server: `bench-${Math.abs(index) % GATEWAYS}`,
    tool: 'read_page',
    connection: uuidv7(clock.nowMicros()),
    principalSource: 'declared' as const,
    client: 'bench',
  }
}

type Context = ReturnType<typeof contextOf>

function proposeAndDecide(context: Context): [Entry, Entry] {
  const signals = signalsBytes(argumentSignals(installation.deploymentKey, 'read', { page: context.call }))
  const propose: Entry = {
    draft: {
      ...{ type: 'authorization/propose', ...context, method: 'tools/call', signalsDigest: sha256(signals) },
      arguments: { bytes: 60, commitment: ZERO_HASH, record: 'commitment' },
      argumentsDigest: sha256(Buffer.from(context.call)),
    },
    signals,
  }
  const decide: Entry = {
    draft: ([proposed]) => ({
      ...{ type: 'authorization/decide', ...context, parent: proposed?.hash ?? ZERO_HASH, decision: 'allow' },
      ...{ reason: 'policy_rule', text: '', control: { state: 'fresh', revision: 0 } },
    }),
  }
  return [propose, decide]
}

/** Two synced writes, one after the other, again and again until it is stopped; milliseconds. */
function measureFloor(): { stop(): Promise<readonly number[]> } {
  const taken: number[] = []
  let isOver = false
  const measuring = (async (): Promise<void> => {
    const file = await open(join(data, 'floor'), 'a', 0o600)
    for (; !isOver; await new Promise((resolve) => setTimeout(resolve, FLOOR_EVERY_MS))) {
      const startedMs = performance.now()
      for (let write = 0; write < 2; write++) {
        await file.write(Buffer.alloc(FLOOR_BYTES))
        await file.datasync()
      }
      taken.push(performance.now() - startedMs)
    }
    await file.close()
  })()
  const stop = async (): Promise<readonly number[]> => {
    isOver = true
    await measuring
    return taken
  }
  return { stop }
}

/** The value that a share of the sorted values does not exceed. */
function quantileOf(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

function report(floor: readonly number[]): void {
  const delays = Array.from(durableMs, ([session, fromMs]) =>
    Math.max(0, (enforcedMs.get(session) ?? Infinity) - fromMs),
  )
  const [p50, p99, most] = [0.5, 0.99, 1].map((share) => quantileOf(delays, share)) as [number, number, number]
  console.log(`${eventsPerSecond} events/s for ${seconds} s, ${delays.length} receipts that arm a rule`)
  console.log(
    `receipt durable -> rule in force: p50 ${p50.toFixed(1)} ms  p99 ${p99.toFixed(1)} ms  most ${most.toFixed(1)} ms  target p99 ${TARGET_MS} ms`,
  )
  const [half, tail] = [0.5, 0.99].map((share) => quantileOf(floor, share).toFixed(1))
  console.log(`two synced writes of ${FLOOR_BYTES} bytes beside it: p50 ${half} ms  p99 ${tail} ms`)
  if (!(p99 <= TARGET_MS)) process.exitCode = 1
}

async function until(condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS
  while (!condition() && performance.now() < deadlineMs) await new Promise((resolve) => setTimeout(resolve, 20))
}
