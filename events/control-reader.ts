// Follows `control` for a gateway, a detector runner or the API: every record is checked before it changes the view.

import { sha256 } from './chain.ts'
import { isLongOver } from './control-expiry.ts'
import { type ControlEvent, type ControlRecord, verifyControlRecord } from './control-record.ts'
import { type ControlView, EMPTY_CONTROL, evolveControl, withoutSubjects } from './control-view.ts'
import { ToolwardenError } from './errors.ts'
import type { EventLog, LogRecord, StoredRecord, Subscription } from './log.ts'
import type { Clock } from './time.ts'
import type { Trust } from './trust.ts'

/** A record that was not honoured. */
export interface RefusedControl {
  /** The record's key, cut to 512 characters. */
  readonly subject: string
  readonly reason: string
  /** SHA-256 of the raw bytes. */
  readonly digest: string
}

/** A record that is in force. */
export interface HeldControl {
  readonly event: ControlEvent
  readonly record: LogRecord
}

/** What a reader needs. */
export interface ControlReaderOptions {
  readonly eventLog: EventLog
  readonly log: string
  readonly trust: Trust
  /** With a clock, what is long over when it is first read is not remembered: `control` may hold a history of it. */
  readonly clock?: Clock
  /** Told after each record that changed the view. */
  readonly onApplied?: (record: ControlRecord) => void
  readonly onRefused?: (refused: RefusedControl) => void
  /** Told when the log can't be read; the reader goes on trying. */
  readonly onTrouble?: (error: unknown) => void
}

const RETRY_MS = 1_000

/** The current view of `control`, kept up to date until it is stopped. */
export class ControlReader {
  readonly #options: ControlReaderOptions
  /** Of its own: what is revoked on control is revoked for control alone. */
  readonly #trust: Trust
  /** Written by `#take` alone, one record at a time. */
  #view: ControlView = EMPTY_CONTROL
  /** The record behind each subject of the view; written by `#take` alone. */
  readonly #held = new Map<string, HeldControl>()
  #onDisplaced: (held: HeldControl) => void = () => undefined
  #subscription: Subscription | undefined
  #stopped = false
  #starting = false

  constructor(options: ControlReaderOptions) {
    this.#options = options
    this.#trust = options.trust.copy()
  }

  /** What is in force now. */
  get view(): ControlView {
    return this.#view
  }

  /** The records in force that a long-lived key (base64url) vouches for. */
  heldUnder(key: string): readonly HeldControl[] {
    const { log } = this.#options
    const trust = this.#trust
    const others = trust.copy()
    others.revoke(key)
    return [...this.#held.values()].filter(
      ({ record }) => isHonoured(record, log, trust) && !isHonoured(record, log, others),
    )
  }

  /**
   * Tells one listener when a record that was not honoured took the place of one that is in force: compaction would drop
   * the latter, and readers that start later would never see it.
   */
  onDisplaced(listener: (held: HeldControl) => void): void {
    this.#onDisplaced = listener
  }

  /** Resolves once everything that stood on `control` has been taken; until the log can be read it tries again and again. */
  async start(): Promise<void> {
    this.#starting = true
    while (!this.#stopped) {
      try {
        this.#subscription = await this.#subscribe()
        await this.#subscription.caughtUp
        this.#starting = false
        return
      } catch (error) {
        if (!(error instanceof ToolwardenError)) throw error
        this.#options.onTrouble?.(error)
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref())
      }
    }
  }

  /** Stops following; the view stays as it is. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#subscription?.stop()
  }

  /** A subscription that ends by itself is followed by a new one; what it reads again is known and changes nothing. */
  #subscribe(): Promise<Subscription> {
    const onStopped = (error: unknown): void => {
      // While it starts, the same failure ends `caughtUp`, and the loop there goes on.
      if (this.#stopped || this.#starting) return
      this.#options.onTrouble?.(error)
      void this.start()
    }
    return this.#options.eventLog.latest('control', (record) => this.#take(record), { onStopped })
  }

  #take(record: StoredRecord): void {
    const { log, onApplied, clock } = this.#options
    try {
      const checked = verifyControlRecord(record, log, this.#trust)
      // Each that is entered costs a copy of the view.
      const isNew = checked.kind === 'event' && !this.#view.subjects.has(checked.subject)
      if (isNew && clock !== undefined && isLongOver(checked.event, clock.nowMicros())) return
      const result = evolveControl(this.#view, checked)
      this.#view = result.view
      if (result.outcome === 'applied') {
        if (checked.kind === 'event') this.#hold(checked.event, record)
        if (checked.kind === 'event') this.#honour(checked.event)
        onApplied?.(checked)
      }
      if (result.outcome === 'refused') this.#refuse(record, result.reason)
    } catch (error) {
      if (!(error instanceof ToolwardenError)) throw error
      this.#refuse(record, error.message)
    }
  }

  #hold(event: ControlEvent, { key, value, headers }: StoredRecord): void {
    this.#held.set(key, { event, record: { key, value, headers } })
    if (this.#held.size <= 2 * this.#view.subjects.size) return
    for (const subject of this.#held.keys()) if (!this.#view.subjects.has(subject)) this.#held.delete(subject)
  }

  /** What a key vouched for that is revoked now leaves the view, whenever it came: its holder could say anything, backdated. */
  #honour(event: ControlEvent): void {
    const { log } = this.#options
    const trust = this.#trust
    if (event.type !== 'key/revoked' || !trust.provesRevocation(event)) return
    trust.revoke(event.publicKey)
    const gone = new Set<string>()
    for (const [subject, { record }] of this.#held) if (!isHonoured(record, log, trust)) gone.add(subject)
    for (const subject of gone) this.#held.delete(subject)
    if (gone.size > 0) this.#view = withoutSubjects(this.#view, gone)
  }

  #refuse(record: StoredRecord, reason: string): void {
    this.#options.onRefused?.(refused(record, reason))
    const held = this.#held.get(record.key)
    if (held !== undefined) this.#onDisplaced(held)
  }
}

function isHonoured(record: LogRecord, log: string, trust: Trust): boolean {
  try {
    verifyControlRecord(record, log, trust)
    return true
  } catch (error) {
    if (error instanceof ToolwardenError) return false
    throw error
  }
}

function refused(record: StoredRecord, reason: string): RefusedControl {
  return { subject: record.key.slice(0, 512), reason, digest: sha256(record.value) }
}
