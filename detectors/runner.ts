// Drives the detectors over the live log: checked records in, alerts and rules out. Each batch is taken in one turn of the
// event loop, so that positions, detector states and outbox always speak of the same moment; snapshots are of such moments.
import type { Verdict } from '../events/chain-verifier.ts'
import type { ControlView } from '../events/control-view.ts'
import { ToolwardenError } from '../events/errors.ts'
import type { EventOf } from '../events/event.ts'
import type { EventLog, StoredRecord, Subscription } from '../events/log.ts'
import { roleOf } from '../events/role.ts'
import { parseSignals, type Signals } from '../events/signals.ts'
import type { Clock } from '../events/time.ts'
import type { Trust } from '../events/trust.ts'
import type { Issue } from './adapt.ts'
import { ChainBook } from './chain-book.ts'
import type { Detector } from './detector.ts'
import { type EngineState, initialEngineState, isolatedDetectors, stepEngine } from './engine.ts'
import { noteLift } from './feedback.ts'
import type { Publisher } from './publisher.ts'
import { findAlertKey, findPublished, notePublished, type PublishedEvent, settleRecovery } from './recovery.ts'
import { findRuleRecord, missingOnControl, type RuleRecord } from './rule-records.ts'
import { captureState, RELEASED_EVERY, releaseOlder } from './saved-state.ts'
import type { DetectorSettings } from './settings.ts'
import type { Snapshot } from './snapshot.ts'

/** Unpublished issues beyond which no further events are read. */
const MAX_OUTBOX = 1_000
const RETRY_MS = 1_000

/** What a runner works with. */
export interface RunnerOptions {
  readonly eventLog: EventLog
  readonly clock: Clock
  readonly log: string
  readonly trust: Trust
  readonly detectors: readonly Detector<unknown>[]
  readonly settings: DetectorSettings
  /** The run that publishes; its own events are known already. */
  readonly instance: string
  readonly controlView: () => ControlView
  readonly saved: Snapshot | undefined
  readonly onProgress: (runner: DetectorRunner) => void
  /** Told when a receipt was judged and what it led to is being published. */
  readonly onJudged?: (chain: string, sequence: number) => void
  readonly onExpired: (where: string) => void
  /** Told when the log can't be read; the runner goes on trying. */
  readonly onTrouble: (error: unknown) => void
  /** Told when the runner stopped for another reason than the log. */
  readonly onFailed: (error: unknown) => void
}

/** Figures of a run. */
export interface RunnerCounts {
  readonly events: number
  /** Records that were not acted on: forged, damaged, forked. */
  readonly unverified: number
  readonly alerts: number
  readonly rules: number
  /** Found and not yet acknowledged by the log. */
  readonly waiting: number
  /** When records were taken last, milliseconds since 1970, and how old the newest of them was then. */
  readonly takenMs: number
  readonly lagMs: number
}

/** Reads, detects, and hands issues to its publisher. */
export class DetectorRunner {
  readonly #options: RunnerOptions
  readonly #book: ChainBook
  /** Written by `#takeBatch` and `goLive` alone. */
  #engine: EngineState
  #outbox: Set<Issue>
  #ruleRecords: readonly RuleRecord[]
  /** While catching up: what the log holds of earlier runs; undefined once live. */
  #published: PublishedEvent[] | undefined = []
  #publisher: Publisher | undefined
  #subscription: Subscription | undefined
  #isStopped = false
  #isCatchingUp = false
  #counts = { events: 0, unverified: 0, alerts: 0, rules: 0, takenMs: 0, lagMs: 0 }

  constructor(options: RunnerOptions) {
    const { saved, log, trust, detectors } = options
    this.#options = options
    this.#book = new ChainBook({ log, trust, ...(saved === undefined ? {} : { saved: saved.book }) })
    this.#engine = initialEngineState(detectors, saved?.engine)
    this.#outbox = new Set(saved?.outbox)
    this.#ruleRecords = saved?.ruleRecords ?? []
  }

