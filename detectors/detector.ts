// The port of a detector: a pure function from what was observed to what was found. No I/O, no clock, no randomness:
// `nowMs` is the log's own time of the record (milliseconds since 1970), so that the same log gives the same findings.
import type { Gap } from '../events/chain-verifier.ts'
import type { Event, EventOf } from '../events/event.ts'
import type { Predicate, Rule } from '../events/rule.ts'
import type { Signals } from '../events/signals.ts'
import type { ToolClass } from '../events/tool-class.ts'

/** A verified event, with what travelled beside it. */
export interface ObservedEvent {
  readonly event: Event
  readonly hash: string
  /** `role/name/instance`. */
  readonly chain: string
  /** Undefined where they are missing, erased or not those that the event committed to. */
  readonly signals?: Signals
  /** Events of this chain that are missing before this one. */
  readonly gap?: Gap
}

/** How urgent an alert is. */
export type Severity = EventOf<'alert/raised'>['severity']

/** A rule that a finding asks for; adapt.ts gives it id, cause and expiry, and may soften or refuse it. */
export interface RuleTemplate {
  readonly scope: Rule['scope']
  /** A tool's name, or `*`. */
  readonly tool: string
  readonly toolClass?: ToolClass
  readonly arguments?: Predicate
  readonly action: Rule['action']
  readonly lifetimeMs: number
  /** Shown to the agent and to people: nothing secret. */
  readonly reason: string
}

/** Something that a person should hear of. */
export interface Finding {
  readonly severity: Severity
  /** Thousandths. */
  readonly score: number
  /** What it is about. Within a detector and a principal one subject is one alert an hour. */
  readonly subject: string
  readonly scope: {
    readonly session?: string
    readonly principal?: string
    readonly server?: string
    readonly tool?: string
  }
  /** In plain words, with the figures that count. */
  readonly explanation: string
  /** Hashes of the events behind it. */
  readonly causes: readonly string[]
  /** No alert: it only arms a rule. A rule in force under the subject is replaced by the newer one. */
  readonly isQuiet?: true
  readonly response?: RuleTemplate
}

/** What one observation came to. */
export interface Observation<State> {
  readonly state: State
  readonly findings: readonly Finding[]
}

/** One detector. Its state is plain JSON, never changed in place, and bounded. */
export interface Detector<State> {
  readonly name: string
  /** Grows when the form of the state changes: a saved state of another version is not taken up. */
  readonly version: number
  readonly initialState: State
  /** Events of one chain come in order; those of different chains in any order, so `nowMs` may step back. */
  observe(state: State, observed: ObservedEvent, nowMs: number): Observation<State>
}

/** The most causes of one finding. */
export const MAX_CAUSES = 100
