// Plays a recorded session to the detectors, as the log would have it, and applies the rules that come back after a
// delay. Open loop: the recording goes on whatever is decided; only a refused call has no receipt. Pure.
import { type EngineOptions, type EngineState, stepEngine } from '../../detectors/engine.ts'
import { ZERO_HASH } from '../../events/chain.ts'
import type { Event, EventDraft } from '../../events/event.ts'
import { type Rule, ruleMatches } from '../../events/rule.ts'
import type { Signals } from '../../events/signals.ts'
import { formatTime, parseTime } from '../../events/time.ts'
import type { TracedCall, TracedSession } from './trace.ts'

/** How a session is played. */
export interface Playing {
  readonly options: EngineOptions
  /** Milliseconds from a durable receipt to the rule in force. */
  readonly delayMs: number
  /** When the session begins. */
  readonly startMs: number
}

/** What was decided on one call, by detector. */
export interface Verdict {
  readonly deniedBy: readonly string[]
  readonly escalatedBy: readonly string[]
  /** Calls since the one that the first matching rule came from. */
  readonly afterCalls: number
}

/** A played session: one verdict a call, and the state after it. */
export interface Played {
  readonly state: EngineState
  readonly verdicts: readonly Verdict[]
  /** How many were raised. */
  readonly alerts: number
}

interface LiveRule {
  readonly rule: Rule
  readonly detector: string
  readonly fromMs: number
  readonly untilMs: number
  readonly call: number
}

/** Plays one session from a state on. */
export function playSession(state: EngineState, session: TracedSession, playing: Playing): Played {
  const run = new SessionRun(state, session, playing)
  const verdicts = session.calls.map((call) => run.play(call))
  return { state: run.state, verdicts, alerts: run.alerts }
}

const CONTEXT = {
  connection: '019aabcd-0000-7000-8000-000000000001',
  principalSource: 'declared',
  client: 'eval',
} as const

class SessionRun {
  state: EngineState
  readonly #session: TracedSession
  readonly #playing: Playing
  readonly #rules: LiveRule[] = []
  #events = 0
  alerts = 0

  constructor(state: EngineState, session: TracedSession, playing: Playing) {
    this.state = state
    this.#session = session
    this.#playing = playing
  }

  play(call: TracedCall): Verdict {
    const nowMs = this.#playing.startMs + call.atMs
    const verdict = this.#judge(call, nowMs)
    const context = { ...CONTEXT, session: this.#session.session, principal: this.#session.principal }
    const about = { ...context, call: uuidOf(call.index), server: call.server, tool: call.tool }
    const tell = (draft: EventDraft, signals?: Signals): string => this.#tell(draft, { nowMs, call, signals })
    const parent = tell(
      {
        type: 'authorization/propose',
        ...about,
        method: 'tools/call',
        arguments: { bytes: call.proposed.textLength, commitment: ZERO_HASH, record: 'commitment' },
        argumentsDigest: call.argumentsDigest,
        signalsDigest: ZERO_HASH,
      },
      call.proposed,
    )
    const decide = (decision: 'allow' | 'deny' | 'escalate'): string => {
      const reason = decision === 'allow' ? 'policy_default' : 'adaptive_rule'
      const control = { state: 'fresh', revision: 0 } as const
      return tell({ type: 'authorization/decide', ...about, parent, decision, reason, text: '', control })
    }
    const refused = verdict.deniedBy.length > 0
    const held = refused || verdict.escalatedBy.length > 0
    const decided = decide(refused ? 'deny' : held ? 'escalate' : 'allow')
    // A person approves what the user wanted, and no step of an attack.
    if (refused || (held && call.attack)) return verdict
    const allowed = held ? decide('allow') : decided
    tell(
      {
        type: 'authorization/receipt',
        ...about,
        parent: allowed,
        status: call.isError ? 'tool_error' : 'ok',
        result: { bytes: call.resultBytes, commitment: ZERO_HASH, record: 'commitment' },
        durationMicros: 0,
      },
      call.returned,
    )
    return verdict
  }

  #judge(call: TracedCall, nowMs: number): Verdict {
    const { session, principal } = this.#session
    const subject = { sessions: [session], principal, ...call, signals: call.proposed }
    const arrived = this.#rules.filter(({ fromMs, untilMs }) => fromMs <= nowMs && nowMs < untilMs)
    const matching = arrived.filter((each, index) => {
      const isReplaced = arrived.some(({ rule }, later) => later > index && rule.id === each.rule.id)
      return !isReplaced && ruleMatches(each.rule, subject)
    })
    const by = (action: Rule['action']): readonly string[] => {
      return [...new Set(matching.filter(({ rule }) => rule.action === action).map(({ detector }) => detector))]
    }
    const since = Math.min(...matching.map((each) => call.index - each.call))
    return { deniedBy: by('deny'), escalatedBy: by('escalate'), afterCalls: matching.length === 0 ? 0 : since }
  }

  #tell(
    draft: EventDraft,
    {
      nowMs,
      call,
      signals,
    }: { readonly nowMs: number; readonly call: TracedCall; readonly signals?: Signals | undefined },
  ): string {
    const sequence = ++this.#events
    const hash = `${Buffer.from(this.#session.session).toString('hex')}${sequence.toString(16)}`
      .slice(-64)
      .padStart(64, '0')
    const place = { v: 1, log: 'eval', writer: `gateway/eval`, instance: uuidOf(0), sequence, previous: ZERO_HASH }
    const event = { id: uuidOf(sequence), ...draft, ...place, time: formatTime(nowMs * 1000) } as Event
    const observed = { event, hash, chain: 'gateway/eval', ...(signals === undefined ? {} : { signals }) }
    const { state, issues } = stepEngine(this.state, observed, { nowMs, options: this.#playing.options })
    this.state = state
    for (const { rule, alert, detector } of issues) {
      if (alert !== undefined) this.alerts++
      if (rule === undefined) continue
      this.#rules.push({
        rule,
        detector,
        fromMs: nowMs + this.#playing.delayMs,
        untilMs: Math.floor(parseTime(rule.expiresAt) / 1000),
        call: call.index,
      })
    }
    return hash
  }
}

function uuidOf(counter: number): string {
  return `019aabcd-0000-7000-8000-${counter.toString(16).padStart(12, '0')}`
}
