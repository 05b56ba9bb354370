// What a call costs through the gateway: p50 and p99 of one after the other and of 16 at once, for a direct connection, for
// a forwarder that writes and fdatasyncs two blobs of 1.3 kB a call (the floor of anything that records durably), and for
// the gateway on the embedded log and, where its jars are here, on Kafka. Rounds take turns, so that what else the machine
// does weighs on all; the ratios are of medians. Run: npm run bench:gateway -- [calls a round] [rounds] [--no-kafka]
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Background, startBackground } from '../test/support/background.ts'
import { type BenchClient, HttpBenchClient, StdioBenchClient } from '../test/support/bench-client.ts'
import { GatewayBefore } from '../test/support/gateway-before.ts'
import { kafkaForTests, kafkaSkipReason } from '../test/support/kafka.ts'

const callsPerRound = Number(process.argv[2] ?? 300)
const rounds = Number(process.argv[3] ?? 5)
const WARM_UP_CALLS = 300
const IN_FLIGHT = 16
const LARGE_BYTES = 100_000
const LARGE_SHARE = 0.2
const TARGET_RATIO = 1.5
const TARGET_RSS_MEGABYTES = 80

const support = join(import.meta.dirname, '..', 'test', 'support')
const stdioServer = [process.execPath, join(support, 'echo-server.js')]
const floor = join(support, 'floor-forwarder.js')

interface Way {
  readonly name: string
  readonly client: BenchClient
}

const embedded = new GatewayBefore()
const isKafkaWanted = !process.argv.includes('--no-kafka') && kafkaSkipReason() === false
const kafka = isKafkaWanted ? await kafkaForTests() : undefined
const onKafka =
  kafka === undefined
    ? undefined
    : new GatewayBefore({ KAFKA_BROKERS: kafka.brokers.join(',') }, 'gateway: { control: { required: false } }\n')
const background: Background[] = []
try {
  await compare('stdio', await stdioWays())
  await compare('HTTP', await httpWays())
} finally {
  await Promise.all(background.map((each) => each.stop()))
  await embedded.remove()
  await onKafka?.remove()
  await kafka?.release()
}

async function stdioWays(): Promise<readonly Way[]> {
  const start = async (name: string, command: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Way> => {
    return { name, client: await StdioBenchClient.start(command, environment) }
  }
  return [
    await start('direct', stdioServer),
    await start('floor', [process.execPath, floor, 'stdio', ...stdioServer]),
    await start('embedded', embedded.command(stdioServer), embedded.environment),
    ...(onKafka === undefined ? [] : [await start('Kafka', onKafka.command(stdioServer), onKafka.environment)]),
  ]
}

async function httpWays(): Promise<readonly Way[]> {
  const server = await startBackground([process.execPath, join(support, 'http-echo-server.js')], /listening on (\S+)/)
  const url = server.match[1] ?? ''
  const forwarder = await startBackground([process.execPath, floor, 'http', url], /listening on (\S+)/)
  background.push(server, forwarder)
  const way = async (name: string, target: string, pid?: number): Promise<Way> => {
    return { name, client: await HttpBenchClient.start(target, pid) }
  }
  const before = await embedded.listen(url)
  const kafkaBefore = await onKafka?.listen(url)
  return [
    await way('direct', url),
    await way('floor', forwarder.match[1] ?? '', forwarder.pid),
    await way('embedded', before.url, before.pid),
    ...(kafkaBefore === undefined ? [] : [await way('Kafka', kafkaBefore.url, kafkaBefore.pid)]),
  ]
}

/** Measures all ways in turns and prints one table. */
async function compare(transport: string, ways: readonly Way[]): Promise<void> {
  try {
    for (const { client } of ways) await run(client, WARM_UP_CALLS, { inFlight: 4, argumentBytes: 1 })
    console.log(`\n${transport}, ${rounds} rounds`.padEnd(36), ways.map(({ name }) => name.padEnd(24)).join(''))
    await row('one after the other', ways, { inFlight: 1, argumentBytes: 1 })
    await row(`${IN_FLIGHT} at once`, ways, { inFlight: IN_FLIGHT, argumentBytes: 1 })
    await row(`arguments of ${LARGE_BYTES / 1000} kB`, ways, { inFlight: 1, argumentBytes: LARGE_BYTES })
    reportMemory(ways)
  } finally {
    for (const { client } of ways) await client.close()
  }
}

interface Load {
  readonly inFlight: number
  readonly argumentBytes: number
}

async function row(label: string, ways: readonly Way[], load: Load): Promise<void> {
  const times = new Map<string, number[]>(ways.map(({ name }) => [name, []]))
  const calls = load.argumentBytes > 1 ? Math.ceil(callsPerRound * LARGE_SHARE) : callsPerRound
  for (let round = 0; round < rounds; round++)
    for (const { name, client } of ways) times.get(name)?.push(...(await run(client, calls, load)))
  const cells = ways.map(({ name }) => {
    const measured = times.get(name) ?? []
    return `${quantile(measured, 0.5).toFixed(3)} / ${quantile(measured, 0.99).toFixed(3)} ms`.padEnd(24)
  })
  console.log(`${label} (p50 / p99)`.padEnd(35), cells.join(''))
  const ratio = quantile(times.get('embedded') ?? [], 0.5) / quantile(times.get('floor') ?? [], 0.5)
  console.log(`  embedded / floor at p50: ${ratio.toFixed(2)}, target ${TARGET_RATIO}`)
}

/** Milliseconds of each call. */
async function run(client: BenchClient, calls: number, { inFlight, argumentBytes }: Load): Promise<readonly number[]> {
  const text = 'x'.repeat(argumentBytes)
  const times: number[] = []
  let left = calls
  const work = async (): Promise<void> => {
    while (left-- > 0) {
      const started = performance.now()
      await client.call(text)
      times.push(performance.now() - started)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, work))
  return times
}

/** Resident memory, and its share where what processes have in common is counted in parts; the floor is a Node process too. */
function reportMemory(ways: readonly Way[]): void {
  for (const { name, client } of ways) {
    if (client.pid === undefined) continue
    const text = readFileSync(`/proc/${client.pid}/smaps_rollup`, 'utf8')
    const [rss, pss] = ['Rss', 'Pss'].map((field) => {
      return (Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)?.[1]) / 1024).toFixed(0)
    })
    const target = name === 'embedded' ? `, target ${TARGET_RSS_MEGABYTES}` : ''
    console.log(`  memory of ${name}: RSS ${rss} MB, PSS ${pss} MB${target}`)
  }
}

function quantile(times: readonly number[], share: number): number {
  const sorted = times.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
