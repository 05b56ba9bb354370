// An MCP server over HTTP as if it were a process on stdin and stdout: what a stdio client's gateway speaks to with
// `--upstream https://…`. Each line becomes a POST; every message of a response becomes a line.
import { PassThrough, Writable } from 'node:stream'
import { UNKNOWN_OUTCOME_CODE } from '../answer.ts'
import { isModern, PROTOCOL_VERSION_KEY } from '../connection.ts'
import { asObject, type Message, type MessageValue, readClientMessage, readServerMessage } from '../message.ts'
import { pause } from '../pause.ts'
import { errorMessage } from '../refusal.ts'
import { LineSplitter, MAX_LINE_BYTES } from '../stdio/lines.ts'
import type { ProcessEnd, ServerProcess } from '../stdio/server-process.ts'
import { EventSplitter } from './event-splitter.ts'
import { findHeader, type HeaderList } from './headers.ts'
import { MirroredArguments } from './mirrored-arguments.ts'
import { encodeMirrored, mirroredName } from './mirrored-headers.ts'
import { findResponseProblem, framingOf } from './response-rules.ts'
import type { Upstream, UpstreamResponse } from './upstream.ts'

/** The largest answer of a server, bytes. */
const MAX_ANSWER_BYTES = 128 * 1024 * 1024
/** How long what is under way may take once the client has ended its input. */
const END_GRACE_MS = 1_000
/** How often a stream that ended before its answer is resumed, and after how long. */
const MAX_RESUMES = 5
const RESUME_MS = 1_000
/** JSON-RPC code where nothing reached the server. */
const UNREACHABLE_CODE = -32000

type Request = Extract<Message, { kind: 'request' }>

/** Speaks to one server for one client. */
export class RemoteServer implements ServerProcess {
  readonly input: Writable
  readonly output = new PassThrough()
  readonly ended: Promise<ProcessEnd>
  readonly #upstream: Upstream
  readonly #dropped: ReadonlySet<string>
  readonly #stopping = new AbortController()
  readonly #running = new Set<Promise<void>>()
  /** Learnt from lists as they pass. */
  readonly #mirrored = new MirroredArguments()
  #resolveEnd: (end: ProcessEnd) => void = () => undefined
  #sessionId: string | undefined
  #version: string | undefined

