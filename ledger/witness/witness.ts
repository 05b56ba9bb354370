// A witness (C2SP tlog-witness): cosigns checkpoints of the logs that it serves, each only where it extends what it cosigned
// before. So whoever sees its cosignature knows that nobody is shown another history. It never looks at what the events say.
import { cosignatureLine, formatSignature, formatVerifierKey, type VerifierKey } from '../note.ts'
import {
  type AddCheckpoint,
  findSignatureRefusal,
  findTreeRefusal,
  parseAddCheckpoint,
  type Refusal,
} from './add-checkpoint.ts'
import type { WitnessFiles } from './witness-files.ts'
import type { WitnessKey } from './witness-key.ts'

/** The most requests of one log that wait for each other. */
const MAX_WAITING = 32

/** What a witness works with. */
export interface WitnessOptions {
  readonly files: WitnessFiles
  readonly key: WitnessKey
  /** Those of the logs that it serves; several may have one origin, while a log changes its key. */
  readonly logKeys: readonly VerifierKey[]
  readonly nowSeconds: () => number
}

/** What it answers: a cosignature, or why there is none. */
export type WitnessAnswer =
  | { readonly cosignature: string }
  | Refusal
  | { readonly status: 429; readonly reason: string }

/** A running witness. */
export class Witness {
  readonly #options: WitnessOptions
  /** Of each log the request under way and how many there are: one at a time, from reading its state to keeping the new one. */
  readonly #queues = new Map<string, { last: Promise<unknown>; waiting: number }>()

  constructor(options: WitnessOptions) {
    this.#options = options
  }

  /** The public key, as others put it into their policies. */
  get vkey(): string {
    return formatVerifierKey(this.#options.key.verifier)
  }

  /** Answers the body of an add-checkpoint request. Rejects where what it saw can't be read or kept: then nothing is cosigned. */
  async addCheckpoint(body: string): Promise<WitnessAnswer> {
    const request = parseAddCheckpoint(body)
    if (request === undefined) return { status: 400, reason: 'not an add-checkpoint request' }
    // Before anything of the log is looked up, so that those without its key learn and hold up nothing.
    const refusal = findSignatureRefusal(request, this.#options.logKeys)
    return refusal ?? (await this.#inTurn(request))
  }

  /** The latest cosigned checkpoint of a log, by the hash of its origin. */
  async findCheckpoint(hash: string, hashOf: (origin: string) => string): Promise<string | undefined> {
    const origin = this.#options.logKeys.find(({ name }) => hashOf(name) === hash)?.name
    if (origin === undefined) return undefined
    return (await this.#options.files.seen(origin, this.#options.key.verifier))?.note
  }

  async #inTurn(request: AddCheckpoint): Promise<WitnessAnswer> {
    const { origin } = request.checkpoint
    const queue = this.#queues.get(origin) ?? { last: Promise.resolve(), waiting: 0 }
    this.#queues.set(origin, queue)
    if (queue.waiting >= MAX_WAITING) return { status: 429, reason: 'too many requests of this log are waiting' }
    queue.waiting++
    const answer = queue.last.then(() => this.#decide(request))
    queue.last = answer.catch(() => undefined).finally(() => queue.waiting--)
    return await answer
  }

  /** What was seen is read from the file each time: after a write that failed, it alone says what was persisted. */
  async #decide(request: AddCheckpoint): Promise<WitnessAnswer> {
    const { files, key, nowSeconds } = this.#options
    const { origin } = request.checkpoint
    const seen = await files.seen(origin, key.verifier)
    const refusal = findTreeRefusal(request, seen)
    if (refusal !== undefined) return refusal
    const { text, signatures } = request.note
    // A clock that was set back must not make a smaller tree look like the later one.
    const timestampSeconds = Math.max(nowSeconds(), seen?.timestampSeconds ?? 0)
    const cosignature = cosignatureLine(text, { name: key.name, key: key.pair, timestampSeconds })
    const logKeys = this.#options.logKeys.filter(({ name }) => name === origin)
    const signed = signatures
      .filter(({ name, id }) => logKeys.some((each) => each.name === name && each.id === id))
      .map(formatSignature)
    await files.keep(origin, `${text}\n${signed.join('')}${cosignature}`)
    return { cosignature }
  }
}
