// The compiled form of a policy file: what decisions are made from. Built by compile.ts, frozen, never changed afterwards.

import type { AllowedHost } from './hosts.ts'
import type { NameMatcher, PathMatcher } from './match.ts'
import type { RuleIndex } from './rule-index.ts'

/** What a decision says about a call. */
export type Action = 'allow' | 'deny' | 'escalate'

/** How long an escalated call may be answered, and how long the call itself waits for it. */
export interface ApprovalTimes {
  readonly timeoutMs: number
  readonly holdMs: number
}

/** One entry of a rule's `tool`: a tool's name, and the server that "server/tool" binds it to. */
export interface ToolPattern {
  readonly server: NameMatcher | undefined
  readonly tool: NameMatcher
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
}

/** One rule, ready to match; an absent matcher matches everything. */
export interface Rule {
  /** The rule's `id`, or its place as `rules[2]`. */
  readonly name: string
  readonly tools: readonly ToolPattern[] | undefined
  readonly servers: readonly NameMatcher[] | undefined
  readonly principals: readonly NameMatcher[] | undefined
  readonly clients: readonly NameMatcher[] | undefined
  readonly action: Action
  readonly constraints: Constraints | undefined
  readonly reason: string | undefined
  readonly approval: ApprovalTimes
}

/** A loaded policy. */
export interface Policy {
  /** SHA-256 of the file's bytes, lower-case hex. */
  readonly hash: string
  /** Where it was read from, as given to `parsePolicy`. */
  readonly file: string
  readonly defaultAction: Action
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
