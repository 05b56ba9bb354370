// Follows `control` for a gateway, a detector runner or the API: every record is checked before it changes the view.

import { sha256 } from './chain.ts'
import { type ControlRecord, verifyControlRecord } from './control-record.ts'
import { type ControlView, EMPTY_CONTROL, evolveControl } from './control-view.ts'
import { ToolwardenError } from './errors.ts'
import type { EventLog, StoredRecord, Subscription } from './log.ts'
import type { Trust } from './trust.ts'

/** A record that was not honoured. */
export interface RefusedControl {
  /** The record's key, cut to 512 characters. */
  readonly subject: string
  readonly reason: string
  /** SHA-256 of the raw bytes. */
  readonly digest: string
}

/** What a reader needs. */
export interface ControlReaderOptions {
  readonly eventLog: EventLog
  readonly log: string
  readonly trust: Trust
  /** Told after each record that changed the view. */
  readonly onApplied?: (record: ControlRecord) => void
  readonly onRefused?: (refused: RefusedControl) => void
  readonly onStopped?: (error: unknown) => void
}

/** The current view of `control`, kept up to date until it is stopped. */
export class ControlReader {
  readonly #options: ControlReaderOptions
  /** Written by `#take` alone, one record at a time. */
  #view: ControlView = EMPTY_CONTROL
  #subscription: Subscription | undefined

  constructor(options: ControlReaderOptions) {
    this.#options = options
  }

  /** What is in force now. */
  get view(): ControlView {
    return this.#view
  }

  /** Resolves once everything that stood on `control` at the call has been taken. Throws LOG_UNAVAILABLE. */
  async start(): Promise<void> {
    const { eventLog, onStopped } = this.#options
    this.#subscription = await eventLog.latest(
      'control',
      (record) => this.#take(record),
      onStopped === undefined ? {} : { onStopped },
    )
    await this.#subscription.caughtUp
  }

  /** Stops following; the view stays as it is. */
  async stop(): Promise<void> {
    await this.#subscription?.stop()
  }

  #take(record: StoredRecord): void {
    const { log, trust, onApplied, onRefused } = this.#options
    try {
      const checked = verifyControlRecord(record, log, trust)
      const result = evolveControl(this.#view, checked)
      this.#view = result.view
      if (result.outcome === 'applied') onApplied?.(checked)
      if (result.outcome === 'refused') onRefused?.(refused(record, result.reason))
    } catch (error) {
      if (!(error instanceof ToolwardenError)) throw error
      onRefused?.(refused(record, error.message))
    }
  }
}

function refused(record: StoredRecord, reason: string): RefusedControl {
  return { subject: record.key.slice(0, 512), reason, digest: sha256(record.value) }
}
