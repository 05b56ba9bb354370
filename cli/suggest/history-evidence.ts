// Takes a history in, call by call, and gives the policy that follows from it. Pure and deterministic: the same calls give the
// same text, whatever the clock says.
import type { RecordedCall } from '../../ledger/recorded-call.ts'
import { wasHeld } from '../policy-replay.ts'
import { type Choice, chooseLevels } from './choose-levels.ts'
import type { Entry } from './marks.ts'
import { draftRules, type RuleDraft, type SeenTool } from './rule-draft.ts'
import { ToolEvidence } from './tool-evidence.ts'
import type { ValueSchema } from './value-evidence.ts'

/** Most different tools that get into a policy. */
const MAX_TOOLS = 2_000
/** Most principals that are named. */
const MAX_PRINCIPALS = 1_000
/** The share of sessions that a policy made from the others may deny something, unless told. */
export const DEFAULT_MISSED_SHARE = 0.02

/** What is suggested with. */
export interface SuggestOptions {
  /** The share of sessions, 0 to 1, that a policy made from the other sessions may deny a call. */
  readonly missedShare: number
}

/** A rule with its constraints as they were chosen. */
export interface SuggestedRule extends Omit<RuleDraft, 'paths' | 'hosts' | 'values'> {
  readonly allowedPaths: readonly Entry[] | undefined
  readonly allowedDomains: readonly Entry[] | undefined
  readonly values: ReadonlyMap<string, ValueSchema>
}

/** What a policy is made of, and what it stands on. */
export interface Suggestion {
  readonly rules: readonly SuggestedRule[]
  readonly calls: number
  readonly sessions: number
  readonly principals: readonly string[]
  /** Times of the first and the last call. */
  readonly from: string | undefined
  readonly to: string | undefined
  /** Calls that were denied, or did not run: no evidence. */
  readonly notRun: number
  /** Calls that were changed in the store: no evidence. */
  readonly altered: number
  /** Calls of tools beyond MAX_TOOLS. */
  readonly beyond: number
  /** Sessions that a policy made from the others would have denied a call. */
  readonly missed: number
  /** Constraints were loosened because the share that may be missed is less than one of so few sessions. */
  readonly isLoose: boolean
}

/** A history on its way to a policy. */
export class HistoryEvidence {
  readonly #rootOf: (server: string) => string | undefined
  readonly #tools = new Map<string, SeenTool>()
  readonly #sessions = new Set<string>()
  readonly #principals = new Set<string>()
  #calls = 0
  #notRun = 0
  #altered = 0
  #beyond = 0
  #fromMs = Number.POSITIVE_INFINITY
  #toMs = Number.NEGATIVE_INFINITY

  constructor(rootOf: (server: string) => string | undefined) {
    this.#rootOf = rootOf
  }

  /** Takes one call. */
  add(call: RecordedCall): void {
    if (call.arguments.state === 'altered') this.#altered++
    else if (hasRun(call)) this.#take(call)
    else this.#notRun++
  }

  /** The policy that follows. */
  suggest({ missedShare }: SuggestOptions): Suggestion {
    const drafts = draftRules([...this.#tools.values()]).map((draft) => ({
      draft,
      paths: choiceOf(draft.paths),
      hosts: choiceOf(draft.hosts),
      values: [...draft.values].map(([name, levels]) => ({ name, choice: choiceOf(levels) })),
    }))
    const choices = drafts.flatMap(({ paths, hosts, values }) => [paths, hosts, ...values.map(({ choice }) => choice)])
    const mayMiss = Math.floor(missedShare * this.#sessions.size)
    chooseLevels(choices, mayMiss)
    const lone = drafts.filter(({ draft }) => draft.sessions.size === 1).flatMap(({ draft }) => [...draft.sessions])
    const missed = new Set([...choices.flatMap(({ levels, at }) => [...(levels[at]?.missed ?? [])]), ...lone])
    const has = this.#calls > 0
    return {
      rules: drafts.map(({ draft, paths, hosts, values }) => ({
        ...draft,
        allowedPaths: chosen(paths),
        allowedDomains: chosen(hosts),
        values: new Map(values.flatMap(({ name, choice }) => toEntry(name, chosen(choice)))),
      })),
      ...{ calls: this.#calls, sessions: this.#sessions.size, principals: [...this.#principals].sort() },
      from: has ? new Date(this.#fromMs).toISOString() : undefined,
      to: has ? new Date(this.#toMs).toISOString() : undefined,
      ...{ notRun: this.#notRun, altered: this.#altered, beyond: this.#beyond, missed: missed.size },
      isLoose: missedShare > 0 && mayMiss === 0 && choices.some(({ at }) => at > 0),
    }
  }

  #take(call: RecordedCall): void {
    const { server, tool, method, session, principal, timeMs, arguments: recorded } = call
    const key = JSON.stringify([server, tool, method])
    const known = this.#tools.get(key)
    if (known === undefined && this.#tools.size >= MAX_TOOLS) {
      this.#beyond++
      return
    }
    const seen = known ?? { server, tool, method, evidence: new ToolEvidence() }
    this.#tools.set(key, seen)
    this.#calls++
    this.#sessions.add(session)
    if (this.#principals.size < MAX_PRINCIPALS) this.#principals.add(principal)
    this.#fromMs = Math.min(this.#fromMs, timeMs)
    this.#toMs = Math.max(this.#toMs, timeMs)
    if (recorded.state === 'full') seen.evidence.add(recorded.value, session, this.#rootOf(server))
    else seen.evidence.addUnknown(session)
  }
}

/** A call that was let through, as far as anything was recorded of it. */
function hasRun(call: RecordedCall): boolean {
  if (wasHeld(call) || call.status === 'not_forwarded') return false
  return call.decided === undefined || call.decided.final === 'allow'
}

function choiceOf<Content>(levels: Choice<Content>['levels']): Choice<Content> {
  return { levels, at: 0 }
}

function chosen<Content>({ levels, at }: Choice<Content>): Content | undefined {
  return levels[at]?.content
}

function toEntry(name: string, schema: ValueSchema | undefined): readonly (readonly [string, ValueSchema])[] {
  return schema === undefined ? [] : [[name, schema]]
}
