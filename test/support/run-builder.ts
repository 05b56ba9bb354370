// Honest runs of a gateway, made without a gateway: writer/open, session/open, then calls of propose, decide and receipt.
// Seeded and with a clock of its own, so that the same seed gives the same events (keys and signatures differ).
import { createHash } from 'node:crypto'
import { type ChainHead, EMPTY_CHAIN, hashBody, type RunKey, type SealedEvent, sha256 } from '../../events/chain.ts'
import { type Entry, sealCommit } from '../../events/commit.ts'
import { chainOf, type EventDraft } from '../../events/event.ts'
import { certifyRun, generateKey, type KeyPair } from '../../events/keys.ts'
import type { LogRecord } from '../../events/log.ts'
import { commitPayload } from '../../events/payload.ts'
import { argumentSignals, signalsBytes } from '../../events/signals.ts'
import { uuidv7 } from '../../events/time.ts'

/** What a run may be told; everything else comes from the seed. */
export interface RunOptions {
  readonly seed: number
  readonly key: KeyPair
  readonly log?: string
  readonly writer?: string
  /** Microseconds since 1970 of the first event. */
  readonly startMicros?: number
  readonly session?: string
  /** Goes on as a clone of another run, after an event of it. */
  readonly clone?: { readonly runKey: RunKey; readonly head: ChainHead }
}

/** What a call may be told. */
export interface CallOptions {
  readonly decision?: 'allow' | 'deny' | 'escalate'
  readonly tool?: string
  readonly path?: string
  /** False leaves the call open. */
  readonly receipt?: boolean
  readonly call?: string
}

const STEP_MICROS = 1_000
const DEFAULT_START_MICROS = Date.UTC(2026, 10, 22, 13) * 1000

/** One call's events as they stand in the chain. */
export interface BuiltCall {
  readonly call: string
  readonly propose: SealedEvent
  readonly decide: SealedEvent
  readonly receipt?: SealedEvent
}

/** Builds the records of one run; each method returns the records of one or two appends and keeps them in `records`. */
export class RunBuilder {
  readonly chain: string
  readonly runKey: RunKey
  readonly deploymentKey = Buffer.alloc(32, 7)
  /** Everything built so far, in order. */
  readonly records: LogRecord[] = []
  readonly calls: BuiltCall[] = []
  head: ChainHead
  readonly #options: RunOptions
  readonly #random: () => Buffer
  readonly #session: string
  readonly #connection: string
  #micros: number

  constructor(options: RunOptions) {
    this.#random = randomSource(options.seed)
    this.#micros = options.startMicros ?? DEFAULT_START_MICROS
    const log = options.log ?? 'test'
    const identity = { log, writer: options.writer ?? 'gateway/files', instance: this.#newId() }
    const own = generateKey()
    const certificate = certifyRun(options.key, identity, own.publicKey)
    this.runKey = options.clone?.runKey ?? { identity, privateKey: own.privateKey, certificate }
    this.head = options.clone?.head ?? EMPTY_CHAIN
    this.chain = chainOf(this.runKey.identity)
    this.#options = options
    this.#session = options.session ?? `session-${options.seed}`
    this.#connection = this.#newId()
  }

  /** writer/open and session/open, in one append; another writer than a gateway has no session. */
  open(): readonly LogRecord[] {
    const { publicKey, signature } = this.runKey.certificate
    const opening: Entry = {
      draft: {
        type: 'writer/open',
        publicKey: publicKey.toString('base64url'),
        certificate: signature.toString('base64url'),
        software: 'toolwarden test',
        configuration: '0'.repeat(64),
      },
    }
    if (!this.chain.startsWith('gateway/')) return this.append([opening])
    const session = {
      type: 'session/open',
      ...this.#context(),
      transport: 'stdio',
      protocolVersion: '2025-11-25',
    } as const
    return this.append([opening, { draft: session }])
  }

  /** One call: propose and decide in one append, the receipt in another. */
  call(options: CallOptions = {}): readonly LogRecord[] {
    const { decision = 'allow', tool = 'read_file', path = `/data/${this.calls.length}.txt` } = options
    const call = options.call ?? this.#newId()
    const context = { ...this.#context(), call, tool }
    const from = this.records.length
    const sealed = this.#sealAppend([
      this.#propose(context, path),
      {
        draft: (before) => ({
          type: 'authorization/decide',
          ...context,
          parent: before[0]?.hash ?? '',
          decision,
          reason: decision === 'escalate' ? 'needs_approval' : 'policy_rule',
          text: 'by rule',
          rule: 'reads',
          policy: '1'.repeat(64),
          control: { state: 'none', revision: 0 },
        }),
      },
    ])
    const [propose, decide] = sealed
    if (propose === undefined || decide === undefined) throw new Error('a call has two events')
    const wanted = options.receipt ?? decision === 'allow'
    const receipt = wanted ? this.#sealAppend([this.#receipt(context, decide.hash)])[0] : undefined
    this.calls.push({ call, propose, decide, ...(receipt === undefined ? {} : { receipt }) })
    return this.records.slice(from)
  }

