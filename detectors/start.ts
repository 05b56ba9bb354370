// The detectors' role: its chain, its view of control, the runner and the snapshots, wired together.
// Order at the start: read everything that stands in the log, send rules again that never reached control, then publish.

import { canonicalBytes } from '../events/canonical.ts'
import { sha256 } from '../events/chain.ts'
import { ChainWriter } from '../events/chain-writer.ts'
import { ControlReader } from '../events/control-reader.ts'
import { liveRules } from '../events/control-view.ts'
import { ControlWriter } from '../events/control-writer.ts'
import { ToolwardenError } from '../events/errors.ts'
import type { KeyPair } from '../events/keys.ts'
import { APPEND_DEADLINE_MS, type EventLog } from '../events/log.ts'
import type { Rule } from '../events/rule.ts'
import type { Clock } from '../events/time.ts'
import type { Trust } from '../events/trust.ts'
import type { AlertDraft, Issue } from './adapt.ts'
import { createDetectors } from './create.ts'
import type { Detector } from './detector.ts'
import { type PublishedCount, PublishedCounts } from './published-counts.ts'
import { Publisher } from './publisher.ts'
import { toLogRecord } from './rule-records.ts'
import { DetectorRunner, type RunnerCounts } from './runner.ts'
import type { DetectorSettings } from './settings.ts'
import { SnapshotFile } from './snapshot.ts'
import { SnapshotKeeper } from './snapshot-keeper.ts'
import { VerdictAnnouncer } from './verdict-announcer.ts'

/** The writer name of the detectors. */
export const DETECTORS_WRITER = 'detectors/main'
const PUBLISH_DEADLINE_MS = 2_000
const RETRY_MS = 100

/** Something that whoever runs the detectors may want to show. */
export type DetectorNotice =
  | { readonly type: 'alert'; readonly alert: AlertDraft }
  | { readonly type: 'snapshot-unusable'; readonly reason: string; readonly where: string }
  | { readonly type: 'snapshot-failed'; readonly error: unknown }
  /** Switched off in an earlier run, since it failed, and still in that version. */
  | { readonly type: 'isolated'; readonly detector: string }
  | { readonly type: 'log-expired'; readonly where: string }
  /** The log can't be read; the detectors go on trying. */
  | { readonly type: 'log-trouble'; readonly error: unknown }
  /** The detectors do not run any more: they must be started again. */
  | { readonly type: 'failed'; readonly error: unknown }

/** What the detectors run on. */
export interface StartDetectorsOptions {
  readonly eventLog: EventLog
  readonly clock: Clock
  readonly log: string
  readonly trust: Trust
  /** The long-lived key of `detectors/main`. */
  readonly key: KeyPair
  readonly snapshotDirectory: string
  readonly settings: DetectorSettings
  /** Name and version, for `writer/open`. */
  readonly software: string
  readonly onNotice: (notice: DetectorNotice) => void
  /** Instead of those that the settings enable. */
  readonly detectors?: readonly Detector<unknown>[]
}

/** Figures of a run, and how it stands. */
export type DetectorStats = RunnerCounts & { readonly state: 'catching-up' | 'live' | 'failed' | 'stopped' }

/** What is worth a glance from time to time, and costs one. */
export interface DetectorFigures extends DetectorStats {
  readonly published: readonly PublishedCount[]
  /** Of whoever wrote them: operators too. */
  readonly rulesInForce: () => readonly Rule[]
  /** Switched off, since they failed. */
  readonly isolated: readonly string[]
  /** Of the newest snapshot of the detectors' state; 0 before the first. */
  readonly stateBytes: number
}

/** Running detectors. */
export interface RunningDetectors {
  /** Resolves when everything that stood in the log was judged and publishing has begun; rejects when that failed. */
  readonly live: Promise<void>
  stats(): DetectorStats
  figures(): DetectorFigures
  /** Ends the run: no event is read any more, the state is saved, the chain is closed. */
  stop(): Promise<void>
}

/** Starts the detectors. Throws STORE_UNAVAILABLE, LOG_UNAVAILABLE. One process of a log runs them. */
export async function startDetectors(options: StartDetectorsOptions): Promise<RunningDetectors> {
  const { log, snapshotDirectory, onNotice } = options
  const file = new SnapshotFile(snapshotDirectory, log)
  const loaded = await file.load()
  if (loaded.type === 'unusable') onNotice({ type: 'snapshot-unusable', reason: loaded.reason, where: loaded.where })
  const role = new DetectorRole(options, file, loaded.type === 'loaded' ? loaded.snapshot : undefined)
  role.begin()
  return role
}

class DetectorRole implements RunningDetectors {
  readonly #options: StartDetectorsOptions
  readonly #chainWriter: ChainWriter
  readonly #reader: ControlReader
  readonly #runner: DetectorRunner
  readonly #keeper: SnapshotKeeper
  readonly #file: SnapshotFile
  readonly #published = new PublishedCounts()
  #control: ControlWriter | undefined
  #publisher: Publisher | undefined
  readonly #announcer: VerdictAnnouncer
  #state: DetectorStats['state'] = 'catching-up'
  live: Promise<void> = Promise.resolve()

