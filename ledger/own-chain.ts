// The ledger's own chain: its events are sealed and stored together with the batch that caused them, and published after.
// Written by one ingest, which never seals twice what it could not store: it repeats the same rows until they are.
import { type ChainHead, EMPTY_CHAIN, type RunKey } from '../events/chain.ts'
import { type Append, type SealContext, sealCommit } from '../events/commit.ts'
import { ToolwardenError } from '../events/errors.ts'
import { chainOf, type EventDraft } from '../events/event.ts'
import { certifyRun, generateKey, type KeyPair } from '../events/keys.ts'
import type { LogRecord } from '../events/log.ts'
import { encodeSignature } from '../events/record.ts'
import { uuidv7 } from '../events/time.ts'
import { eventColumns } from './event-columns.ts'
import type { EventRow } from './store.ts'

/** The most events of one append. */
const MAX_APPEND_EVENTS = 100

/** What a run of the ledger starts from. */
export interface OwnChainOptions {
  readonly log: string
  /** `ledger/<name>` */
  readonly writer: string
  readonly key: KeyPair
  readonly opening: { readonly software: string; readonly configuration: string }
  readonly nowMicros: () => number
}

/** Sealed events: the rows to store, and the appends to publish, each signed by itself. */
export interface OwnEvents {
  readonly rows: readonly EventRow[]
  readonly appends: readonly (readonly LogRecord[])[]
}

/** Seals the ledger's events; `writer/open` rides ahead of the first. */
export class OwnChain {
  /** `ledger/<name>/<instance>` */
  readonly chain: string
  readonly #options: OwnChainOptions
  readonly #runKey: RunKey
  /** The last sealed event; written by `#sealAppend` alone. */
  #head: ChainHead = EMPTY_CHAIN

  constructor(options: OwnChainOptions) {
    const { log, writer, key, nowMicros } = options
    this.#options = options
    const identity = { log, writer, instance: uuidv7(nowMicros()) }
    const own = generateKey()
    this.#runKey = { identity, privateKey: own.privateKey, certificate: certifyRun(key, identity, own.publicKey) }
    this.chain = chainOf(identity)
  }

  /** How many events this run has sealed. */
  get length(): number {
    return this.#head.sequence
  }

  /** Gives drafts their places after what was sealed before. Throws EVENT_INVALID, EVENT_TOO_LARGE. */
  seal(drafts: readonly EventDraft[], logTimeMs: number): OwnEvents {
    const rows: EventRow[] = []
    const appends: (readonly LogRecord[])[] = []
    const all = this.length === 0 && drafts.length > 0 ? [this.#opening(), ...drafts] : drafts
    for (let from = 0; from < all.length; from += MAX_APPEND_EVENTS) {
      const sealed = this.#sealAppend(all.slice(from, from + MAX_APPEND_EVENTS), logTimeMs)
      rows.push(...sealed.rows)
      appends.push(...sealed.appends)
    }
    return { rows, appends }
  }

  #sealAppend(drafts: readonly EventDraft[], logTimeMs: number): OwnEvents {
    const append: Append = { entries: drafts.map((draft) => ({ draft })) }
    const { commit, refused } = sealCommit(this.#head, [append], this.#sealContext())
    if (commit === undefined) throw refused[0]?.error ?? new ToolwardenError('INTERNAL', 'nothing was sealed')
    this.#head = commit.head
    const events = commit.parts.flatMap((part) => part.events)
    const rows = events.map(({ event, body, hash }, index): EventRow => {
      const signature = index === events.length - 1 ? encodeSignature(commit.signature).toString('hex') : ''
      const place = { topic: 'own', partition: this.chain, offset: event.sequence, log_time: logTimeMs } as const
      const text = {
        outcome: 'accepted',
        reason: '',
        after_gap: 0,
        attachments: '',
        body: body.toString('utf8'),
      } as const
      return { ...eventColumns(event), ...place, ...text, hash, signature }
    })
    return { rows, appends: [commit.records] }
  }

  #sealContext(): SealContext {
    const { nowMicros } = this.#options
    return { runKey: this.#runKey, nowMicros, newId: () => uuidv7(nowMicros()) }
  }

  #opening(): EventDraft {
    const { publicKey, signature } = this.#runKey.certificate
    return {
      type: 'writer/open',
      publicKey: publicKey.toString('base64url'),
      certificate: signature.toString('base64url'),
      ...this.#options.opening,
    }
  }
}
