// Clients for benches: as little work a call as can be, so that what is measured is the way and not the client.
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import type { Readable, Writable } from 'node:stream'

/** Calls the tool `echo`. */
export interface BenchClient {
  /** The process behind the connection; undefined where memory is of no interest. */
  readonly pid: number | undefined
  /** Resolves when the answer is here; rejects where it is a refusal. */
  call(text: string): Promise<void>
  close(): Promise<void>
}

const INITIALIZE = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } }
const LF = 0x0a

/** A client on stdio. */
export class StdioBenchClient implements BenchClient {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #waiting = new Map<number, { readonly resolve: () => void; readonly reject: (error: Error) => void }>()
  #rest: Buffer[] = []
  #lastId = 0

  private constructor(command: readonly string[], environment: NodeJS.ProcessEnv) {
    const [program = '', ...args] = command
    const env = { ...process.env, ...environment }
    this.#child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child.stdout.on('data', (chunk: Buffer) => this.#take(chunk))
  }

  /** Starts a server's or a gateway's command and initialises. */
  static async start(command: readonly string[], environment: NodeJS.ProcessEnv): Promise<StdioBenchClient> {
    const client = new StdioBenchClient(command, environment)
    await client.#request('initialize', INITIALIZE)
    client.#child.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
    return client
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  call(text: string): Promise<void> {
    return this.#request('tools/call', { name: 'echo', arguments: { text } })
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'close')
    this.#child.stdin.end()
    await ended
  }

  #request(method: string, params: object): Promise<void> {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
    })
  }

  #take(chunk: Buffer): void {
    let start = 0
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      this.#rest.push(chunk.subarray(start, end))
      start = end + 1
      this.#answer(Buffer.concat(this.#rest.splice(0)).toString('utf8'))
    }
    if (start < chunk.length) this.#rest.push(chunk.subarray(start))
  }

  #answer(line: string): void {
    const { id } = JSON.parse(line) as { readonly id: number }
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (isRefusal(line)) waiting?.reject(new Error(line.slice(0, 500)))
    else waiting?.resolve()
  }
}

/** A client on Streamable HTTP. */
export class HttpBenchClient implements BenchClient {
  readonly pid: number | undefined
  readonly #url: URL
  readonly #agent = new Agent({ keepAlive: true })
  #lastId = 0

  private constructor(url: string, pid: number | undefined) {
    this.#url = new URL(url)
    this.pid = pid
  }

  /** Initialises at a URL. */
  static async start(url: string, pid?: number): Promise<HttpBenchClient> {
    const client = new HttpBenchClient(url, pid)
    await client.#request('initialize', INITIALIZE)
    return client
  }

  call(text: string): Promise<void> {
    return this.#request('tools/call', { name: 'echo', arguments: { text } })
  }

  async close(): Promise<void> {
    this.#agent.destroy()
  }

  #request(method: string, params: object): Promise<void> {
    const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: ++this.#lastId, method, params }))
    const headers = {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'content-length': body.length,
    }
    return new Promise((resolve, reject) => {
      const outgoing = request(this.#url, { method: 'POST', agent: this.#agent, headers }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8')
          if (response.statusCode !== 200 || isRefusal(text)) reject(new Error(text.slice(0, 500)))
          else resolve()
        })
      })
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  }
}

function isRefusal(text: string): boolean {
  return text.includes('"isError":true') || text.includes('"error":{')
}
