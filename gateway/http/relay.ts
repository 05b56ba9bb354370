// Carries a response to the client, byte for byte and message by message, as soon as each message may pass.
import { systemCode, ToolwardenError } from '../../events/errors.ts'
import { LineSplitter } from '../stdio/lines.ts'
import type { AnswerRoom } from './answer-room.ts'
import { type EventBlock, EventSplitter } from './event-splitter.ts'
import { endToEndHeaders, type HeaderList } from './headers.ts'
import type { HttpLimits } from './limits.ts'
import type { Peer } from './peer.ts'
import type { Reply } from './reply.ts'
import type { Framing } from './response-rules.ts'
import type { ServerAnswers } from './server-answers.ts'
import type { UpstreamResponse } from './upstream.ts'

/** How a response ended: whole, cut off by the server's end, or refused for what the server sent. */
export type RelayEnd = 'complete' | 'cut' | 'refused'

/** What a relay works with. */
export interface RelayOptions {
  readonly response: UpstreamResponse
  readonly framing: Framing
  readonly reply: Reply
  readonly answers: ServerAnswers
  readonly peer: Peer
  readonly limits: Pick<HttpLimits, 'answerBytes' | 'longAnswerBytes'>
  /** What is in hand of the response. */
  readonly held: ReturnType<AnswerRoom['hold']>
  /** Fields that are taken out of the response. */
  readonly dropped: ReadonlySet<string>
  /** How long the head waits for the first event; only where that could be the `endpoint` of the old transport. */
  readonly headDelayMs: number
  /** Records the outcome of a call whose response is no JSON-RPC message; resolves at once where there is no such call. */
  readonly settleForeign: (content: Buffer) => Promise<void>
}

/** What Python's `splitlines`, by which some clients read events, takes for line ends beside CR and LF. */
const ODD_LINE_ENDS = new Set([0x0b, 0x0c, 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029])

/** Relays one response. */
export class Relay {
  readonly #options: RelayOptions
  /** Whether an event had an id, so that the client may resume the stream. */
  #isResumable = false

  constructor(options: RelayOptions) {
    this.#options = options
  }

  /** Whether what is missing can still come on a resumed stream. */
  get isResumable(): boolean {
    return this.#isResumable && this.#options.peer.sessionId !== undefined
  }

  /** Resolves when nothing more will come. */
  async run(): Promise<RelayEnd> {
    const { framing, reply } = this.#options
    try {
      const end = await this.#relay(framing)
      if (end === 'complete') reply.end()
      return end
    } catch (error) {
      if (!(error instanceof Error)) throw error
      return this.#cutOff(error)
    } finally {
      this.#options.held.release()
      this.#options.response.close()
    }
  }

  #relay(framing: Framing): Promise<RelayEnd> {
    if (this.#options.reply.isHeld && framing !== 'events') return this.#relayAsEvent()
    switch (framing) {
      case 'events':
        return this.#relayEvents()
      case 'lines':
        return this.#relayLines()
      case 'json':
        return this.#relayWhole()
      case 'opaque':
        return this.#relayOpaque()
    }
  }

  async #relayEvents(): Promise<RelayEnd> {
    const { response, reply, limits, held, headDelayMs } = this.#options
    const splitter = new EventSplitter(limits.longAnswerBytes)
    const timer = setTimeout(() => this.#sendHead(['content-length']), headDelayMs)
    if (headDelayMs === 0) this.#sendHead(['content-length'])
    try {
      for await (const chunk of response.body) {
        for (const block of splitter.push(chunk)) {
          if (block === 'oversize') return this.#refuse('an event is over the limit')
          if (block.name === 'endpoint') return this.#refuse('the server speaks the old HTTP+SSE transport')
          this.#sendHead(['content-length'])
          if (await this.#passes(block)) await reply.write(block.bytes)
        }
        await held.grow(splitter.pendingBytes)
      }
    } finally {
      clearTimeout(timer)
    }
    this.#sendHead(['content-length'])
    return 'complete'
  }

  async #passes(block: EventBlock): Promise<boolean> {
    if (block.id !== undefined) this.#isResumable = true
    if (hidesEvent(block.bytes.toString('utf8'))) return this.#withhold('an event inside another', block.bytes)
    if (block.data === undefined || block.data.length === 0) return true
    const verdict = await this.#options.answers.take(block.data)
    return verdict.passes || this.#withhold(verdict.why, block.bytes)
  }

