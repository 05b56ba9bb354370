// The detectors over history, without effects: what they would have raised, and which calls their rules would have met, with
// the delay that feedback takes. Open loop: what was recorded went on whatever is decided now. Pure.
import type { EventOf } from '../events/event.ts'
import { type Rule, type RuleSubject, ruleMatches } from '../events/rule.ts'
import { parseTime } from '../events/time.ts'
import type { AlertDraft } from './adapt.ts'
import type { ObservedEvent } from './detector.ts'
import { type EngineOptions, type EngineState, initialEngineState, stepEngine } from './engine.ts'
import { noteLift } from './feedback.ts'
import { RELEASED_EVERY, releaseOlder } from './saved-state.ts'
import type { DetectorSettings } from './settings.ts'

/** From a record to its rule in force, milliseconds. */
const FEEDBACK_MS = 250
/** Alerts that are listed; all are counted. */
const MAX_LISTED = 1_000
/** Rules that are remembered at once; the oldest go first. */
const MAX_RULES = 50_000

/** An alert that would have been raised. */
export interface ReplayedAlert {
  readonly atMs: number
  readonly alert: AlertDraft
}

/** What one detector would have come to. */
export interface DetectorTally {
  readonly alerts: number
  readonly rules: number
  /** Calls that its rules would have denied, and held for approval. */
  readonly denied: number
  readonly held: number
}

/** What a replay came to. */
export interface ReplayTotals {
  readonly events: number
  readonly calls: number
  readonly sessions: number
  /** Sessions with a call that would have been denied, and with one that would have been held. */
  readonly sessionsDenied: number
  readonly sessionsHeld: number
  readonly byDetector: Readonly<Record<string, DetectorTally>>
  readonly alerts: readonly ReplayedAlert[]
}

interface LiveRule {
  readonly rule: Rule
  readonly detector: string
  readonly fromMs: number
  readonly untilMs: number
}

const NOTHING: DetectorTally = { alerts: 0, rules: 0, denied: 0, held: 0 }

/** One replay; events are taken in the order of the log. */
export class DetectorReplay {
  readonly #options: EngineOptions
  readonly #liftedHours: number
  #state: EngineState
  /** By rule id: a newer one takes the place of the older, which stands until then. */
  readonly #rules = new Map<string, readonly LiveRule[]>()
  /** Rule ids by the session, or else the principal, that they bind. */
  readonly #bound = new Map<string, Set<string>>()
  readonly #tallies = new Map<string, DetectorTally>()
  readonly #sessions = new Set<string>()
  readonly #denied = new Set<string>()
  readonly #held = new Set<string>()
  readonly #alerts: ReplayedAlert[] = []
  #events = 0
  #calls = 0

  constructor(options: EngineOptions, feedback: DetectorSettings['feedback']) {
    this.#options = options
    this.#liftedHours = feedback.liftedHours
    this.#state = initialEngineState(options.detectors)
  }

  /** Takes the next event. */
  take(observed: ObservedEvent, nowMs: number): void {
    const { event } = observed
    this.#events++
    if (event.type === 'authorization/propose') this.#meet(event, observed, nowMs)
    if (event.type === 'rule/lifted') {
      const moment = { nowMs, liftedHours: this.#liftedHours }
      this.#state = { ...this.#state, feedback: noteLift(this.#state.feedback, event, moment) }
      this.#rules.delete(event.rule)
    }
    const step = stepEngine(this.#state, observed, { nowMs, options: this.#options })
    this.#state = step.state
    if (this.#events % RELEASED_EVERY === 0) releaseOlder(this.#state)
    for (const { detector, alert, rule } of step.issues) {
      this.#count(detector, { alerts: alert === undefined ? 0 : 1, rules: rule === undefined ? 0 : 1 })
      if (alert !== undefined && this.#alerts.length < MAX_LISTED) this.#alerts.push({ atMs: nowMs, alert })
      if (rule !== undefined) this.#arm(rule, detector, nowMs)
    }
  }

  totals(): ReplayTotals {
    return {
      events: this.#events,
      calls: this.#calls,
      sessions: this.#sessions.size,
      sessionsDenied: this.#denied.size,
      sessionsHeld: this.#held.size,
      byDetector: Object.fromEntries([...this.#tallies].toSorted(([left], [right]) => (left < right ? -1 : 1))),
      alerts: this.#alerts,
    }
  }

  #arm(rule: Rule, detector: string, nowMs: number): void {
    const untilMs = Math.floor(parseTime(rule.expiresAt) / 1000)
    const before = (this.#rules.get(rule.id) ?? []).slice(-1)
    this.#rules.delete(rule.id)
    this.#rules.set(rule.id, [...before, { rule, detector, fromMs: nowMs + FEEDBACK_MS, untilMs }])
    const bound = rule.scope.session ?? rule.scope.principal ?? ''
    const ids = this.#bound.get(bound) ?? new Set()
    this.#bound.set(bound, ids.add(rule.id))
    if (this.#rules.size <= MAX_RULES) return
    const [oldest = ''] = this.#rules.keys()
    this.#rules.delete(oldest)
  }

  /** Which rules a call would have met. */
  #meet(event: EventOf<'authorization/propose'>, { signals }: ObservedEvent, nowMs: number): void {
    this.#calls++
    const key = JSON.stringify([event.principal, event.session])
    this.#sessions.add(key)
    if (signals === undefined) return
    const sessions = [event.session, event.origin, event.caller].filter((each) => each !== undefined)
    const subject = { ...event, sessions, signals, toolClass: signals.toolClass }
    const met = [...sessions, event.principal].flatMap((bound) => this.#rulesOf(bound, nowMs, subject))
    const decisive = met.find(({ rule }) => rule.action === 'deny') ?? met[0]
    if (decisive === undefined) return
    const isDenied = decisive.rule.action === 'deny'
    this.#count(decisive.detector, isDenied ? { denied: 1 } : { held: 1 })
    if (isDenied) this.#denied.add(key)
    else this.#held.add(key)
  }

  #rulesOf(bound: string, nowMs: number, subject: RuleSubject): readonly LiveRule[] {
    const ids = this.#bound.get(bound)
    if (ids === undefined) return []
    const found: LiveRule[] = []
    for (const id of ids) {
      const live = (this.#rules.get(id) ?? []).findLast(({ fromMs }) => fromMs <= nowMs)
      const latest = this.#rules.get(id)?.at(-1)
      if (latest === undefined || latest.untilMs <= nowMs) {
        ids.delete(id)
        this.#rules.delete(id)
      } else if (live !== undefined && ruleMatches(live.rule, subject)) found.push(live)
    }
    if (ids.size === 0) this.#bound.delete(bound)
    return found
  }

  #count(detector: string, more: Partial<DetectorTally>): void {
    const { alerts, rules, denied, held } = this.#tallies.get(detector) ?? NOTHING
    this.#tallies.set(detector, {
      alerts: alerts + (more.alerts ?? 0),
      rules: rules + (more.rules ?? 0),
      denied: denied + (more.denied ?? 0),
      held: held + (more.held ?? 0),
    })
  }
}
