// Claims on the event log's `checkpoints` topic, where several ledgers read one Kafka. The order of its one partition decides:
// a claim names the offset of the one before (`after`), and is won if that is the last one won when its turn comes.
// Whoever reads the topic finds the same winner, so no producer has to be fenced (docs/design/013).
import { z } from 'zod'
import { readIfThere, writeDurably } from '../events/durable-file.ts'
import { ToolwardenError } from '../events/errors.ts'
import { countField, hashField, nameField } from '../events/field.ts'
import { asLogFailure, type EventLog, type LogRecord, type StoredRecord, type Subscription } from '../events/log.ts'
import { type Claim, type Claims, isSameClaim } from './claims.ts'

const TOPIC = 'checkpoints'
/** How long a claim may take to be acknowledged, and then to be read back. */
const DEADLINE_MS = 10_000
/** After how many won claims the place is noted from which the next start reads. */
const NOTE_EVERY = 1_000

const wonObject = z.strictObject({
  offset: countField,
  key: z.string().regex(/^[0-9a-f]{16}$/),
  size: countField,
  root: hashField,
})
/** A claim that was won, and where it stands. */
type Won = z.infer<typeof wonObject>
const recordObject = wonObject.omit({ offset: true }).extend({ log: nameField, after: countField.nullable() })

/** What the register needs. */
export interface LogClaimsOptions {
  readonly eventLog: EventLog
  /** Name of the ledger. */
  readonly log: string
  /** A file in which the place of a won claim is kept, so that a start does not read every claim that ever was. */
  readonly memory: string
}

/** The register of one ledger; it reads along from its first use until it is closed. */
export class LogClaims implements Claims {
  readonly #options: LogClaimsOptions
  readonly #chain: string
  #won: Won | undefined
  /** The last offset that was read; claims up to it are decided. */
  #readTo = -1
  #reading: Promise<Subscription> | undefined
  readonly #waiting = new Set<() => void>()
  #unnoted = 0

  constructor(options: LogClaimsOptions) {
    this.#options = options
    this.#chain = `sequencer/${options.log}`
  }

  async findClaim(): Promise<Claim | undefined> {
    await this.#read()
    return this.#won
  }

  async replaceClaim(expected: Claim | undefined, next: Claim): Promise<boolean> {
    await this.#read()
    if (!isSameClaim(this.#won, expected)) return isSameClaim(this.#won, next)
    const { key, size, root } = next
    const record = { log: this.#options.log, key, size, root, after: this.#won?.offset ?? null }
    const offset = await this.#append({ key: this.#chain, value: Buffer.from(JSON.stringify(record)), headers: {} })
    await this.#readUpTo(offset)
    return isSameClaim(this.#won, next)
  }

  /** Ends the reading. */
  async close(): Promise<void> {
    const reading = this.#reading
    this.#reading = undefined
    await (await reading?.catch(() => undefined))?.stop()
  }

  async #append(record: LogRecord): Promise<number> {
    try {
      const options = { deadlineMs: DEADLINE_MS, chain: this.#chain, mayUseReserve: true }
      const [position] = await this.#options.eventLog.append(TOPIC, [record], options)
      return position?.offset ?? 0
    } catch (error) {
      throw asStoreFailure(error)
    }
  }

  async #read(): Promise<void> {
    this.#reading ??= this.#subscribe()
    const reading = this.#reading
    try {
      await (await reading).caughtUp
      // The topic ends before the place that was noted.
      if (this.#readTo < (this.#won?.offset ?? -1)) throw forgotten(this.#options.memory)
    } catch (error) {
      if (this.#reading === reading) this.#reading = undefined
      throw asStoreFailure(error)
    }
  }

  async #subscribe(): Promise<Subscription> {
    this.#won ??= await this.#remembered()
    // With the remembered claim itself: the topic must still have it.
    const remembered = this.#won
    const from = remembered?.offset ?? 'beginning'
    const onStopped = (): void => {
      this.#reading = undefined
    }
    const { eventLog } = this.#options
    return await eventLog.subscribe(TOPIC, { from: async () => from, onStopped }, async (records) => {
      for (const record of records) if (record.key === this.#chain) await this.#decide(record)
    })
  }

  async #decide({ value, position: { offset } }: StoredRecord): Promise<void> {
    const claim = parseClaim(value)
    const isRemembered = offset === this.#won?.offset
    if (isRemembered && !isSameClaim(claim, this.#won)) throw forgotten(this.#options.memory)
    if (!isRemembered && claim?.log === this.#options.log && claim.after === (this.#won?.offset ?? null)) {
      const { key, size, root } = claim
      this.#won = { offset, key, size, root }
      await this.#note(this.#won)
    }
    this.#readTo = Math.max(this.#readTo, offset)
    for (const wake of [...this.#waiting]) wake()
  }

  async #readUpTo(offset: number): Promise<void> {
    if (this.#readTo >= offset) return
    let wake: () => void = () => undefined
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve, reject) => {
      wake = () => (this.#readTo >= offset ? resolve() : undefined)
      this.#waiting.add(wake)
      const late = new ToolwardenError('STORE_UNAVAILABLE', 'a claim was not read back in time', { retriable: true })
      timer = setTimeout(() => reject(late), DEADLINE_MS)
    }).finally(() => {
      clearTimeout(timer)
      this.#waiting.delete(wake)
    })
  }

  async #note(won: Won): Promise<void> {
    if (++this.#unnoted < NOTE_EVERY) return
    await writeDurably(this.#options.memory, JSON.stringify(won))
    this.#unnoted = 0
  }

  async #remembered(): Promise<Won | undefined> {
    const bytes = await readIfThere(this.#options.memory)
    if (bytes === undefined) return undefined
    const won = wonObject.safeParse(parseJson(bytes))
    if (!won.success) throw forgotten(this.#options.memory)
    return won.data
  }
}

function parseClaim(value: Uint8Array): z.infer<typeof recordObject> | undefined {
  const claim = recordObject.safeParse(parseJson(value))
  return claim.success ? claim.data : undefined
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    // Not a claim: whoever may write to the topic may write anything.
    return undefined
  }
}

/** A log that does not answer now, or left it open whether it took the claim, is asked again by the next tick. */
function asStoreFailure(error: unknown): ToolwardenError {
  const cause = asLogFailure(error)
  if (!cause.retriable || cause.code === 'STORE_UNAVAILABLE') return cause
  const message = `the claim of the Merkle log is not settled: ${cause.message}`
  return new ToolwardenError('STORE_UNAVAILABLE', message, {
    where: cause.where,
    fix: cause.fix,
    retriable: true,
    cause,
  })
}

function forgotten(memory: string): ToolwardenError {
  return new ToolwardenError('TREE_INVALID', 'the topic of checkpoints is not the one that this sequencer claimed in', {
    where: memory,
    fix: 'restore the topic; if it was made anew on purpose, stop every ledger and remove this file',
  })
}