  async #relayLines(): Promise<RelayEnd> {
    const { response, limits, held } = this.#options
    const lines = new LineSplitter(limits.longAnswerBytes)
    this.#sendHead(['content-length'])
    for await (const chunk of response.body) {
      for (const line of lines.push(chunk)) {
        if (line === 'oversize') return this.#refuse('a line is over the limit')
        await this.#takeLine(line.content, line.bytes)
      }
      await held.grow(lines.pendingBytes)
    }
    const rest = lines.end()
    if (rest !== undefined) await this.#takeLine(rest.content, rest.bytes)
    return 'complete'
  }

  async #takeLine(content: Buffer, bytes: Buffer): Promise<void> {
    const verdict = await this.#options.answers.take(content)
    if (verdict.passes) await this.#options.reply.write(bytes)
    else this.#withhold(verdict.why, bytes)
  }

  /** Above `answerBytes` it goes out as it comes but for its end, without which it is no JSON text. */
  async #relayWhole(): Promise<RelayEnd> {
    const { response, reply, limits, held } = this.#options
    const chunks: Buffer[] = []
    let size = 0
    let tail: Buffer | undefined
    for await (const chunk of response.body) {
      chunks.push(chunk)
      size += chunk.length
      if (size > limits.longAnswerBytes) return this.#refuse('an answer is over the limit')
      await held.grow(size)
      if (size <= limits.answerBytes) continue
      const ready = tail === undefined ? Buffer.concat(chunks) : Buffer.concat([tail, chunk])
      const end = lastTokenOf(ready)
      tail = ready.subarray(end)
      this.#sendHead([])
      await reply.write(ready.subarray(0, end))
    }
    return this.#releaseWhole(Buffer.concat(chunks), tail)
  }

  async #releaseWhole(content: Buffer, tail: Buffer | undefined): Promise<RelayEnd> {
    const { reply, answers, settleForeign } = this.#options
    const verdict = await answers.take(content)
    if (!verdict.passes) {
      this.#withhold(verdict.why, content)
      return this.#refuse(verdict.why)
    }
    if (!verdict.isAnswer && content.length > 0) await settleForeign(content)
    this.#startHead([])
    await reply.write(tail ?? content)
    reply.flush()
    return 'complete'
  }

  /** The client reads events since its call was held: the one message of the response becomes one. */
  async #relayAsEvent(): Promise<RelayEnd> {
    const { response, reply, answers, limits, settleForeign } = this.#options
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of response.body) {
      chunks.push(chunk)
      size += chunk.length
      if (size > limits.longAnswerBytes) return this.#refuse('an answer is over the limit')
    }
    const content = Buffer.concat(chunks)
    const verdict = await answers.take(content)
    if (!verdict.passes) {
      this.#withhold(verdict.why, content)
      return this.#refuse(verdict.why)
    }
    if (!verdict.isAnswer) {
      await settleForeign(content)
      return this.#refuse(`the server answered with status ${response.status} and no message`)
    }
    await reply.answerHeld(content)
    return 'complete'
  }

  /** No client reads messages in it, so that nothing in it can be an answer. */
  async #relayOpaque(): Promise<RelayEnd> {
    const { response, reply, settleForeign } = this.#options
    await settleForeign(Buffer.alloc(0))
    this.#sendHead([])
    for await (const chunk of response.body) await reply.write(chunk)
    return 'complete'
  }

  #sendHead(others: readonly string[]): void {
    this.#startHead(others)
    this.#options.reply.flush()
  }

  /** The head then leaves together with what is written next. */
  #startHead(others: readonly string[]): void {
    const { response, reply, dropped } = this.#options
    if (reply.hasHead) return
    const fields: HeaderList = endToEndHeaders(response.headers, new Set([...dropped, ...others]))
    reply.head(response.status, response.statusText, fields)
  }

  #withhold(why: string, bytes: Buffer): false {
    this.#options.peer.notes.observed('server', why, bytes.length)
    return false
  }

  #refuse(why: string): RelayEnd {
    const { reply, peer } = this.#options
    peer.notes.observed('server', why, 0)
    if (reply.hasHead) reply.destroy()
    return 'refused'
  }

  /** The server is gone in the middle: the client sees the same, unless nothing has reached it yet. */
  #cutOff(error: Error): RelayEnd {
    const { reply } = this.#options
    if (!isStreamError(error)) throw error
    if (reply.hasHead) reply.destroy()
    return 'cut'
  }
}

/** Whether a client with other line ends would find a `data` field where there is none. */
function hidesEvent(text: string): boolean {
  for (let index = text.indexOf('data:', 1); index !== -1; index = text.indexOf('data:', index + 1))
    if (ODD_LINE_ENDS.has(text.charCodeAt(index - 1))) return true
  return false
}

/** Where the last byte stands that is not white space: what follows it closes nothing. */
function lastTokenOf(bytes: Buffer): number {
  let end = bytes.length - 1
  while (end > 0 && WHITE_SPACE.has(bytes[end] ?? 0)) end--
  return Math.max(0, end)
}

const WHITE_SPACE = new Set([0x20, 0x09, 0x0a, 0x0d])

function isStreamError(error: Error): boolean {
  return !(error instanceof ToolwardenError) && systemCode(error) !== undefined
}
