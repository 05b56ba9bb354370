// The stdio gateway: a client on one side, a server process on the other, lines forwarded unchanged between them.
import type { Readable, Writable } from 'node:stream'
import type { Gate } from '../call-gate.ts'
import { Connection, type ConnectionBase } from '../connection.ts'
import { ConnectionNotes } from '../connection-notes.ts'
import { pause } from '../pause.ts'
import type { ListingTaker } from '../pins.ts'
import type { Recorder } from '../recorder.ts'
import { ClientLines } from './client-lines.ts'
import { LineSplitter } from './lines.ts'
import { Outlet } from './outlet.ts'
import { ServerLines } from './server-lines.ts'
import { KILL_GRACE_MS, type ProcessEnd, type ServerProcess } from './server-process.ts'
import { HeldBytes, Tap } from './tap.ts'

/** The longest line of a server, bytes. */
const MAX_SERVER_LINE_BYTES = 128 * 1024 * 1024
/** How many bytes of a peer may wait for the log before its further lines wait too. */
const MAX_HELD_BYTES = 32 * 1024 * 1024
/** How long receipts and closing events may take once the server has ended: then the log is out, and the process ends. */
const SETTLE_DEADLINE_MS = 2_000
/** How long a client that is told to end may take to read what is left. */
const FLUSH_GRACE_MS = 250

/** What a gateway is made of. */
export interface StdioGatewayOptions {
  readonly context: ConnectionBase
  readonly gate: Gate
  readonly recorder: Pick<Recorder, 'note'>
  readonly pins: ListingTaker
  readonly server: ServerProcess
  readonly client: { readonly input: Readable; readonly output: Writable }
  /** Told of what should not happen: the run's chain ended before an event of this connection. */
  readonly fail: (error: unknown) => void
  readonly settleDeadlineMs?: number
}

/** Carries one connection until the server has ended. */
export class StdioGateway {
  readonly #options: StdioGatewayOptions
  readonly #notes: ConnectionNotes
  readonly #fromClient: ClientLines
  readonly #fromServer: ServerLines
  readonly #toClient: Outlet
  /** Set when the server has ended: no line of the client is taken any more. */
  #isOver = false
  /** Called by `stop`. */
  #stopping: () => void = () => undefined
  readonly #stopped = new Promise<void>((resolve) => {
    this.#stopping = resolve
  })

  constructor(options: StdioGatewayOptions) {
    const { gate, fail, client, server, recorder, pins } = options
    this.#options = options
    const connection = new Connection(options.context)
    this.#notes = new ConnectionNotes({ connection, recorder, pins, transport: 'stdio', fail })
    const [clientTap, serverTap] = [new Tap(client.input), new Tap(server.output)]
    const toServer = new Outlet({ stream: server.input, source: clientTap })
    this.#toClient = new Outlet({ stream: client.output, source: serverTap, other: clientTap })
    this.#fromClient = new ClientLines({
      connection,
      gate,
      held: new HeldBytes(clientTap, MAX_HELD_BYTES),
      toServer: (bytes) => toServer.write(bytes),
      toClient: (text) => this.#toClient.write(`${text}\n`),
      observed: (method, bytes) => this.#notes.observed('client', method, bytes),
      fail,
    })
    this.#fromServer = new ServerLines({
      connection,
      gate,
      held: new HeldBytes(serverTap, MAX_HELD_BYTES),
      toClient: (bytes) => this.#toClient.write(bytes),
      answered: (request, answer, bytes) => this.#notes.answered(request, answer, bytes),
      asked: (message, bytes) => this.#notes.asked(message, bytes),
      withheld: (what, bytes) => this.#notes.observed('server', what, bytes),
      fail,
    })
  }

  /** Resolves with the server's end once every answer is delivered and every event is handed to the run's chain. */
  async run(): Promise<ProcessEnd> {
    const { client, server, fail, settleDeadlineMs = SETTLE_DEADLINE_MS } = this.#options
    this.#readClient()
    const serverLines = this.#readServer()
    const end = await server.ended
    this.#isOver = true
    client.input.destroy()
    const rest = serverLines.end()
    if (rest !== undefined) this.#fromServer.take(rest)
    await Promise.race([this.#settle().catch(fail), pause(settleDeadlineMs)])
    await Promise.race([this.#toClient.flushed(), this.#stopped.then(() => pause(FLUSH_GRACE_MS))])
    return end
  }

  /** Passes a signal on; a server that does not end is killed, since the client will not wait for longer. */
  stop(signal: NodeJS.Signals): void {
    const { server } = this.#options
    this.#stopping()
    server.kill(signal)
    setTimeout(() => server.kill('SIGKILL'), KILL_GRACE_MS).unref()
  }

  #readClient(): void {
    const { client, server } = this.#options
    const lines = new LineSplitter()
    client.input.on('data', (chunk: Buffer) => {
      for (const line of lines.push(chunk)) if (!this.#isOver) this.#fromClient.take(line)
    })
    const ended = (): void => void this.#clientEnded(lines)
    client.input.once('end', ended).once('close', ended)
    // A pipe that breaks is closed: what is under way is still recorded.
    client.input.on('error', () => client.input.destroy())
    client.output.on('error', () => client.input.destroy())
    // A server that takes nothing any more: the client's next write fails, as it would without a gateway.
    server.input.on('error', () => client.input.destroy())
  }

  #readServer(): LineSplitter {
    const { server } = this.#options
    const lines = new LineSplitter(MAX_SERVER_LINE_BYTES)
    server.output.on('data', (chunk: Buffer) => {
      for (const line of lines.push(chunk)) {
        if (line === 'oversize')
          this.#notes.observed('server', `a line over ${MAX_SERVER_LINE_BYTES} bytes`, MAX_SERVER_LINE_BYTES)
        else this.#fromServer.take(line)
      }
    })
    server.output.on('error', () => server.output.destroy())
    return lines
  }

  async #clientEnded(lines: LineSplitter): Promise<void> {
    const rest = lines.end()
    if (rest !== undefined && !this.#isOver) this.#fromClient.take(rest)
    this.#fromClient.leave()
    // Calls that are being decided go out before the server sees the end of its input.
    await this.#fromClient.settled()
    this.#options.server.input.end()
  }

  async #settle(): Promise<void> {
    this.#fromClient.leave()
    await this.#fromClient.settled()
    await this.#fromServer.settled()
    await this.#fromServer.lost()
    await this.#notes.closed('the server ended')
  }
}