  constructor(upstream: Upstream, dropped: ReadonlySet<string>) {
    this.#upstream = upstream
    this.#dropped = dropped
    this.ended = new Promise((resolve) => {
      this.#resolveEnd = resolve
    })
    const lines = new LineSplitter(MAX_LINE_BYTES)
    this.input = new Writable({
      write: (chunk: Buffer, _, done) => {
        this.#takeLines([...lines.push(chunk)].flatMap((line) => (line === 'oversize' ? [] : [line.content]))).then(
          () => done(),
          done,
        )
      },
      final: (done) => {
        this.#finish().then(() => done(), done)
      },
    })
  }

  kill(signal: NodeJS.Signals): void {
    this.#stopping.abort()
    this.output.end()
    this.#resolveEnd({ signal })
  }

  async #takeLines(lines: readonly Buffer[]): Promise<void> {
    for (const line of lines) await this.#takeLine(line)
  }

  /** A request goes its own way; all else, and what begins the session, is over before the next line goes out. */
  async #takeLine(line: Buffer): Promise<void> {
    const message = readClientMessage(line)
    if (message.kind === 'unreadable') return
    const work = this.#post(line, message).finally(() => this.#running.delete(work))
    this.#running.add(work)
    if (message.kind !== 'request' || message.method === 'initialize') await work
  }

  async #post(line: Buffer, message: Message): Promise<void> {
    const headers = [...this.#headers(), ...mirroredHeaders(message, this.#mirrored)]
    const signal = this.#stopping.signal
    const answer = await this.#upstream.exchange({ method: 'POST', headers, body: line, signal })
    const request = message.kind === 'request' ? message : undefined
    if (answer.type === 'lost')
      return this.#fail(request, answer.why, answer.isForwarded ? UNKNOWN_OUTCOME_CODE : UNREACHABLE_CODE)
    const problem = findResponseProblem(answer.status, answer.headers, this.#dropped)
    if (problem !== undefined) {
      answer.close()
      return this.#fail(request, problem)
    }
    if (request?.method === 'initialize') this.#sessionId = findHeader(answer.headers, 'mcp-session-id')
    const isAnswered = await this.#readAnswer(answer, request)
    if (!isAnswered) this.#fail(request, `the server answered with status ${answer.status} and no message`)
    if (message.kind === 'notification' && message.method === 'notifications/initialized') this.#listen()
  }

  async #readAnswer(answer: UpstreamResponse, request: Request | undefined): Promise<boolean> {
    let { isAnswered, lastId } = await this.#read(answer, request)
    for (let turn = 0; turn < MAX_RESUMES && !isAnswered && request !== undefined && lastId !== undefined; turn++) {
      await pause(RESUME_MS)
      const next = await this.#get(lastId)
      if (next === undefined) break
      const read = await this.#read(next, request)
      isAnswered = read.isAnswered
      lastId = read.lastId ?? lastId
    }
    return isAnswered || request === undefined
  }

  /** Reads a response to its end; a server that dies on the way has not answered. */
  async #read(
    response: UpstreamResponse,
    request: Request | undefined,
  ): Promise<{ isAnswered: boolean; lastId: string | undefined }> {
    let isAnswered = false
    let lastId: string | undefined
    try {
      for await (const { data, id } of messagesOf(response)) {
        lastId = id ?? lastId
        if (data.length === 0) continue
        const message = readServerMessage(data)
        if (message === 'foreign') continue
        if (message !== 'suspect' && message.kind === 'response' && message.id === request?.id) {
          isAnswered = true
          if (request.method === 'initialize') this.#version = versionOf(message.value)
          if (request.method === 'tools/list') this.#mirrored.learn(message.value)
        }
        this.#write(data)
      }
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error
    }
    return { isAnswered, lastId }
  }

  /** The stream of what no request asked for (MCP 2025-11-25); servers need not have one. */
  #listen(): void {
    const listen = async (): Promise<void> => {
      const stream = await this.#get(undefined)
      if (stream !== undefined) await this.#read(stream, undefined)
    }
    void listen()
  }

  async #get(lastId: string | undefined): Promise<UpstreamResponse | undefined> {
    const resumed: HeaderList = lastId === undefined ? [] : [['Last-Event-ID', lastId]]
    const headers = [...this.#headers().filter(([name]) => name !== 'Content-Type'), ...resumed]
    const answer = await this.#upstream.exchange({
      method: 'GET',
      headers,
      body: undefined,
      signal: this.#stopping.signal,
    })
    if (answer.type === 'lost') return undefined
    const isStream = answer.status === 200 && framingOf(answer.headers) === 'events'
    if (isStream && findResponseProblem(answer.status, answer.headers, this.#dropped) === undefined) return answer
    answer.close()
    return undefined
  }

  async #finish(): Promise<void> {
    await Promise.race([Promise.allSettled(this.#running), pause(END_GRACE_MS)])
    if (this.#sessionId !== undefined) {
      const signal = AbortSignal.timeout(END_GRACE_MS)
      const answer = await this.#upstream.exchange({
        method: 'DELETE',
        headers: this.#headers(),
        body: undefined,
        signal,
      })
      if (answer.type === 'response') answer.close()
    }
    this.#stopping.abort()
    await this.#upstream.close()
    this.output.end()
    this.#resolveEnd({ code: 0 })
  }

  #fail(request: Request | undefined, why: string, code = UNKNOWN_OUTCOME_CODE): void {
    if (request !== undefined) this.#write(Buffer.from(errorMessage(request.id, code, why)))
  }

  /** A message may be laid out over lines; between the tokens of JSON, line ends and blanks are the same. */
  #write(data: Buffer): void {
    if (!this.output.writable) return
    const line = Buffer.concat([data, Buffer.from('\n')])
    for (let index = 0; index < data.length; index++)
      if (line[index] === 0x0a || line[index] === 0x0d) line[index] = 0x20
    this.output.write(line)
  }

  #headers(): HeaderList {
    return [
      ['Content-Type', 'application/json'],
      ['Accept', 'application/json, text/event-stream'],
      ...(this.#sessionId === undefined ? [] : [['Mcp-Session-Id', this.#sessionId] as const]),
      ...(this.#version === undefined ? [] : [['MCP-Protocol-Version', this.#version] as const]),
    ]
  }
}

async function* messagesOf(
  response: UpstreamResponse,
): AsyncGenerator<{ readonly data: Buffer; readonly id: string | undefined }> {
  const framing = framingOf(response.headers)
  if (framing === 'events') {
    const splitter = new EventSplitter(MAX_ANSWER_BYTES)
    for await (const chunk of response.body)
      for (const block of splitter.push(chunk)) {
        if (block === 'oversize') return response.close()
        if (block.name !== 'endpoint') yield { data: block.data ?? Buffer.alloc(0), id: block.id }
      }
    return
  }
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response.body) {
    size += chunk.length
    if (size > MAX_ANSWER_BYTES) return response.close()
    chunks.push(chunk)
  }
  yield { data: Buffer.concat(chunks), id: undefined }
}

/** What a modern request's fields say of it (SEP-2243). */
function mirroredHeaders(message: Message, mirrored: MirroredArguments): HeaderList {
  if (message.kind === 'response' || !isModern(message)) return []
  const version = asObject(asObject(message.value.params)?._meta)?.[PROTOCOL_VERSION_KEY]
  const name = mirroredName(message)
  return [
    ['MCP-Protocol-Version', String(version)],
    ['Mcp-Method', encodeMirrored(message.method)],
    ...(name === undefined ? [] : [['Mcp-Name', encodeMirrored(name)] as const]),
    ...mirrored.fieldsOf(message),
  ]
}

function versionOf(value: MessageValue): string | undefined {
  const version = asObject(value.result)?.protocolVersion
  return typeof version === 'string' && /^[\x21-\x7e]{1,64}$/.test(version) ? version : undefined
}
