// One recorded session through the real loop: a gateway for each of its servers, started as an MCP client starts them, and the
// calls sent at their recorded pace. A held call is given up after a while, as its client would. What ran, the servers say.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { RawClient } from '../../test/support/raw-client.ts'
import type { ReplayedCall } from './replay-server.ts'
import type { TracedSession } from './trace.ts'

/** A call without an answer for so long is held, since the servers answer at once. */
const HELD_MS = 3_000

/** Where and how a session is played. */
export interface Stage {
  /** The data directory of the installation. */
  readonly data: string
  readonly policy: string
  /** For the files of this session alone. */
  readonly directory: string
}

/** What became of a session. */
export interface LiveSession {
  readonly session: TracedSession
  /** Numbers of the calls that reached a server. */
  readonly executed: ReadonlySet<number>
}

/** Plays a session to its end. */
export async function playLive(
  session: TracedSession,
  raw: ReadonlyMap<number, ReplayedCall>,
  stage: Stage,
): Promise<LiveSession> {
  const executedFile = join(stage.directory, `${session.session}.executed`)
  writeFileSync(executedFile, '')
  const servers = [...new Set(session.calls.map(({ server }) => server))]
  const clients = new Map(
    servers.map((server) => [server, startGateway(session, server, { raw, stage, executedFile })]),
  )
  try {
    for (const client of clients.values()) {
      await client.initialize()
      await client.request('tools/list')
    }
    await sendAll(session, { raw, clients })
  } finally {
    await Promise.all(Array.from(clients.values(), (client) => endWell(client)))
  }
  const executed = readFileSync(executedFile, 'utf8').split('\n').slice(0, -1).map(Number)
  return { session, executed: new Set(executed) }
}

interface Playing {
  readonly raw: ReadonlyMap<number, ReplayedCall>
  readonly clients: ReadonlyMap<string, RawClient>
}

async function sendAll({ calls }: TracedSession, { raw, clients }: Playing): Promise<void> {
  let before: { readonly atMs: number; readonly sentMs: number } | undefined
  for (const { index, atMs, server } of calls) {
    const call = raw.get(index)
    const client = clients.get(server)
    if (call === undefined || client === undefined) throw new Error(`call ${index} was not recorded`)
    const dueMs = before === undefined ? 0 : before.sentMs + atMs - before.atMs
    await pause(dueMs - performance.now())
    before = { atMs, sentMs: performance.now() }
    await send(client, index, call)
  }
}

/** Sends one call; one that is held is cancelled. */
async function send(client: RawClient, index: number, { tool: name, arguments: args }: ReplayedCall): Promise<void> {
  const id = `call ${index}`
  client.send({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } })
  const answer = await Promise.race([client.answerTo(id), pause(HELD_MS)])
  if (answer === undefined)
    client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } })
}

interface Starting {
  readonly raw: Playing['raw']
  readonly stage: Stage
  readonly executedFile: string
}

function startGateway(session: TracedSession, server: string, { raw, stage, executedFile }: Starting): RawClient {
  const callsFile = join(stage.directory, `${session.session}-${server}.calls.jsonl`)
  for (const { index } of session.calls.filter((call) => call.server === server))
    appendFileSync(callsFile, `${JSON.stringify(raw.get(index))}\n`)
  const [main, replay] = ['../../cli/main.js', './replay-server.js'].map((path) => {
    return fileURLToPath(new URL(path, import.meta.url))
  })
  const flags = ['--name', server, '--session', session.session, '--principal', session.principal]
  const command = [process.execPath, main ?? '', 'gateway', '--policy', stage.policy, ...flags, '--']
  const environment = { ...process.env, TOOLWARDEN_DATA: stage.data }
  return new RawClient([...command, process.execPath, replay ?? '', callsFile, executedFile], environment)
}

async function endWell(client: RawClient): Promise<void> {
  const ended = await Promise.race([client.end(), pause(HELD_MS)])
  if (ended === undefined) await client.abandon()
}

async function pause(millis: number): Promise<undefined> {
  if (millis > 0) await new Promise((resolve) => setTimeout(resolve, millis).unref())
  return undefined
}
