// Many calls at full speed through one real gateway before a real server, its memory looked at on the way, and its log at
// the end. For the suite and for the bench of a million calls.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openInstallation } from '../../cli/installation.ts'
import { startBackground } from './background.ts'
import { type BenchClient, HttpBenchClient, StdioBenchClient } from './bench-client.ts'
import { auditCalls, type CallAudit } from './call-audit.ts'
import { GatewayBefore } from './gateway-before.ts'

/** How a client reaches the gateway. */
export type SoakTransport = 'stdio' | 'http'

/** What is done. */
export interface SoakOptions {
  readonly transport: SoakTransport
  readonly calls: number
  readonly inFlight: number
  /** After how many calls the memory is looked at. */
  readonly lookEvery: number
  /** Told of each look. */
  readonly onLook?: (look: MemoryLook) => void
}

/** The gateway's memory at one moment, megabytes. */
export interface MemoryLook {
  readonly calls: number
  readonly resident: number
  /** Its share of what several processes have in common counted in parts. */
  readonly proportional: number
}

/** What came of it. */
export interface SoakOutcome {
  readonly seconds: number
  readonly looks: readonly MemoryLook[]
  readonly audit: CallAudit
}

const echoServer = [process.execPath, join(import.meta.dirname, 'echo-server.js')]
const httpEchoServer = [process.execPath, join(import.meta.dirname, 'http-echo-server.js')]

/** Makes the calls, ends the gateway, audits its log and removes everything. Rejects where a call is refused. */
export async function soak(options: SoakOptions): Promise<SoakOutcome> {
  const gateway = new GatewayBefore()
  const server = options.transport === 'http' ? await startBackground(httpEchoServer, /listening on (\S+)/) : undefined
  try {
    const client = await connect(gateway, server?.match[1])
    const started = performance.now()
    const looks = await callAndLook(client, options)
    const seconds = (performance.now() - started) / 1000
    await client.close()
    await gateway.stop()
    const data = join(gateway.directory, 'data')
    const { log, trust } = await openInstallation(data)
    return { seconds, looks, audit: await auditCalls({ root: join(data, 'log'), log, trust }) }
  } finally {
    await server?.stop()
    await gateway.remove()
  }
}

/** Megabytes by which memory grows in a hundred thousand calls: the slope of the line through the looks. */
export function growthOf(looks: readonly MemoryLook[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  const [meanCalls, meanMemory] = [mean(looks.map(({ calls }) => calls)), mean(looks.map(({ resident }) => resident))]
  const covariance = mean(looks.map(({ calls, resident }) => (calls - meanCalls) * (resident - meanMemory)))
  return (covariance / mean(looks.map(({ calls }) => (calls - meanCalls) ** 2))) * 100_000
}

/** Over HTTP where the server has a URL. */
async function connect(gateway: GatewayBefore, serverUrl: string | undefined): Promise<BenchClient> {
  if (serverUrl === undefined) return StdioBenchClient.start(gateway.command(echoServer), gateway.environment)
  const { url, pid } = await gateway.listen(serverUrl)
  return HttpBenchClient.start(url, pid)
}

async function callAndLook(client: BenchClient, options: SoakOptions): Promise<readonly MemoryLook[]> {
  const looks: MemoryLook[] = []
  let made = 0
  const work = async (): Promise<void> => {
    while (made < options.calls) {
      made++
      const look = made % options.lookEvery === 0
      await client.call('soak')
      if (!look) continue
      const seen = { calls: (looks.length + 1) * options.lookEvery, ...memoryOf(client.pid) }
      looks.push(seen)
      options.onLook?.(seen)
    }
  }
  await Promise.all(Array.from({ length: options.inFlight }, work))
  return looks
}

function memoryOf(pid: number | undefined): Omit<MemoryLook, 'calls'> {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const megabytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1]) / 1024
  return { resident: megabytes('Rss'), proportional: megabytes('Pss') }
}
