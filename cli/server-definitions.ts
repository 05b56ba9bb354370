// Asks a server for its tools as a client would, for `pin --from-server` with digests of the exact bytes of its answers.
// By hand, as an SDK client gives back parsed values, in which large integers and double keys are lost.

import { ToolwardenError } from '../events/errors.ts'
import { INSTRUCTIONS } from '../events/pin-subject.ts'
import { type MessageValue, memberBytes, readServerMessage } from '../gateway/message.ts'
import { ShownTools } from '../gateway/shown-tools.ts'
import { LineSplitter } from '../gateway/stdio/lines.ts'
import type { ServerProcess } from '../gateway/stdio/server-process.ts'
import { MAX_LIST_BYTES, MAX_TOOLS, readServerStatement, readToolPage } from '../gateway/tool-list.ts'
import { softwareName } from './version.ts'

/** How long one answer may take. */
const ANSWER_DEADLINE_MS = 30_000
/** The most pages of one list. */
const MAX_PAGES = 1_000
const METHOD_NOT_FOUND = -32601
const PROTOCOL_VERSION = '2025-11-25'

/** A definition as the server gives it now. */
export interface CurrentDefinition {
  readonly tool: string
  readonly digest: string
}

interface Result {
  readonly bytes: Buffer
  readonly value: MessageValue
}

/** The server's tools and instructions. Throws UPSTREAM_UNAVAILABLE where it does not answer in time, or with an error. */
export async function readServerDefinitions(server: ServerProcess): Promise<readonly CurrentDefinition[]> {
  const conversation = new Conversation(server)
  const { instructions } = readServerStatement((await initialize(conversation)).bytes)
  const found = new Map<string, string>(instructions === undefined ? [] : [[INSTRUCTIONS, instructions]])
  const shown = new ShownTools()
  for await (const { bytes, isFirst } of readPages(conversation)) {
    for (const { tool, digest } of shown.take(readToolPage(bytes), isFirst).fresh) found.set(tool, digest)
    if (found.size > MAX_TOOLS) throw endless()
  }
  return Array.from(found, ([tool, digest]) => ({ tool, digest }))
}

/** The server's tools as it describes them, unchecked. Throws UPSTREAM_UNAVAILABLE as above. */
export async function readServerTools(server: ServerProcess): Promise<readonly unknown[]> {
  const conversation = new Conversation(server)
  await initialize(conversation)
  const found: unknown[] = []
  for await (const { value } of readPages(conversation)) {
    if (Array.isArray(value.tools)) found.push(...(value.tools as readonly unknown[]))
    if (found.length > MAX_TOOLS) throw endless()
  }
  return found
}

async function initialize(conversation: Conversation): Promise<Result> {
  const [name = '', version = ''] = softwareName().split('/')
  const about = await conversation.request('initialize', {
    protocolVersion: PROTOCOL_VERSION,
    capabilities: {},
    clientInfo: { name, version },
  })
  conversation.send({ jsonrpc: '2.0', method: 'notifications/initialized' })
  return about
}

/** The pages of the server's list, to its end. */
async function* readPages(conversation: Conversation): AsyncGenerator<Result & { readonly isFirst: boolean }> {
  let cursor: unknown
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const page = await conversation.request('tools/list', cursor === undefined ? {} : { cursor })
    yield { ...page, isFirst: cursor === undefined }
    cursor = page.value.nextCursor
    if (readToolPage(page.bytes).isLast) return
    if (page.bytes.length > MAX_LIST_BYTES || typeof cursor !== 'string') break
  }
  throw endless()
}

function endless(): ToolwardenError {
  return unavailable('its list of tools has no end, or is too large')
}

/** One client's side, a request at a time. */
class Conversation {
  readonly #server: ServerProcess
  readonly #answers = new Map<number, (result: Result | Error) => void>()
  #lastId = 0

  constructor(server: ServerProcess) {
    this.#server = server
    const lines = new LineSplitter()
    server.output.on('data', (chunk: Buffer) => {
      for (const line of lines.push(chunk)) if (line !== 'oversize') this.#take(line.content)
    })
    // A server that is gone takes nothing: its end is told to whoever waits.
    server.input.on('error', () => server.input.destroy())
    void server.ended.then(() => this.#end())
  }

  send(message: object): void {
    this.#server.input.write(`${JSON.stringify(message)}\n`)
  }

  async request(method: string, params: object): Promise<Result> {
    const id = ++this.#lastId
    let timer: NodeJS.Timeout | undefined
    const answer = new Promise<Result | Error>((resolve) => {
      this.#answers.set(id, resolve)
      timer = setTimeout(
        () => resolve(unavailable(`no answer to ${method} within ${ANSWER_DEADLINE_MS} ms`)),
        ANSWER_DEADLINE_MS,
      )
    })
    this.send({ jsonrpc: '2.0', id, method, params })
    const result = await answer.finally(() => clearTimeout(timer))
    this.#answers.delete(id)
    if (result instanceof Error) throw result
    return result
  }

  #take(content: Buffer): void {
    const message = readServerMessage(content)
    if (message === 'foreign' || message === 'suspect') return
    if (message.kind === 'request') return this.send({ jsonrpc: '2.0', id: message.id, ...answerTo(message.method) })
    if (message.kind !== 'response' || typeof message.id !== 'number') return
    const bytes = memberBytes(content, message.shape, 'result')
    const value = message.value.result
    const isResult = bytes !== undefined && typeof value === 'object' && value !== null
    const result = isResult ? { bytes, value: value as MessageValue } : unavailable('it answered with an error')
    this.#answers.get(message.id)?.(result)
  }

  #end(): void {
    for (const settle of this.#answers.values()) settle(unavailable('it ended before it answered'))
  }
}

/** Nothing that a server asks its client for is there. */
function answerTo(method: string): object {
  return method === 'ping' ? { result: {} } : { error: { code: METHOD_NOT_FOUND, message: 'not supported' } }
}

function unavailable(why: string): ToolwardenError {
  return new ToolwardenError('UPSTREAM_UNAVAILABLE', `the server could not be asked for its tools: ${why}`, {
    fix: 'start it by hand with the same words, and look at what it says',
  })
}