  /** A receipt for any call and decision. */
  closeCall(closing: { call: string; parent: string; status?: 'ok' | 'ambiguous' }): readonly LogRecord[] {
    const { call, parent, status = 'ok' } = closing
    return this.append([this.#receipt(this.callContext(call, 'read_file'), parent, status)])
  }

  /** A clone of this run that goes on after one of its events, as a copied machine does. */
  fork(sequence: number): RunBuilder {
    const record = this.records[sequence - 1]
    if (record === undefined) throw new Error(`no event ${sequence}`)
    const head = { sequence, hash: hashBody(record.value) }
    return new RunBuilder({ ...this.#options, seed: this.#options.seed + 1_000, clone: { runKey: this.runKey, head } })
  }

  /** Appends entries as they are, under one signature. */
  append(entries: readonly Entry[]): readonly LogRecord[] {
    const from = this.records.length
    this.#sealAppend(entries)
    return this.records.slice(from)
  }

  /** A draft of one event with this run's context, for tests of other types. */
  draft(draft: EventDraft): readonly LogRecord[] {
    return this.append([{ draft }])
  }

  #sealAppend(entries: readonly Entry[]): readonly SealedEvent[] {
    const context = {
      runKey: this.runKey,
      nowMicros: () => {
        this.#micros += STEP_MICROS
        return this.#micros
      },
      newId: () => this.#newId(),
    }
    const { commit, refused } = sealCommit(this.head, [{ entries }], context)
    if (commit === undefined) throw refused[0]?.error ?? new Error('nothing was sealed')
    this.head = commit.head
    this.records.push(...commit.records)
    return commit.parts.flatMap((part) => part.events)
  }

  #propose(context: ReturnType<RunBuilder['callContext']>, path: string): Entry {
    const value = { path }
    const exact = Buffer.from(JSON.stringify(value))
    const means = { salt: this.#salt(), deploymentKey: this.deploymentKey, redact: (bytes: Buffer) => bytes }
    const payload = commitPayload(exact, { record: 'redacted', maxBytes: 4096 }, means)
    const signals = signalsBytes(argumentSignals(this.deploymentKey, 'read', value))
    return {
      draft: {
        type: 'authorization/propose',
        ...context,
        method: 'tools/call',
        arguments: payload.field,
        argumentsDigest: sha256(exact),
        signalsDigest: sha256(signals),
      },
      signals,
      payload: payload.attachment,
    }
  }

  #receipt(context: ReturnType<RunBuilder['callContext']>, parent: string, status: 'ok' | 'ambiguous' = 'ok'): Entry {
    const means = { salt: this.#salt(), deploymentKey: this.deploymentKey, redact: (bytes: Buffer) => bytes }
    const payload = commitPayload(Buffer.from('the result'), { record: 'commitment', maxBytes: 4096 }, means)
    return {
      draft: {
        type: 'authorization/receipt',
        ...context,
        parent,
        status,
        result: payload.field,
        durationMicros: 1_500,
      },
      payload: payload.attachment,
    }
  }

  /** The context of a call in this run. */
  callContext(call: string, tool: string) {
    return { ...this.#context(), call, tool }
  }

  #context() {
    return {
      session: this.#session,
      connection: this.#connection,
      principal: 'agent:test@host',
      principalSource: 'declared' as const,
      client: 'test-client',
      server: 'files',
    }
  }

  #newId(): string {
    return uuidv7(this.#micros, this.#random())
  }

  #salt(): Buffer {
    return Buffer.concat([this.#random(), this.#random()]).subarray(0, 32)
  }
}

/** A run with a number of finished calls. */
export function buildRun(options: RunOptions, calls: number): RunBuilder {
  const run = new RunBuilder(options)
  run.open()
  for (let count = 0; count < calls; count++) run.call()
  return run
}

function randomSource(seed: number): () => Buffer {
  let count = 0
  return () => createHash('sha256').update(`${seed}:${count++}`).digest()
}
