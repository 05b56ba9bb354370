// A real Apache Kafka broker for tests, in KRaft mode on free loopback ports and a temporary directory.
// As a script: `node dist/test/support/kafka.js fetch | start | topics [broker:port]`.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { fetchKafkaJars, findKafkaJars } from './kafka-jars.ts'
import { type BrokerListeners, serverProperties } from './kafka-properties.ts'

const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 20_000
const PROBE_TIMEOUT_MS = 1_000
const PROBE_INTERVAL_MS = 100
// ApiVersions, version 0, correlation id 1, no client id: the one request that every broker answers.
const API_VERSIONS_REQUEST = Buffer.from('0000000a0012000000000001ffff', 'hex')
const JAVA_OPTIONS = ['-Xmx512m', '-Xms128m', '-XX:TieredStopAtLevel=1', '-Djava.awt.headless=true']

/** A broker that tests may stop, freeze and kill. */
export interface KafkaBroker {
  readonly brokers: readonly string[]
  readonly listeners: BrokerListeners
  /** Ends it cleanly; its data stays for restart(). */
  stop(): Promise<void>
  /** SIGSTOP, and resolves when no thread of it runs any more: connections stay open and nothing answers. */
  freeze(): Promise<void>
  thaw(): void
  /** SIGKILL, and resolves when the process is gone. */
  kill(): Promise<void>
  /** Starts it again on the same ports and data, and resolves when it answers. */
  restart(): Promise<void>
  /** Stops it and removes its data. */
  dispose(): Promise<void>
}

/** Kafka as the tests find it: `broker` is there only if they started it themselves and may harm it. */
export interface KafkaForTests {
  readonly brokers: readonly string[]
  readonly broker?: KafkaBroker
  release(): Promise<void>
}

/** Which listeners besides the plain one a broker gets. */
export interface BrokerSecurity {
  readonly sasl?: { readonly username: string; readonly password: string }
  readonly tls?: { readonly certificateFile: string; readonly keyFile: string }
}

/** Why tests that need Kafka are skipped; false when there is a broker to be had. */
export function kafkaSkipReason(): string | false {
  if (process.env.KAFKA_BROKERS !== undefined || findKafkaJars() !== undefined) return false
  return 'no Kafka: set KAFKA_BROKERS, or run `npm run kafka:fetch` once (needs mvn and java 17)'
}

/** The brokers of KAFKA_BROKERS, else a broker of our own if the jars are cached, else undefined; never downloads. */
export async function kafkaForTests(security: BrokerSecurity = {}): Promise<KafkaForTests | undefined> {
  const given = process.env.KAFKA_BROKERS
  if (given !== undefined) return { brokers: given.split(','), release: async () => undefined }
  const lib = findKafkaJars()
  if (lib === undefined) return undefined
  const broker = await startKafka(lib, security)
  return { brokers: broker.brokers, broker, release: () => broker.dispose() }
}

/** Formats a new storage and starts a broker on it; rejects with the broker's last words if it does not come up. */
export async function startKafka(lib: string, security: BrokerSecurity = {}): Promise<KafkaBroker> {
  const directory = await mkdtemp(join(tmpdir(), 'toolwarden-kafka-'))
  const listeners = await chooseListeners(security)
  const properties = join(directory, 'server.properties')
  await writeFile(properties, serverProperties(directory, listeners), { mode: 0o600 })
  // The first byte is 0, so the first letter an A: the tool takes an id that begins with a dash for an option.
  const clusterId = Buffer.concat([Buffer.alloc(1), randomBytes(15)]).toString('base64url')
  const format = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', properties]
  await promisify(execFile)('java', ['-cp', `${lib}/*`, ...JAVA_OPTIONS, ...format])
  const broker = new LocalBroker({ lib, directory, listeners })
  await broker.restart()
  return broker
}

class LocalBroker implements KafkaBroker {
  readonly brokers: readonly string[]
  readonly listeners: BrokerListeners
  readonly #lib: string
  readonly #directory: string
  #process: ChildProcess | undefined

  constructor(place: { lib: string; directory: string; listeners: BrokerListeners }) {
    this.#lib = place.lib
    this.#directory = place.directory
    this.listeners = place.listeners
    this.brokers = [`127.0.0.1:${place.listeners.plain}`]
  }

