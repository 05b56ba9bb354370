// Asks one witness for its cosignature (C2SP tlog-witness): with the size that it saw last, which it tells where we don't know
// it. Only a cosignature that holds counts. What a witness says is not believed: bodies, redirects and times have limits.
import { ToolwardenError } from '../../events/errors.ts'
import type { Checkpoint } from '../checkpoint.ts'
import { formatSignature, formatVerifierKey, parseNote, verifyNote } from '../note.ts'
import type { WitnessSettings } from '../settings.ts'
import { formatAddCheckpoint } from './add-checkpoint.ts'

/** The largest answer that is read, bytes. */
const MAX_ANSWER_BYTES = 64 * 1024
/** Sizes that a witness may name before it cosigns: the one that it saw, and once more if another process asked meanwhile. */
const MAX_CONFLICTS = 3

/** What a witness answered over HTTP. */
export interface WitnessReply {
  readonly status: number
  readonly text: string
}

/** Posts a body; rejects where there is no answer within the deadline of the signal. */
export type PostToWitness = (url: string, body: string, signal: AbortSignal) => Promise<WitnessReply>

/** A published checkpoint of this log, and how to show that it extends an older size. */
export interface Published extends Checkpoint {
  readonly note: string
  readonly consistency: (from: number) => Promise<readonly Buffer[]>
}

/** The line that a witness signed; or why there is none, and whether it saw another history than this log's. */
export type Cosigned =
  | { readonly line: string; readonly timestampSeconds: number }
  | { readonly problem: string; readonly isConflict: boolean }

/** One witness, and what is known of what it saw. */
export class WitnessClient {
  readonly settings: WitnessSettings
  readonly #post: PostToWitness
  /** The size that it cosigned last, as far as we know. */
  #seenSize = 0

  constructor(settings: WitnessSettings, post: PostToWitness) {
    this.settings = settings
    this.#post = post
  }

  /** What it is called in signatures. */
  get name(): string {
    return this.settings.vkey.name
  }

  /** Its public key as text: what it is told apart by. */
  get vkey(): string {
    return formatVerifierKey(this.settings.vkey)
  }

  /** Asks for a cosignature. Never throws for what a witness or the network does; throws TREE_INVALID for damaged tiles. */
  async cosign(published: Published, signal: AbortSignal): Promise<Cosigned> {
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
      const from = Math.min(this.#seenSize, published.size)
      const proof = from === 0 ? [] : await published.consistency(from)
      const reply = await this.#ask(formatAddCheckpoint(from, proof, published.note), signal)
      if ('problem' in reply) return reply
      if (reply.status === 200) return this.#accept(published, reply.text)
      const seen = reply.status === 409 ? sizeOf(reply.text) : undefined
      if (seen === undefined) return refusal(reply, from)
      if (seen > published.size)
        return {
          problem: `it saw ${seen} leaves, this log has ${published.size}: history was cut, or another log has its key`,
          isConflict: true,
        }
      this.#seenSize = seen
    }
    return { problem: 'it names another size each time', isConflict: false }
  }

  #accept({ note, size }: Published, text: string): Cosigned {
    const { vkey } = this.settings
    try {
      const signed = parseNote(note + text)
      const [own] = verifyNote(signed, [vkey])
      const last = signed.signatures.findLast(({ name, id }) => name === vkey.name && id === vkey.id)
      if (own?.timestampSeconds === undefined || last === undefined || signed.text !== parseNote(note).text)
        return { problem: 'its answer is no cosignature of this checkpoint', isConflict: false }
      this.#seenSize = size
      return { line: formatSignature(last), timestampSeconds: own.timestampSeconds }
    } catch (error) {
      if (!(error instanceof ToolwardenError)) throw error
      return { problem: `its answer is no cosignature: ${error.message}`, isConflict: false }
    }
  }

  async #ask(body: string, signal: AbortSignal): Promise<WitnessReply | Extract<Cosigned, { problem: string }>> {
    try {
      return await this.#post(`${this.settings.url}/add-checkpoint`, body, signal)
    } catch (error) {
      const reason = error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : ''
      return { problem: `no answer: ${reason}`, isConflict: false }
    }
  }
}

/** Posts with Node's fetch. No redirect is followed, and no more than a limit is read. */
export const postToWitness: PostToWitness = async (url, body, signal) => {
  const headers = { 'content-type': 'text/plain; charset=utf-8' }
  const response = await fetch(url, { method: 'POST', body, headers, redirect: 'error', signal })
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`an answer of more than ${MAX_ANSWER_BYTES} bytes`)
    chunks.push(chunk)
  }
  return { status: response.status, text: Buffer.concat(chunks).toString('utf8') }
}

function sizeOf(text: string): number | undefined {
  const size = Number(/^(0|[1-9]\d{0,15})\n$/.exec(text)?.[1])
  return Number.isSafeInteger(size) ? size : undefined
}

function refusal({ status, text }: WitnessReply, from: number): Cosigned {
  // For people, on a terminal: no more than a line, and nothing that moves the cursor.
  const said =
    text
      .split('\n')[0]
      ?.replaceAll(/[^\x20-\x7e]/g, '?')
      .slice(0, 200) ?? ''
  const isConflict = status === 422
  const what = isConflict ? `it saw another history than this one at ${from} leaves` : `it answered ${status}`
  return { problem: said === '' ? what : `${what}: ${said}`, isConflict }
}
