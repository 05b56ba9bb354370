// When the state is saved: after so many events, after so many seconds with any, and at the end. One save at a time.
import type { DetectorSettings } from './settings.ts'
import type { Snapshot, SnapshotFile } from './snapshot.ts'

/** What is kept, where and how often. */
export interface SnapshotKeeperOptions {
  readonly file: SnapshotFile
  readonly settings: DetectorSettings['snapshot']
  readonly capture: () => Snapshot | undefined
  /** Told when a save failed: the old snapshot stands, and the log is read again from there. */
  readonly onFailed: (error: unknown) => void
}

/** Saves snapshots in the background. */
export class SnapshotKeeper {
  readonly #options: SnapshotKeeperOptions
  /** Events seen so far, and seen at the last save. */
  #events = 0
  #savedEvents = 0
  #timer: NodeJS.Timeout | undefined
  #saving: Promise<void> = Promise.resolve()
  #isSaving = false

  constructor(options: SnapshotKeeperOptions) {
    this.#options = options
  }

  /** Begins to save every so many seconds. */
  start(): void {
    const { everySeconds } = this.#options.settings
    this.#timer = setInterval(() => this.#saveIfChanged(), everySeconds * 1000).unref()
  }

  /** Told after each batch how many events were seen. */
  noteEvents(events: number): void {
    this.#events = events
    if (events - this.#savedEvents >= this.#options.settings.everyEvents) this.#saveIfChanged()
  }

  /** Saves a last time. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#saving
    this.#save()
    await this.#saving
  }

  #saveIfChanged(): void {
    if (!this.#isSaving && this.#events > this.#savedEvents) this.#save()
  }

  #save(): void {
    const snapshot = this.#options.capture()
    if (snapshot === undefined) return
    const events = this.#events
    this.#isSaving = true
    this.#saving = this.#options.file
      .save(snapshot)
      .then(() => {
        this.#savedEvents = events
      }, this.#options.onFailed)
      .finally(() => {
        this.#isSaving = false
      })
  }
}
