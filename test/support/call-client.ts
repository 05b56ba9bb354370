// An MCP client over stdio for any number of calls at once, whose process may be killed at any moment: a call is then lost.
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

/** What a call came to: the server's text, the gateway's refusal, or nothing since the process ended. */
export type CallEnd =
  | { readonly type: 'answered' | 'refused'; readonly text: string; readonly tookMs: number }
  | { readonly type: 'lost' }

interface Answer {
  readonly id: number
  readonly result?: { readonly isError?: boolean; readonly content?: readonly { readonly text: string }[] }
  readonly error?: { readonly message: string }
}

/** One client and its gateway's process. */
export class CallClient {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  stderr = ''
  readonly #waiting = new Map<number, (answer: Answer | undefined) => void>()
  #lastId = 0
  #isOver = false

  constructor(command: readonly string[], environment: NodeJS.ProcessEnv) {
    const [program = '', ...args] = command
    this.child = spawn(program, args, { env: environment, stdio: ['pipe', 'pipe', 'pipe'] })
    this.child.stderr.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString()
    })
    this.child.stdin.on('error', () => this.child.stdin.destroy())
    createInterface({ input: this.child.stdout }).on('line', (line) => this.#take(JSON.parse(line) as Answer))
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        this.#isOver = true
        for (const settle of this.#waiting.values()) settle(undefined)
        this.#waiting.clear()
        resolve({ code, signal })
      })
    })
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** False where the process ended before it answered. */
  async initialize(): Promise<boolean> {
    const clientInfo = { name: 'call-client', version: '1.0' }
    const answer = await this.#request('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo })
    this.#send({ jsonrpc: '2.0', method: 'notifications/initialized' })
    return answer !== undefined
  }

  /** Calls a tool with a number, which the counting server writes down. */
  async call(name: string, number: string): Promise<CallEnd> {
    const startedMs = performance.now()
    const answer = await this.#request('tools/call', { name, arguments: { number } })
    if (answer === undefined) return { type: 'lost' }
    const text = answer.error?.message ?? answer.result?.content?.[0]?.text ?? ''
    const isRefused = answer.error !== undefined || answer.result?.isError === true
    return { type: isRefused ? 'refused' : 'answered', text, tookMs: performance.now() - startedMs }
  }

  /** Closes the input; resolves when the process has ended. */
  end(): CallClient['ended'] {
    this.child.stdin.end()
    return this.ended
  }

  kill(signal: NodeJS.Signals): CallClient['ended'] {
    this.child.kill(signal)
    return this.ended
  }

  #request(method: string, params: object): Promise<Answer | undefined> {
    if (this.#isOver) return Promise.resolve(undefined)
    const id = ++this.#lastId
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      this.#send({ jsonrpc: '2.0', id, method, params })
    })
  }

  #send(message: object): void {
    this.child.stdin.write(`${JSON.stringify(message)}\n`)
  }

  #take(answer: Answer): void {
    this.#waiting.get(answer.id)?.(answer)
    this.#waiting.delete(answer.id)
  }
}
