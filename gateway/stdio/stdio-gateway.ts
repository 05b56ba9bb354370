// The stdio gateway: a client on one side, a server process on the other, lines forwarded unchanged between them.
import type { Readable, Writable } from 'node:stream'
import type { CallGate } from '../call-gate.ts'
import { Connection } from '../connection.ts'
import { type ConnectionContext, describeName } from '../context.ts'
import { asObject, type MessageValue } from '../message.ts'
import type { Recorder } from '../recorder.ts'
import { ClientLines } from './client-lines.ts'
import { LineSplitter } from './lines.ts'
import { ServerLines } from './server-lines.ts'
import { KILL_GRACE_MS, type ProcessEnd, type ServerProcess } from './server-process.ts'

/** The longest line of a server, bytes. */
export const MAX_SERVER_LINE_BYTES = 128 * 1024 * 1024
/** The most events about withheld or unanswered messages of one connection. */
const MAX_OBSERVED = 100

/** What a gateway is made of. */
export interface StdioGatewayOptions {
  readonly context: Omit<ConnectionContext, 'client'>
  readonly gate: CallGate
  readonly recorder: Recorder
  readonly server: ServerProcess
  readonly client: { readonly input: Readable; readonly output: Writable }
  /** Told of what should not happen: the run's chain ended before an event of this connection. */
  readonly fail: (error: unknown) => void
}

/** Carries one connection until the server has ended. */
export class StdioGateway {
  readonly #options: StdioGatewayOptions
  readonly #connection: Connection
  readonly #fromClient: ClientLines
  readonly #fromServer: ServerLines
  #observed = 0
  #listed = new Map<string, string>()

  constructor(options: StdioGatewayOptions) {
    this.#options = options
    const connection = new Connection(options.context)
    const { gate, fail } = options
    this.#connection = connection
    const observed = (method: string, bytes: number): void => this.#observe('client', method, bytes)
    this.#fromClient = new ClientLines({
      connection,
      gate,
      toServer: (bytes) => this.#toServer(bytes),
      toClient: (text) =>
        this.#toClient(`${text}
`),
      observed,
      fail,
    })
    this.#fromServer = new ServerLines({
      connection,
      gate,
      toClient: (bytes) => this.#toClient(bytes),
      answered: (method, value) => this.#answered(method, value),
      withheld: (what, bytes) => this.#observe('server', what, bytes),
      fail,
    })
  }

  /** Resolves with the server's end once every answer is delivered and every event is handed to the run's chain. */
  async run(): Promise<ProcessEnd> {
    const { client, server } = this.#options
    const clientLines = new LineSplitter()
    const serverLines = new LineSplitter(MAX_SERVER_LINE_BYTES)
    client.input.on('data', (chunk: Buffer) => {
      for (const line of clientLines.push(chunk)) this.#fromClient.take(line)
    })
    client.input.once('end', () => void this.#clientEnded(clientLines))
    // A client that closed its side is gone; what is under way is still recorded.
    client.output.on('error', () => client.input.destroy())
    client.input.once('close', () => void this.#clientEnded(clientLines))
    server.input.on('error', () => client.input.resume())
    server.output.on('data', (chunk: Buffer) => {
      for (const line of serverLines.push(chunk)) {
        if (line === 'oversize')
          this.#observe('server', `a line over ${MAX_SERVER_LINE_BYTES} bytes`, MAX_SERVER_LINE_BYTES)
        else this.#fromServer.take(line)
      }
    })
    const end = await server.ended
    const rest = serverLines.end()
    if (rest !== undefined) this.#fromServer.take(rest)
    await this.#finish()
    return end
  }

  /** Passes a signal on; a server that does not end is killed, since the client will not wait for longer. */
  stop(signal: NodeJS.Signals): void {
    const { server } = this.#options
    server.kill(signal)
    setTimeout(() => server.kill('SIGKILL'), KILL_GRACE_MS).unref()
  }

  async #finish(): Promise<void> {
    await this.#fromClient.settled()
    await this.#fromServer.settled()
    await this.#fromServer.lost()
    if (this.#connection.context.client === 'unknown' && this.#connection.calls === 0) return
    await this.#options.recorder.note({
      type: 'session/close',
      ...this.#connection.context,
      reason: 'the server ended',
      calls: this.#connection.calls,
    })
  }

  async #clientEnded(lines: LineSplitter): Promise<void> {
    const rest = lines.end()
    if (rest !== undefined) this.#fromClient.take(rest)
    // Calls that are being decided go out before the server sees the end of its input.
    await this.#fromClient.settled()
    this.#options.server.input.end()
  }

  #toServer(bytes: Buffer): void {
    const { client, server } = this.#options
    if (!server.input.writable || server.input.write(bytes)) return
    client.input.pause()
    server.input.once('drain', () => client.input.resume())
  }

  #toClient(bytes: Buffer | string): void {
    const { client, server } = this.#options
    if (!client.output.writable || client.output.write(bytes)) return
    server.output.pause()
    client.output.once('drain', () => server.output.resume())
    // A client that is gone never drains.
    client.output.once('close', () => server.output.resume())
  }

  #answered(method: string, value: MessageValue): void {
    if (method === 'initialize') this.#opened(asObject(value.result) ?? {})
    if (method === 'tools/list') this.#toolsListed(value)
  }

  #opened(result: MessageValue): void {
    const info = asObject(result.serverInfo)
    const serverVersion = describeName(
      `${describeName(info?.name, 'unknown')}/${describeName(info?.version, 'unknown')}`,
      'unknown',
    )
    const protocolVersion = describeName(result.protocolVersion, 'unknown')
    this.#note({
      type: 'session/open',
      ...this.#connection.context,
      transport: 'stdio',
      protocolVersion,
      serverVersion,
    })
  }

  /** Pages of one list arrive as answers of their own, so nothing counts as removed here. */
  #toolsListed(value: MessageValue): void {
    const tools = this.#connection.listed(value)
    const fresh = tools.filter(({ tool, digest }) => this.#listed.get(tool) !== digest)
    if (fresh.length === 0) return
    const changed = fresh.filter(({ tool }) => this.#listed.has(tool)).map(({ tool }) => tool)
    const added = fresh.filter(({ tool }) => !this.#listed.has(tool)).map(({ tool }) => tool)
    for (const { tool, digest } of fresh) this.#listed.set(tool, digest)
    for (const part of chunks(fresh, TOOLS_AN_EVENT)) {
      const names = new Set(part.map(({ tool }) => tool))
      const within = (list: readonly string[]): string[] => list.filter((tool) => names.has(tool))
      this.#note({
        type: 'tools/listed',
        ...this.#connection.context,
        tools: [...part],
        added: within(added),
        removed: [],
        changed: within(changed),
      })
    }
  }

  #observe(direction: 'client' | 'server', method: string, bytes: number): void {
    if (++this.#observed > MAX_OBSERVED) return
    this.#note({ type: 'request/observed', ...this.#connection.context, method, direction, bytes })
  }

  #note(draft: Parameters<Recorder['note']>[0]): void {
    this.#options.recorder.note(draft).catch(this.#options.fail)
  }
}

/** How many tools one `tools/listed` names; more go into further events, so that none is too large. */
const TOOLS_AN_EVENT = 40

function chunks<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  )
}