  get counts(): RunnerCounts {
    return { ...this.#counts, waiting: this.#outbox.size }
  }

  /** Detectors that are switched off since they failed. */
  get isolated(): readonly string[] {
    return isolatedDetectors(this.#engine)
  }

  /** Begins to read; resolves when everything that stood in the log was read. Until the log can be read it tries again. */
  async catchUp(): Promise<void> {
    this.#isCatchingUp = true
    while (!this.#isStopped) {
      try {
        this.#subscription = await this.#subscribe()
        await this.#subscription.caughtUp
        this.#isCatchingUp = false
        return
      } catch (error) {
        if (!isRetriable(error)) throw error
        if (this.#isStopped) return
        this.#options.onTrouble(error)
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref())
      }
    }
  }

  /** Rules of earlier runs that never reached `control`. */
  missingRules(): readonly RuleRecord[] {
    const nowMs = this.#options.clock.nowMicros() / 1000
    return missingOnControl(this.#ruleRecords, { view: this.#options.controlView(), nowMs })
  }

  /** Publishes what the log does not hold yet, and from now on whatever is found. */
  goLive(publisher: Publisher): void {
    const repeatMs = this.#options.settings.feedback.repeatMinutes * 60_000
    const settled = settleRecovery(
      { feedback: this.#engine.feedback, outbox: [...this.#outbox] },
      this.#published ?? [],
      repeatMs,
    )
    this.#engine = { ...this.#engine, feedback: settled.feedback }
    this.#outbox = new Set(settled.outbox)
    this.#published = undefined
    this.#publisher = publisher
    for (const issue of this.#outbox) publisher.publish(issue)
  }

  /** An issue is durable. */
  settle(issue: Issue): void {
    this.#outbox.delete(issue)
    if (issue.alert !== undefined) this.#counts.alerts++
    if (issue.rule !== undefined) this.#counts.rules++
  }

  /** The state of this moment; undefined while catching up, when it would be half of two moments. */
  snapshot(): Snapshot | undefined {
    if (this.#publisher === undefined) return undefined
    this.#ruleRecords = this.missingRules()
    return {
      book: this.#book.toJson(),
      engine: captureState(this.#engine) as EngineState,
      outbox: [...this.#outbox],
      ruleRecords: this.#ruleRecords,
    }
  }

  /** Reads no further; resolves when no batch is being taken. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#subscription?.stop()
  }

  /** A subscription that the log ended is followed by a new one from where it stood. */
  #subscribe(): Promise<Subscription> {
    const { eventLog, log, onExpired, onTrouble, onFailed } = this.#options
    const onStopped = (error: unknown): void => {
      // While it catches up, the same failure ends `caughtUp`, and the loop there goes on.
      if (this.#isStopped || this.#isCatchingUp) return
      if (!isRetriable(error)) {
        onFailed(error)
        return
      }
      onTrouble(error)
      this.catchUp().catch(onFailed)
    }
    return eventLog.subscribe(
      'events',
      {
        from: async (partition) => this.#book.nextOffset(partition),
        group: `toolwarden-detectors-${log}`,
        onExpired: ({ partition, from, to }) => onExpired(`events/${partition}: ${from} to ${to}`),
        onStopped,
      },
      (records) => this.#onBatch(records),
    )
  }

  async #onBatch(records: readonly StoredRecord[]): Promise<void> {
    this.#takeBatch(records)
    const takenMs = this.#options.clock.nowMicros() / 1000
    this.#counts.lagMs = Math.max(0, takenMs - (records.at(-1)?.timeMs ?? takenMs))
    this.#counts.takenMs = takenMs
    this.#options.onProgress(this)
    while (this.#publisher !== undefined && this.#outbox.size > MAX_OUTBOX) await this.#publisher.settleOne()
  }

  #takeBatch(records: readonly StoredRecord[]): void {
    const verdicts = this.#book.verify(records)
    for (const [index, verdict] of verdicts.entries()) {
      const record = records[index]
      if (record === undefined) continue
      if (verdict.outcome === 'accepted' || verdict.outcome === 'late')
        this.#take(verdict, { batch: { records, verdicts }, index, timeMs: record.timeMs })
      else if (verdict.outcome !== 'duplicate') this.#counts.unverified++
    }
  }

  #take(verdict: AcceptedVerdict, place: BatchPlace): void {
    const { event } = verdict
    this.#counts.events++
    if (event.type === 'rule/lifted') this.#noteLift(event, place.timeMs)
    if (roleOf(event.writer) === 'detectors') {
      if (event.type === 'alert/raised' || event.type === 'rule/added') this.#takePublished(verdict, place)
      return
    }
    const { signals, ...observed } = toObserved(verdict)
    const step = stepEngine(
      this.#engine,
      { ...observed, ...(signals === undefined ? {} : { signals }) },
      {
        nowMs: place.timeMs,
        options: { detectors: this.#options.detectors, feedback: this.#options.settings.feedback },
      },
    )
    this.#engine = step.state
    if (this.#counts.events % RELEASED_EVERY === 0) releaseOlder(this.#engine)
    for (const issue of step.issues) {
      this.#outbox.add(issue)
      this.#publisher?.publish(issue)
    }
    if (event.type === 'authorization/receipt') this.#options.onJudged?.(verdict.chain, event.sequence)
  }

  /** An alert or a rule of a detector run, this one or another. */
  #takePublished(verdict: AcceptedVerdict, place: BatchPlace): void {
    const { event } = verdict
    if (event.type !== 'alert/raised' && event.type !== 'rule/added') return
    const ruleRecord = findRuleRecord(verdict, place)
    if (ruleRecord !== undefined) this.#ruleRecords = [...this.#ruleRecords, ruleRecord]
    if (event.instance === this.#options.instance) {
      // It is behind the position of the next snapshot, so a restart would not meet it again; for control there is the record.
      for (const issue of this.#outbox) if (isPublishedAs(issue, event)) this.#outbox.delete(issue)
      return
    }
    const context = { published: this.#published ?? [], feedback: this.#engine.feedback }
    const published = findPublished(event, {
      timeMs: place.timeMs,
      alertKey: (alert) => findAlertKey(alert, context),
    })
    if (published === undefined) return
    if (this.#published !== undefined) this.#published.push(published)
    else this.#engine = { ...this.#engine, feedback: notePublished(this.#engine.feedback, published) }
  }

  #noteLift(lifted: EventOf<'rule/lifted'>, nowMs: number): void {
    const { liftedHours } = this.#options.settings.feedback
    this.#engine = { ...this.#engine, feedback: noteLift(this.#engine.feedback, lifted, { nowMs, liftedHours }) }
  }
}

function isPublishedAs({ alert, rule }: Issue, event: EventOf<'alert/raised' | 'rule/added'>): boolean {
  if (event.type === 'alert/raised') return alert?.alert === event.alert
  return rule?.id === event.rule.id && rule.cause.events.at(-1) === event.rule.cause.events.at(-1)
}

function isRetriable(error: unknown): boolean {
  return error instanceof ToolwardenError && error.retriable
}

type AcceptedVerdict = Extract<Verdict, { outcome: 'accepted' | 'late' }>

interface BatchPlace {
  readonly batch: { readonly records: readonly StoredRecord[]; readonly verdicts: readonly Verdict[] }
  readonly index: number
  /** The log's time of the record. */
  readonly timeMs: number
}

function toObserved(verdict: AcceptedVerdict) {
  const { event, hash, chain } = verdict
  const gap = verdict.outcome === 'accepted' ? verdict.gap : undefined
  return { event, hash, chain, signals: readSignals(verdict), ...(gap === undefined ? {} : { gap }) }
}

/** Signals of another form, or not those that the event committed to, lower what is known; they do not stop the reading. */
function readSignals({ headers, attachmentProblem }: AcceptedVerdict): Signals | undefined {
  if (headers.signals === undefined || attachmentProblem !== undefined) return undefined
  try {
    return parseSignals(headers.signals)
  } catch (error) {
    if (error instanceof ToolwardenError) return undefined
    throw error
  }
}
