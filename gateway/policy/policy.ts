// The compiled form of a policy file: what decisions are made from. Built by compile.ts, frozen, never changed afterwards.

import type { ArgumentSchema } from './argument-schema.ts'
import type { AllowedHost } from './hosts.ts'
import type { Limit } from './limits.ts'
import type { NameMatcher, PathMatcher } from './match.ts'
import type { PinningRule } from './pinning.ts'
import type { RuleIndex } from './rule-index.ts'
import type { RuleFile } from './schema.ts'
import type { TimeWindow } from './time-window.ts'
import type { ToolPattern } from './tool-pattern.ts'

/** What a decision says about a call. */
export type Action = 'allow' | 'deny' | 'escalate'

/** The longest that rules may only be observed: 30 days. */
export const MAX_OBSERVE_MS = 30 * 86_400_000

/** How long an escalated call may be answered, and how long the call itself waits for it. */
export interface ApprovalTimes {
  readonly timeoutMs: number
  readonly holdMs: number
  /** Whether the client's own user may answer, over MCP elicitation. */
  readonly mayElicit: boolean
}

/** A rule's constraints; each one that is present must hold, else the call is denied. */
export interface Constraints {
  /** Absolute directories or files without a trailing slash (`/` itself excepted). */
  readonly allowedPaths: readonly string[] | undefined
  readonly deniedPaths: readonly PathMatcher[] | undefined
  readonly allowedDomains: readonly AllowedHost[] | undefined
  readonly deniedDomains: readonly AllowedHost[] | undefined
  /** Arguments, as key segments, whose strings are no paths. */
  readonly notPaths: readonly (readonly string[])[]
  /** Arguments, as key segments, whose strings are no hosts. */
  readonly notDomains: readonly (readonly string[])[]
  readonly arguments: ArgumentSchema | undefined
}

/** One rule, ready to match; an absent matcher matches everything. */
export interface Rule {
  /** The rule's `id`, or its place as `rules[2]`, after its file's name where that is not the first. */
  readonly name: string
  readonly tools: readonly ToolPattern[] | undefined
  readonly servers: readonly NameMatcher[] | undefined
  readonly principals: readonly NameMatcher[] | undefined
  readonly clients: readonly NameMatcher[] | undefined
  readonly when: TimeWindow | undefined
  readonly action: Action
  readonly constraints: Constraints | undefined
  readonly limits: readonly Limit[]
  /** What a repeat of a call whose outcome is unknown needs; `allow` where the rule does not say. */
  readonly onAmbiguous: Action
  readonly reason: string | undefined
  readonly approval: ApprovalTimes
  /** As it stands in the file. */
  readonly written: RuleFile
}

/** A loaded policy. */
export interface Policy {
  /** SHA-256 of `text`, lower-case hex. */
  readonly hash: string
  /** The file's text; where it extends others, all texts as policy-text.ts joins them. */
  readonly text: string
  /** Where it was read from, as given to `parsePolicy`. */
  readonly file: string
  /** All files that it was read from, that one first. */
  readonly files: readonly string[]
  /** Milliseconds since 1970 until which the rules are only observed; undefined where they are enforced. */
  readonly observeUntilMs: number | undefined
  readonly defaultAction: Action
  /** The first that matches a server counts. */
  readonly pinning: readonly PinningRule[]
  readonly rules: readonly Rule[]
  readonly index: RuleIndex
  /** For calls that the default escalates. */
  readonly defaultApproval: ApprovalTimes
  readonly argumentKeys: ArgumentKeys
}

/** Names of arguments that hold paths or hosts whatever they look like; compared by their last word, lower-case. */
export interface ArgumentKeys {
  readonly path: ReadonlySet<string>
  readonly host: ReadonlySet<string>
}
