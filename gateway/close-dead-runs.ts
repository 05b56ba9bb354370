// What runs of a gateway have left that were killed: records in their spools go to the log as they are, signed and placed by the
// run that died, and calls without a receipt are closed as `ambiguous` by the run that finds them. Nobody knows whether they ran.
import { randomUUID } from 'node:crypto'
import { verifyRecords } from '../events/chain-verifier.ts'
import type { Entry } from '../events/commit.ts'
import type { Event, EventOf } from '../events/event.ts'
import { APPEND_DEADLINE_MS, type EventLog, type LogRecord, type StoredRecord } from '../events/log.ts'
import { type LeftSpool, readLeftSpool, removeLeftSpool, takeLeftSpools } from '../events/spool.ts'
import type { Trust } from '../events/trust.ts'

/** The most receipts of one append. */
const MAX_RECEIPTS = 200

/** What is looked through, and how calls are closed. */
export interface DeadRunsOptions {
  readonly spoolRoot: string
  /** `gateway/<name>`: only a run of the same writer can close its calls. */
  readonly writer: string
  readonly eventLog: EventLog
  readonly log: string
  readonly trust: Trust
  /** Appends to the chain of the run that asks. */
  readonly append: (entries: readonly [Entry, ...Entry[]]) => Promise<unknown>
  /** Told of what a spool held that no run of this writer has signed. */
  readonly refused: (left: LeftSpool, reason: string) => void
  readonly signal: AbortSignal
}

/** Ends what is left of each; resolves to how many calls were closed. Throws what the log and the spool's disk throw. */
export async function closeDeadRuns(options: DeadRunsOptions): Promise<number> {
  let closed = 0
  const runs = await takeLeftSpools(options.spoolRoot, options.writer)
  try {
    for (const left of runs) {
      if (options.signal.aborted) break
      closed += await closeRun(left, options)
    }
  } finally {
    for (const { lock } of runs) lock.release()
  }
  return closed
}

async function closeRun(left: LeftSpool, options: DeadRunsOptions): Promise<number> {
  const calls = new OpenCalls()
  await readChain(left, options, (event, hash) => calls.take(event, hash))
  // A chain of its own for the file log, where a run's files are never written to again; Kafka goes by the records' key.
  const chain = `${left.writer}/${randomUUID()}`
  for (const { records, events } of await readSpooled(left, options)) {
    await options.eventLog.append('events', records, { chain, deadlineMs: APPEND_DEADLINE_MS, mayUseReserve: true })
    for (const { event, hash } of events) calls.take(event, hash)
  }
  const entries = calls.open.map(ambiguousReceipt)
  for (let from = 0; from < entries.length; from += MAX_RECEIPTS) {
    const [first, ...rest] = entries.slice(from, from + MAX_RECEIPTS)
    if (first !== undefined) await options.append([first, ...rest])
  }
  await removeLeftSpool(left)
  return entries.length
}

interface SpooledAppend {
  readonly records: readonly LogRecord[]
  readonly events: readonly { readonly event: Event; readonly hash: string }[]
}

/** Whole appends that the dead run has signed; what else stands in its spool is not handed on. */
async function readSpooled(
  left: LeftSpool,
  { log, trust, refused }: DeadRunsOptions,
): Promise<readonly SpooledAppend[]> {
  const appends = splitAppends(await readLeftSpool(left))
  return appends.flatMap((records) => {
    const { verdicts } = verifyRecords(records, { log, trust, headOf: () => undefined, hashAt: () => undefined })
    const bad = verdicts.find((verdict) => verdict.outcome !== 'accepted' || verdict.chain !== left.chain)
    if (bad === undefined)
      return [{ records, events: verdicts.flatMap((verdict) => ('event' in verdict ? [verdict] : [])) }]
    refused(left, 'reason' in bad ? bad.reason : 'an event of another run')
    return []
  })
}

/** An append ends with the record that bears its signature. */
function splitAppends(records: readonly StoredRecord[]): readonly (readonly LogRecord[])[] {
  const appends: LogRecord[][] = [[]]
  for (const { key, value, headers } of records) {
    appends.at(-1)?.push({ key, value, headers })
    if (headers.signature !== undefined) appends.push([])
  }
  return appends.filter((append) => append.length > 0)
}

/** Reads what the log has of one run, checked as every reader checks it. */
async function readChain(
  { chain, start }: LeftSpool,
  { eventLog, log, trust }: DeadRunsOptions,
  take: (event: Event, hash: string) => void,
): Promise<void> {
  const from = async (partition: string): Promise<number | 'beginning' | 'end'> => {
    // Of files a partition is a chain; of Kafka it is a number, and holds many.
    if (partition.includes('/')) return partition === chain ? 'beginning' : 'end'
    if (start === undefined) return 'beginning'
    return partition === start.partition ? start.offset : 'end'
  }
  const onBatch = (batch: readonly StoredRecord[]): void => {
    const own = batch.filter(({ key }) => key === chain)
    const { verdicts } = verifyRecords(own, { log, trust, headOf: () => undefined, hashAt: () => undefined })
    for (const verdict of verdicts) if (verdict.outcome === 'accepted') take(verdict.event, verdict.hash)
  }
  const subscription = await eventLog.subscribe('events', { from, onExpired: () => undefined }, onBatch)
  await subscription.caughtUp.finally(() => subscription.stop())
}

interface OpenCall {
  readonly decide: EventOf<'authorization/decide'>
  readonly hash: string
}

/** Calls that were allowed and have no receipt; a run has at most MAX_OPEN_CALLS of them, however many it had in all. */
class OpenCalls {
  readonly #calls = new Map<string, OpenCall>()
  /** The last event taken of the chain: what a log repeats of it opens no call again. */
  #sequence = 0

  get open(): readonly OpenCall[] {
    return [...this.#calls.values()]
  }

  take(event: Event, hash: string): void {
    if (event.sequence <= this.#sequence) return
    this.#sequence = event.sequence
    if (event.type === 'authorization/receipt') this.#calls.delete(event.call)
    if (event.type === 'authorization/decide' && event.decision === 'allow')
      this.#calls.set(event.call, { decide: event, hash })
  }
}

function ambiguousReceipt({ decide, hash }: OpenCall): Entry {
  const { session, origin, caller, connection, principal, principalSource, client, server, call, tool } = decide
  return {
    draft: {
      type: 'authorization/receipt',
      ...{ session, connection, principal, principalSource, client, server, call, tool },
      ...(origin === undefined ? {} : { origin }),
      ...(caller === undefined ? {} : { caller }),
      parent: hash,
      status: 'ambiguous',
      durationMicros: 0,
    },
  }
}