  async restart(): Promise<void> {
    await this.stop()
    const output = join(this.#directory, 'output.log')
    const command = ['-cp', `${this.#lib}/*`, ...JAVA_OPTIONS, 'kafka.Kafka', 'server.properties']
    const shell = ['-c', 'out=$1; shift; exec java "$@" >"$out" 2>&1', 'sh', output, ...command]
    const child = spawn('sh', shell, { cwd: this.#directory, stdio: 'ignore' })
    this.#process = child
    const guard = guardAgainstOrphans(child, this.#directory)
    child.once('exit', () => {
      guard.kill('SIGKILL')
      if (this.#process === child) this.#process = undefined
    })
    if (await becomesReady(this.listeners.plain, () => this.#process === child)) return
    await this.kill()
    throw new Error(`Kafka did not start:\n${existsSync(output) ? await readFile(output, 'utf8') : '(no output)'}`)
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async freeze(): Promise<void> {
    const pid = this.#process?.pid
    if (pid === undefined) return
    process.kill(pid, 'SIGSTOP')
    // The signal is delivered, and its threads halt, only some time later.
    while (!(await isHalted(pid))) await delay(PROBE_INTERVAL_MS / 10)
  }

  thaw(): void {
    this.#process?.kill('SIGCONT')
  }

  async dispose(): Promise<void> {
    await this.kill()
    await rm(this.#directory, { recursive: true, force: true })
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process
    if (child === undefined) return
    const gone = once(child, 'exit')
    child.kill(signal)
    child.kill('SIGCONT')
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await gone
    clearTimeout(late)
    this.#process = undefined
  }
}

// A test run that is killed leaves no broker behind: its end closes the pipe that the guard reads.
function guardAgainstOrphans(child: ChildProcess, directory: string): ChildProcess {
  const script = 'cat >/dev/null; kill -9 "$1"; rm -rf "$2"'
  const guard = spawn('sh', ['-c', script, 'sh', String(child.pid), directory], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  guard.unref()
  if (guard.stdin instanceof Socket) guard.stdin.unref()
  return guard
}

async function chooseListeners(security: BrokerSecurity): Promise<BrokerListeners> {
  const [plain, controller, sasl, tls] = await freePorts(4)
  if (plain === undefined || controller === undefined || sasl === undefined || tls === undefined) {
    throw new Error('no free ports on 127.0.0.1')
  }
  return {
    plain,
    controller,
    ...(security.sasl === undefined ? {} : { sasl: { port: sasl, ...security.sasl } }),
    ...(security.tls === undefined ? {} : { tls: { port: tls, ...security.tls } }),
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => {
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  })
  await Promise.all(servers.map((server) => promisify(server.close.bind(server))()))
  return ports
}

async function becomesReady(port: number, isAlive: () => boolean): Promise<boolean> {
  const deadline = Date.now() + START_TIMEOUT_MS
  while (isAlive() && Date.now() < deadline) {
    if (await answers(port)) return true
    await delay(PROBE_INTERVAL_MS)
  }
  return false
}

async function isHalted(pid: number): Promise<boolean> {
  const tasks = `/proc/${pid}/task`
  if (!existsSync(tasks)) {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'state=', '-p', String(pid)])
    return stdout.startsWith('T')
  }
  const threads = await readdir(tasks)
  const states = await Promise.all(
    threads.map((thread) => readFile(join(tasks, thread, 'stat'), 'utf8').catch(() => ') T')),
  )
  return states.every((state) => state.slice(state.lastIndexOf(')') + 2).startsWith('T'))
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(API_VERSIONS_REQUEST))
    const finish = (ready: boolean) => {
      socket.destroy()
      resolve(ready)
    }
    socket.setTimeout(PROBE_TIMEOUT_MS, () => finish(false))
    socket.once('data', () => finish(true))
    socket.once('error', () => finish(false))
    socket.once('end', () => finish(false))
  })
}

async function runScript(command: string | undefined, broker: string | undefined): Promise<void> {
  if (command === 'fetch') return console.log(await fetchKafkaJars())
  const lib = findKafkaJars()
  if (lib === undefined) throw new Error('the jars are not there yet: npm run kafka:fetch')
  if (command === 'start') return await runUntilSignal(lib)
  if (command === 'topics') return await showTopics(lib, broker ?? process.env.KAFKA_BROKERS ?? '127.0.0.1:9092')
  throw new Error('usage: kafka.js fetch | start | topics [broker:port]')
}

async function runUntilSignal(lib: string): Promise<void> {
  const broker = await startKafka(lib)
  console.log(`KAFKA_BROKERS=${broker.brokers.join(',')}`)
  // The listeners alone keep no process alive; the child does.
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  await broker.dispose()
}

async function showTopics(lib: string, broker: string): Promise<void> {
  const run = async (tool: string, ...options: string[]) => {
    const command = ['-cp', `${lib}/*`, `org.apache.kafka.tools.${tool}`, '--bootstrap-server', broker, ...options]
    return (await promisify(execFile)('java', command)).stdout
  }
  const topics = await run('TopicCommand', '--describe', '--exclude-internal')
  if (topics.trim() === '') return console.log(`no topics on ${broker}`)
  console.log(topics)
  console.log(await run('GetOffsetShell', '--exclude-internal-topics'))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runScript(process.argv[2], process.argv[3])
