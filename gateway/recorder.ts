// Turns what happens at a gateway into events: drafts with their attachments, handed to the run's ChainWriter.
// Bodies never hold arguments or results; payload.ts and signals.ts say what travels beside them.
import { type SealedEvent, sha256 } from '../events/chain.ts'
import type { AppendChoice, Appended, ChainWriter } from '../events/chain-writer.ts'
import type { Entry } from '../events/commit.ts'
import { ToolwardenError } from '../events/errors.ts'
import type { EventDraft, EventOf } from '../events/event.ts'
import { argumentsDigest, commitPayload, type Payload, type RecordChoice, SALT_BYTES } from '../events/payload.ts'
import { type Signals, signalsBytes } from '../events/signals.ts'
import type { CallContext } from './context.ts'
import type { Decision } from './decide.ts'
import { createRedactor } from './redactor.ts'

/** What the operator wants kept of arguments and results. */
export interface RecordSettings {
  readonly arguments: RecordChoice['record']
  readonly results: RecordChoice['record']
  readonly maxBytes: number
  /** RE2 patterns of further secrets, for what is recorded redacted. */
  readonly redact: readonly string[]
}

/** What a recorder works with. */
export interface RecorderOptions {
  readonly chainWriter: ChainWriter
  readonly settings: RecordSettings
  readonly deploymentKey: Buffer
  readonly randomBytes: (size: number) => Buffer
}

/** A request as it was proposed. */
export interface Proposal {
  readonly context: CallContext
  readonly method: string
  readonly argumentsBytes: Buffer
  readonly signals: Signals
  /** What follows the decide in the same commit, made with the decide's hash. */
  readonly followUp?: (decideHash: string) => EventDraft
}

/** What became of a forwarded call. */
export interface Outcome {
  readonly status: EventOf<'authorization/receipt'>['status']
  readonly durationMicros: number
  /** The exact bytes of the answer. */
  readonly resultBytes?: Buffer
  readonly signals?: Signals
}

/** Writes the events of one gateway run. */
export class Recorder {
  readonly #options: RecorderOptions
  readonly #redact: (bytes: Buffer) => Buffer

  constructor(options: RecorderOptions) {
    this.#options = options
    this.#redact = createRedactor(options.settings.redact)
  }

  /** Appends propose, decide and what follows it as one commit. Throws what ChainWriter.append throws; then nothing may be forwarded. */
  decided(
    proposal: Proposal,
    decision: Decision,
    onLateCommit: NonNullable<AppendChoice['onLateCommit']>,
  ): Promise<Appended> {
    const { context, method, argumentsBytes, signals, followUp } = proposal
    const payload = this.#commit(argumentsBytes, this.#options.settings.arguments)
    const signalsHeader = signalsBytes(signals)
    const propose: Entry = {
      draft: {
        type: 'authorization/propose',
        ...context,
        method,
        arguments: payload.field,
        argumentsDigest: argumentsDigest(this.#options.deploymentKey, argumentsBytes),
        signalsDigest: sha256(signalsHeader),
      },
      payload: payload.attachment,
      signals: signalsHeader,
    }
    const decide: Entry = {
      draft: ([proposed]) => {
        if (proposed === undefined) throw new ToolwardenError('INTERNAL', 'a decide follows its propose')
        return { type: 'authorization/decide', ...context, parent: proposed.hash, ...decision }
      },
    }
    const rest: readonly Entry[] =
      followUp === undefined ? [] : [{ draft: (before) => followUp(before.at(-1)?.hash ?? '') }]
    return this.#options.chainWriter.append([propose, decide, ...rest], { onLateCommit })
  }

  /** Appends a further decide about a call that was proposed before. Throws what ChainWriter.append throws. */
  async decidedAgain(
    { context, parent }: { readonly context: CallContext; readonly parent: string },
    decision: Decision,
    choice: AppendChoice,
  ): Promise<Appended> {
    return this.#options.chainWriter.append(
      [{ draft: { type: 'authorization/decide', ...context, parent, ...decision } }],
      choice,
    )
  }

  /** Appends the receipt of a call, however long the log takes. Throws CHAIN_CLOSED once the run has ended. */
  async receipt(context: CallContext, parent: string, outcome: Outcome): Promise<SealedEvent | undefined> {
    const { status, durationMicros, resultBytes, signals } = outcome
    const payload = resultBytes === undefined ? undefined : this.#commit(resultBytes, this.#options.settings.results)
    const signalsHeader = signals === undefined ? undefined : signalsBytes(signals)
    const entry: Entry = {
      draft: {
        type: 'authorization/receipt',
        ...context,
        parent,
        status,
        durationMicros,
        ...(payload === undefined ? {} : { result: payload.field }),
        ...(signalsHeader === undefined ? {} : { signalsDigest: sha256(signalsHeader) }),
      },
      ...(payload === undefined ? {} : { payload: payload.attachment }),
      ...(signalsHeader === undefined ? {} : { signals: signalsHeader }),
    }
    const { events } = await this.#options.chainWriter.append([entry], { patient: true })
    return events.at(-1)
  }

  /** Appends what a client's user answered. Throws what ChainWriter.append throws; then the answer does not count. */
  async elicited(draft: EventDraft): Promise<SealedEvent | undefined> {
    const { events } = await this.#options.chainWriter.append([{ draft }])
    return events.at(-1)
  }

  /** Appends an event that no call waits for; it waits for the log, and is lost only with the run. */
  async note(draft: EventDraft): Promise<void> {
    await this.#options.chainWriter.append([{ draft }], { patient: true })
  }

  #commit(bytes: Buffer, record: RecordChoice['record']): Payload {
    const { settings, deploymentKey, randomBytes } = this.#options
    const means = { salt: randomBytes(SALT_BYTES), deploymentKey, redact: this.#redact }
    return commitPayload(bytes, { record, maxBytes: settings.maxBytes }, means)
  }
}
