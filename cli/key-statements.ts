// Publishes what the installation says of long-lived keys and the ledger does not know yet: each key once as `key/registered`,
// each revocation as `key/revoked`, in the log and on `control`. At the start, and when the installation's file changes.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { ChainWriter } from '../events/chain-writer.ts'
import type { ControlReader } from '../events/control-reader.ts'
import type { ControlEvent } from '../events/control-record.ts'
import type { ControlWriter } from '../events/control-writer.ts'
import { enrolmentHolds } from '../events/enrolment.ts'
import { describeError, ToolwardenError } from '../events/errors.ts'
import type { EventDraft } from '../events/event.ts'
import type { LedgerStore } from '../ledger/store.ts'
import { type KeyRecord, MANIFEST_FILE, readManifest } from './installation.ts'

const LOOK_MS = 2_000
const BY = 'installation'

/** What publishing works with. */
export interface KeyStatementOptions {
  /** The installation's directory. */
  readonly directory: string
  /** Name of the ledger. */
  readonly log: string
  readonly store: LedgerStore
  readonly chainWriter: ChainWriter
  readonly controlReader: ControlReader
  readonly controlWriter: ControlWriter
  /** What lies before a revocation must be stored before it; resolves at once where another process stores. */
  readonly caughtUp: Promise<void>
  readonly logger: Pick<Logger, 'info' | 'warn'>
}

/** Publishes until it is stopped. */
export class KeyStatements {
  readonly #options: KeyStatementOptions
  readonly #timer: NodeJS.Timeout
  /** Of this process: the ledger may not have stored them yet. */
  readonly #said = new Set<string>()
  /** When the file that was published last was written. */
  #seenMs = 0
  #working: Promise<void> | undefined
  #problem = ''
  #stopped = false

  constructor(options: KeyStatementOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref()
    this.#look()
  }

  /** Ends it; what is under way is ended by the chain's close. */
  stop(): void {
    this.#stopped = true
    clearInterval(this.#timer)
  }

  #look(): void {
    this.#working ??= this.#publish()
      .catch((error: unknown) => this.#tell(error))
      .finally(() => {
        this.#working = undefined
      })
  }

  /** The same problem is told once; the next look tries again. */
  #tell(error: unknown): void {
    const problem = describeError(error)
    if (this.#stopped || problem === this.#problem) return
    this.#problem = problem
    this.#options.logger.warn({ problem }, 'what the installation says of keys is not published')
  }

  async #publish(): Promise<void> {
    const { directory, caughtUp } = this.#options
    const { mtimeMs } = await stat(join(directory, MANIFEST_FILE))
    if (mtimeMs === this.#seenMs) return
    const { keys } = await readManifest(directory)
    await caughtUp
    const known = await this.#known()
    for (const record of keys) if (!known.has(`key/registered ${record.publicKey}`)) await this.#register(record)
    for (const record of keys) if (!known.has(`key/revoked ${record.publicKey}`)) await this.#revoke(record)
    this.#seenMs = mtimeMs
    this.#problem = ''
  }

  async #known(): Promise<ReadonlySet<string>> {
    const rows = await this.#options.store.select<{ said: string }>(
      `SELECT DISTINCT concat(type, ' ', JSONExtractString(body, 'publicKey')) AS said FROM events
       WHERE type IN ('key/registered', 'key/revoked') AND outcome IN ('accepted', 'late')`,
    )
    return new Set([...rows.map(({ said }) => said), ...this.#said])
  }

  async #register({ holder, publicKey, enrolment }: KeyRecord): Promise<void> {
    const { chainWriter, log, logger } = this.#options
    if (!enrolmentHolds({ kind: 'registered', log, holder, publicKey }, enrolment)) throw foreign(holder, log)
    const draft = { type: 'key/registered', holder, publicKey, enrolment, by: BY, reason: '' } as const
    await chainWriter.append([{ draft }], { patient: true })
    this.#said.add(`key/registered ${publicKey}`)
    logger.info({ holder, publicKey }, 'key registered')
  }

  async #revoke({ holder, publicKey, revoked }: KeyRecord): Promise<void> {
    const { controlWriter, controlReader, log, logger } = this.#options
    if (revoked === undefined) return
    const { enrolment, cause, reason } = revoked
    if (!enrolmentHolds({ kind: 'revoked', log, holder, publicKey }, enrolment)) throw foreign(holder, log)
    for (const { event } of controlReader.heldUnder(publicKey))
      if (isSaidAgain(event, cause)) await controlWriter.publish((revision) => withRevision(event, revision))
    const fields = { type: 'key/revoked', holder, publicKey, enrolment, cause, by: BY, reason } as const
    await controlWriter.publish((revision) => ({ ...fields, revision }))
    this.#said.add(`key/revoked ${publicKey}`)
    logger.warn({ holder, publicKey, cause }, 'key revoked: nothing that it vouches for from here on is honoured')
  }
}

/**
 * What stays in force after its writer's key is gone: after a rotation all but verdicts, which are for one call; otherwise
 * only what other revocations said, which an enrolment key proves.
 */
function isSaidAgain({ type }: ControlEvent, cause: 'rotated' | 'compromised'): boolean {
  return type === 'key/revoked' || (cause === 'rotated' && type !== 'approval/verdict')
}

function withRevision(event: ControlEvent, revision: number): EventDraft {
  const { v: _v, log: _log, writer: _writer, instance: _instance, sequence: _sequence, ...rest } = event
  const { previous: _previous, id: _id, time: _time, ...own } = rest
  return { ...own, revision } as EventDraft
}

function foreign(holder: string, log: string): ToolwardenError {
  return new ToolwardenError('KEY_INVALID', `what was said of the key of ${holder} is not for the ledger ${log}`, {
    where: MANIFEST_FILE,
    fix: 'the ledger was given another name since: keep the name, or make a new installation',
  })
}