  constructor(
    options: StartDetectorsOptions,
    file: SnapshotFile,
    saved: ConstructorParameters<typeof DetectorRunner>[0]['saved'],
  ) {
    const { eventLog, clock, log, trust, key, settings, onNotice, software } = options
    this.#options = options
    this.#file = file
    const configuration = sha256(canonicalBytes(settings))
    this.#chainWriter = new ChainWriter({
      eventLog,
      clock,
      log,
      writer: DETECTORS_WRITER,
      key,
      opening: { software, configuration },
    })
    const onTrouble = (error: unknown): void => onNotice({ type: 'log-trouble', error })
    this.#reader = new ControlReader({ eventLog, log, trust, clock, onTrouble })
    this.#keeper = new SnapshotKeeper({
      file,
      settings: settings.snapshot,
      capture: () => this.#runner.snapshot(),
      onFailed: (error) => onNotice({ type: 'snapshot-failed', error }),
    })
    this.#announcer = new VerdictAnnouncer({
      published: async () => this.#publisher?.settleAll(PUBLISH_DEADLINE_MS),
      announce: (judged) => this.#control?.announce(judged),
    })
    this.#runner = new DetectorRunner({
      eventLog,
      clock,
      log,
      trust,
      settings,
      saved,
      detectors: options.detectors ?? createDetectors(settings),
      instance: this.#chainWriter.instance,
      controlView: () => this.#reader.view,
      onJudged: (chain, sequence) => this.#announcer.note(chain, sequence),
      onProgress: ({ counts }) => this.#keeper.noteEvents(counts.events),
      onExpired: (where) => onNotice({ type: 'log-expired', where }),
      onTrouble,
      onFailed: (error) => this.#fail(error),
    })
  }

  /** Begins the work of the start; its end is told by `live`. */
  begin(): void {
    for (const detector of this.#runner.isolated) this.#options.onNotice({ type: 'isolated', detector })
    this.live = this.#goLive()
    // Told through the notice as well: whoever does not wait for it must not be ended by it.
    this.live.catch((error: unknown) => this.#fail(error))
  }

  stats(): DetectorStats {
    return { ...this.#runner.counts, state: this.#state }
  }

  figures(): DetectorFigures {
    return {
      ...this.stats(),
      published: this.#published.list(),
      rulesInForce: () => liveRules(this.#reader.view, this.#options.clock.nowMicros()),
      isolated: this.#runner.isolated,
      stateBytes: this.#file.sizeBytes,
    }
  }

  async stop(): Promise<void> {
    if (this.#state !== 'failed') this.#state = 'stopped'
    this.#announcer.stop()
    await this.#runner.stop()
    await this.#publisher?.settleAll(PUBLISH_DEADLINE_MS)
    await this.#keeper.stop()
    await Promise.all([this.#control?.stop(), this.#chainWriter.close(), this.#reader.stop()])
  }

  async #goLive(): Promise<void> {
    const { eventLog, clock, log } = this.#options
    await this.#reader.start()
    await this.#runner.catchUp()
    for (const record of this.#runner.missingRules()) await this.#send(toLogRecord(record))
    if (this.#state !== 'catching-up') return
    const writer = { writer: DETECTORS_WRITER, chainWriter: this.#chainWriter, reader: this.#reader }
    this.#control = new ControlWriter({ eventLog, clock, log, ...writer })
    this.#publisher = new Publisher({
      clock,
      chainWriter: this.#chainWriter,
      control: this.#control,
      onPublished: (issue) => this.#settle(issue),
      onFailed: (error) => this.#fail(error),
    })
    this.#runner.goLive(this.#publisher)
    this.#state = 'live'
    // Even without a receipt: gateways wait for verdicts only of detectors that give them.
    this.#control.announce(this.#announcer.judged)
    this.#keeper.start()
  }

  #settle(issue: Issue): void {
    this.#runner.settle(issue)
    this.#published.note(issue)
    if (issue.alert !== undefined) this.#options.onNotice({ type: 'alert', alert: issue.alert })
  }

  /** Sends a rule of an earlier run to control; nothing else writes there yet. */
  async #send(record: ReturnType<typeof toLogRecord>): Promise<void> {
    while (this.#state === 'catching-up') {
      try {
        await this.#options.eventLog.append('control', [record], {
          deadlineMs: APPEND_DEADLINE_MS,
          chain: this.#chainWriter.chain,
          mayUseReserve: true,
        })
        return
      } catch (error) {
        if (!(error instanceof ToolwardenError) || !error.retriable) throw error
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
  }

  #fail(error: unknown): void {
    if (this.#state === 'failed' || this.#state === 'stopped') return
    this.#state = 'failed'
    this.#options.onNotice({ type: 'failed', error })
  }
}
