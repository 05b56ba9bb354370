// Collects cosignatures for the checkpoints of this log, round by round: one checkpoint, all witnesses at once, within a
// deadline, so that a quorum stands on one checkpoint. Beside the sequencer, never in its way: what witnesses don't do is
// told (status, metrics, health), and the log goes on. Idle, each minute a fresh cosignature shows that the log is not stale.
import { systemCode, ToolwardenError } from '../../events/errors.ts'
import { parseCheckpoint } from '../checkpoint.ts'
import { parseNote } from '../note.ts'
import { pause } from '../pause.ts'
import type { LedgerSettings } from '../settings.ts'
import type { TreeReader } from '../tree-reader.ts'
import { type Cosigned, type PostToWitness, type Published, postToWitness, WitnessClient } from './witness-client.ts'

/** How long a round waits for its witnesses. */
const ROUND_DEADLINE_MS = 5_000
/** Between the beginnings of two rounds, at least. */
const ROUND_MS = 1_000
/** How old the cosignatures of an idle log become. */
const REFRESH_MS = 60_000
/** After a failure a witness is left alone for this long, twice as long after each further one. */
const FIRST_BACKOFF_MS = 1_000
const LONGEST_BACKOFF_MS = 60_000

/** How one witness is doing. */
export interface WitnessStatus {
  readonly name: string
  readonly url: string
  /** Leaves of the last tree that it cosigned for this process; 0 before. */
  readonly size: number
  /** When, by its own clock, seconds since 1970. */
  readonly timestampSeconds: number | undefined
  readonly problem: string | undefined
  /** It saw another history than this log's: nothing that goes away by itself. */
  readonly isConflict: boolean
}

/** How cosigning is doing. */
export interface CosigningStatus {
  readonly witnesses: readonly WitnessStatus[]
  /** How many it takes. */
  readonly quorum: number
  /** Leaves of the last tree that a quorum cosigned; 0 before. */
  readonly size: number
  /** Why the last round did not come to a quorum; undefined when all is well, and before the first round. */
  readonly problem: string | undefined
}

/** What cosigning works with. */
export interface CosigningOptions {
  readonly settings: LedgerSettings
  readonly reader: TreeReader
  /** Puts a note with cosignatures in the place of the published one, unless that is another by now; durably. */
  readonly publish: (note: string, isQuorum: boolean) => Promise<void>
  readonly nowMs: () => number
  readonly post?: PostToWitness
  /** Told when a problem begins, changes or ends. */
  readonly onChange?: (status: CosigningStatus) => void
  readonly roundMs?: number
  readonly refreshMs?: number
  readonly deadlineMs?: number
}

interface Member {
  readonly client: WitnessClient
  status: WitnessStatus
  failures: number
  /** Not asked before. */
  notBeforeMs: number
}

/** The rounds of one log. */
export class Cosigning {
  readonly #options: CosigningOptions
  readonly #members: readonly Member[]
  readonly #stopping = new AbortController()
  #running: Promise<void> = Promise.resolve()
  /** The checkpoint to be cosigned next: what the sequencer published last. */
  #offered: string | undefined
  /** The text under way, or cosigned last, and by whom, by public key. */
  #text = ''
  #lines = new Map<string, string>()
  #size = 0
  #problem: string | undefined

