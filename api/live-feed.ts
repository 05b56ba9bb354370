// Follows the event log for the live stream. Nothing is shown before verifyRecords accepted it; chains that were already
// running when the feed began are taken up where they stand, so their first event is checked by signature, not by link.
import type { ChainHead } from '../events/chain.ts'
import { FORGOTTEN, type Verdict, verifyRecords } from '../events/chain-verifier.ts'
import type { EventLog, StoredRecord, Subscription } from '../events/log.ts'
import type { Trust } from '../events/trust.ts'
import { type RecentEvent, RecentEvents } from './recent-events.ts'

/** The most chains whose head the feed remembers. */
const MAX_CHAINS = 10_000

/** What a feed follows and how much of it is kept. */
export interface LiveFeedOptions {
  readonly eventLog: EventLog
  /** Name of the ledger. */
  readonly log: string
  readonly trust: Trust
  readonly maxEvents: number
  readonly maxBytes: number
}

/** The newest verified events, and a sign when there are more. */
export class LiveFeed {
  readonly recent: RecentEvents
  readonly #options: LiveFeedOptions
  /** Verified heads, the longest unused first; written by `#take` alone. */
  readonly #heads = new Map<string, ChainHead>()
  readonly #listeners = new Set<() => void>()
  #subscription: Subscription | undefined
  #failure: unknown

  constructor(options: LiveFeedOptions) {
    this.#options = options
    this.recent = new RecentEvents({ events: options.maxEvents, bytes: options.maxBytes })
  }

  /** Begins with what is appended from now on. Throws LOG_UNAVAILABLE. */
  async start(): Promise<void> {
    this.#subscription = await this.#options.eventLog.subscribe(
      'events',
      {
        from: 'end',
        // A reader that was not there can't miss what expired; the ledger is where such a hole is reported.
        onExpired: () => undefined,
        onStopped: (error) => {
          this.#failure = error
        },
      },
      (records) => this.#take(records),
    )
    await this.#subscription.caughtUp
  }

  /** Why the feed stands still, if it does. */
  get problem(): string | undefined {
    if (this.#subscription === undefined) return 'not started'
    if (this.#failure === undefined) return undefined
    return this.#failure instanceof Error ? this.#failure.message : 'stopped for an unknown reason'
  }

  /** The sequence number up to which a chain was read; undefined where nothing of it was. */
  sequenceOf(chain: string): number | undefined {
    return this.#heads.get(chain)?.sequence
  }

  /** Calls a listener after new events; returns how to end that. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async stop(): Promise<void> {
    await this.#subscription?.stop()
  }

  #take(records: readonly StoredRecord[]): void {
    const { verdicts, heads } = verifyRecords(records, {
      log: this.#options.log,
      trust: this.#options.trust,
      headOf: (chain) => this.#heads.get(chain),
      hashAt: (chain, sequence) => this.#hashAt(chain, sequence),
    })
    for (const [chain, head] of heads) this.#remember(chain, head)
    for (const [index, verdict] of verdicts.entries()) {
      const record = records[index]
      if (record !== undefined && isVerified(verdict)) this.recent.push(toRecent(record, verdict))
    }
    for (const listener of this.#listeners) listener()
  }

  #hashAt(chain: string, sequence: number): string | undefined {
    const head = this.#heads.get(chain)
    if (head === undefined || sequence > head.sequence) return undefined
    return sequence === head.sequence ? head.hash : FORGOTTEN
  }

  #remember(chain: string, head: ChainHead): void {
    this.#heads.delete(chain)
    const oldest = this.#heads.size < MAX_CHAINS ? undefined : this.#heads.keys().next().value
    if (oldest !== undefined) this.#heads.delete(oldest)
    this.#heads.set(chain, head)
  }
}

type VerifiedEvent = Extract<Verdict, { outcome: 'accepted' | 'late' }>

function isVerified(verdict: Verdict): verdict is VerifiedEvent {
  return verdict.outcome === 'accepted' || verdict.outcome === 'late'
}

function toRecent({ position, timeMs, value }: StoredRecord, { event, hash, chain }: VerifiedEvent): RecentEvent {
  const place = JSON.stringify({ hash, chain, loggedAt: new Date(timeMs).toISOString() }).slice(1)
  return {
    id: `${Buffer.from(position.partition).toString('base64url')}.${position.offset}`,
    type: event.type,
    // The body is canonical JSON, one line by itself, and travels as it is.
    data: `{"event":${Buffer.from(value).toString('utf8')},${place}`,
  }
}
