// A raw byte client of an MCP server over stdio: sends exactly what it is told, keeps exactly what comes.
import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'

const PATIENCE_MS = 20_000

/** An answer as tests look at it. */
export interface Answer {
  readonly id?: string | number | null
  readonly result?: {
    readonly isError?: boolean
    readonly resultType?: string
    readonly content?: readonly { readonly text: string }[]
  }
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown }
}

/** How a process ended. */
export interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** One client and the process that it speaks to. */
export class RawClient {
  readonly ended: Promise<End>
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>
  stderr = ''
  #received: Buffer[] = []
  readonly #answers: Answer[] = []
  /** The start of a line whose end has not come. */
  #line: Buffer[] = []
  #wake: () => void = () => undefined
  #isOver = false
  #lastId = 0

  constructor(command: readonly string[], environment: NodeJS.ProcessEnv) {
    const [program = '', ...args] = command
    this.child = spawn(program, args, { env: environment, stdio: ['pipe', 'pipe', 'pipe'] })
    this.child.stdout.on('data', (chunk: Buffer) => {
      this.#take(chunk)
      this.#wake()
    })
    this.child.stderr.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString()
      this.#wake()
    })
    // A process that is gone takes nothing any more: what it came to is in `ended`.
    this.child.stdin.on('error', () => this.child.stdin.destroy())
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        this.#isOver = true
        resolve({ code, signal })
        this.#wake()
      })
    })
  }

  /** Everything received so far. */
  get received(): Buffer {
    const all = Buffer.concat(this.#received)
    this.#received = [all]
    return all
  }

  /** Every complete line received so far that is JSON. */
  get answers(): readonly Answer[] {
    return this.#answers
  }

  /** Sends bytes as they are, or a message as one line. */
  send(message: Buffer | string | object): void {
    const isRaw = typeof message === 'string' || Buffer.isBuffer(message)
    this.child.stdin.write(isRaw ? message : `${JSON.stringify(message)}\n`)
  }

  /** Resolves when something holds; fails when the process ends before or PATIENCE_MS pass. */
  async until(holds: () => boolean): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS
    while (!holds()) {
      assert.ok(!this.#isOver, `the process ended before: ${this.stderr}`)
      const left = deadline - Date.now()
      assert.ok(left > 0, `waited for too long; received ${this.received.length} bytes; ${this.stderr}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  /** The answer with an id, once it is here. */
  async answerTo(id: string | number | null): Promise<Answer> {
    let found: Answer | undefined
    await this.until(() => {
      found = this.answers.find((answer) => answer.id === id)
      return found !== undefined
    })
    assert.ok(found)
    return found
  }

  /** Sends a request and resolves with its answer. */
  async request(method: string, params: object = {}): Promise<Answer> {
    const id = ++this.#lastId
    this.send({ jsonrpc: '2.0', id, method, params })
    return this.answerTo(id)
  }

  /** Calls a tool. */
  call(name: string, args: object = {}): Promise<Answer> {
    return this.request('tools/call', { name, arguments: args })
  }

  /** Initialises as `test-client/1.0`. */
  async initialize(): Promise<Answer> {
    const clientInfo = { name: 'test-client', version: '1.0' }
    const answer = await this.request('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo })
    this.send({ jsonrpc: '2.0', method: 'notifications/initialized' })
    return answer
  }

  /** Kills the process, if it still runs, and lets go of its pipes, which a process of its own may hold. */
  async abandon(): Promise<void> {
    this.child.kill('SIGKILL')
    for (const stream of [this.child.stdin, this.child.stdout, this.child.stderr]) stream.destroy()
    await this.ended
  }

  #take(chunk: Buffer): void {
    this.#received.push(chunk)
    this.#line.push(chunk)
    if (!chunk.includes(0x0a)) return
    const whole = Buffer.concat(this.#line)
    const end = whole.lastIndexOf(0x0a) + 1
    const lines = whole.toString('utf8', 0, end).split('\n')
    this.#answers.push(...lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Answer))
    this.#line = [whole.subarray(end)]
  }

  /** Ends the input and resolves with how the process ended. */
  end(): Promise<End> {
    this.child.stdin.end()
    return this.ended
  }
}