  constructor(options: CosigningOptions) {
    const { settings, post = postToWitness } = options
    this.#options = options
    this.#members = settings.witnesses.map((witness) => ({
      client: new WitnessClient(witness, post),
      failures: 0,
      notBeforeMs: 0,
      status: {
        name: witness.vkey.name,
        url: witness.url,
        size: 0,
        timestampSeconds: undefined,
        problem: undefined,
        isConflict: false,
      },
    }))
  }

  /** Begins with what is offered. */
  start(): void {
    this.#running = this.#run()
  }

  get status(): CosigningStatus {
    const witnesses = this.#members.map(({ status }) => status)
    return { witnesses, quorum: this.#quorum, size: this.#size, problem: this.#problem }
  }

  /** Takes a published checkpoint as the log signed it; older ones that were not yet cosigned are passed over. */
  offer(note: string): void {
    this.#offered = note
  }

  /** Ends it; a round under way is given up. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  /** One round for what was offered last. Never rejects. */
  async round(): Promise<void> {
    const note = this.#offered
    if (note === undefined) return
    const { text } = parseNote(note)
    if (text !== this.#text) this.#lines = new Map()
    this.#text = text
    const published = { ...parseCheckpoint(text), note }
    const nowMs = this.#options.nowMs()
    const asked = this.#members.filter(({ notBeforeMs }) => notBeforeMs <= nowMs)
    await Promise.all(asked.map((member) => this.#ask(member, published)))
    if (this.#stopping.signal.aborted) return
    await this.#finish(note, published.size, asked.length > 0)
  }

  get #quorum(): number {
    return this.#options.settings.quorum ?? this.#members.length
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    const { roundMs = ROUND_MS, refreshMs = REFRESH_MS, nowMs } = this.#options
    let refreshAtMs = 0
    while (!signal.aborted) {
      const isNew = this.#offered !== undefined && parseNote(this.#offered).text !== this.#text
      const lacks = ({ client, notBeforeMs }: Member): boolean =>
        !this.#lines.has(client.vkey) && notBeforeMs <= nowMs()
      if (isNew || nowMs() >= refreshAtMs || this.#members.some(lacks)) {
        refreshAtMs = nowMs() + refreshMs
        await this.round()
      }
      await pause(roundMs, signal)
    }
  }

  async #ask(member: Member, note: Omit<Published, 'consistency'>): Promise<void> {
    const { reader, deadlineMs = ROUND_DEADLINE_MS } = this.#options
    const published = { ...note, consistency: (from: number) => reader.consistency(from, note.size, note.size) }
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(deadlineMs)])
    this.#note(member, note.size, await member.client.cosign(published, signal).catch(asProblem))
  }

  #note(member: Member, size: number, cosigned: Cosigned): void {
    if ('line' in cosigned) {
      const { line, timestampSeconds } = cosigned
      this.#lines.set(member.client.vkey, line)
      member.failures = 0
      member.notBeforeMs = 0
      member.status = { ...member.status, size, timestampSeconds, problem: undefined, isConflict: false }
      return
    }
    const backoffMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** member.failures++)
    member.notBeforeMs = this.#options.nowMs() + backoffMs
    member.status = { ...member.status, ...cosigned }
  }

  async #finish(note: string, size: number, wasAsked: boolean): Promise<void> {
    const before = this.#problem
    const lines = this.#members.flatMap(({ client }) => this.#lines.get(client.vkey) ?? [])
    const isQuorum = lines.length >= this.#quorum
    try {
      if (wasAsked && lines.length > 0) await this.#options.publish(note + lines.join(''), isQuorum)
      if (isQuorum) this.#size = size
      // An older cosignature of an idle log stays where it is, but its witness is away all the same.
      const present = this.#members.filter(
        ({ client, status }) => status.problem === undefined && this.#lines.has(client.vkey),
      )
      this.#problem = present.length >= this.#quorum ? this.#conflict() : this.#describe(present.length)
    } catch (error) {
      this.#problem = asProblem(error).problem
    }
    if (this.#problem !== before) this.#options.onChange?.(this.status)
  }

  #describe(count: number): string {
    const reasons = this.#members.flatMap(({ client, status: { problem } }) =>
      problem === undefined ? [] : [`${client.name}: ${problem}`],
    )
    return `${count} of ${this.#quorum} witnesses cosigned the last checkpoint (${reasons.join('; ')})`
  }

  /** A witness that saw another history is told even where the others make a quorum. */
  #conflict(): string | undefined {
    const found = this.#members.find(({ status }) => status.isConflict)
    return found === undefined ? undefined : `${found.client.name}: ${found.status.problem}`
  }
}

function asProblem(error: unknown): Extract<Cosigned, { problem: string }> {
  if (error instanceof ToolwardenError) return { problem: error.message, isConflict: false }
  const code = systemCode(error)
  if (code === undefined) throw error
  return { problem: `the checkpoint can't be written: ${code}`, isConflict: false }
}
