// How a tool's definition stands to its pin, and what that means for a call. Pure. What operators approved (`pin/approved` on
// control) counts before what was seen first.

import type { ControlView } from '../events/control-view.ts'
import { INSTRUCTIONS, pinSubject } from '../events/pin-subject.ts'
import { type PinningRule, pinningFor } from './policy/pinning.ts'
import type { Policy } from './policy/policy.ts'
import type { ShownDefinition } from './shown-tools.ts'
import { UNREAD_DIGEST } from './tool-list.ts'

/** How a definition stands: `unlisted` where neither this nor an earlier run saw one, `mixed` where the client may know another. */
export type PinStanding = 'pinned' | 'changed' | 'mixed' | 'new' | 'unlisted'

/** What is known of the definitions of one server, by tool. */
export interface PinBook {
  /** The digest that was seen first. */
  readonly first: ReadonlyMap<string, string>
  /** All digests that were seen, whichever connection they were shown to; no more than MAX_DEFINITIONS of a tool. */
  readonly seen: ReadonlyMap<string, ReadonlySet<string>>
  /** Present once a list or statement was not read: nobody knows what a connection was shown that has none of its own. */
  readonly isUnread?: boolean
}

/** The digest that a tool is held to; undefined where there is none. */
export function pinOf(tool: string, server: string, { book, control }: PinFacts): string | undefined {
  return approvedDigest(control, server, tool) ?? book.first.get(tool)
}

/** The digests that a call goes by, its tool's and the instructions', but for those that an operator approved. */
export function unapprovedDefinitions(
  { server, tool, shown }: PinnedCall,
  { book, control }: PinFacts,
): readonly string[] {
  return [tool, INSTRUCTIONS].flatMap((name) =>
    definitionsOf(name, shown, book).filter((digest) => digest !== approvedDigest(control, server, name)),
  )
}

/** The digest that an operator approved. */
export function approvedDigest(control: ControlView, server: string, tool: string): string | undefined {
  const event = control.subjects.get(pinSubject(server, tool))?.event
  return event?.type === 'pin/approved' ? event.digest : undefined
}

/** What a standing is judged by. */
export interface PinFacts {
  readonly book: PinBook
  readonly control: ControlView
}

/** A call, as far as pins go. */
export interface PinnedCall {
  readonly server: string
  readonly tool: string
  readonly shown: ShownDefinition
}

/** How the tool of a call stands; instructions that are not the pinned ones hold every tool of the server. */
function standingOf({ server, tool, shown }: PinnedCall, facts: PinFacts): PinStanding {
  const own = judge(tool, shown, { server, facts })
  const instructions = judge(INSTRUCTIONS, shown, { server, facts })
  return own === 'pinned' && instructions !== 'unlisted' ? instructions : own
}

/** What is decided of a call whose tool is held. */
export interface Held {
  readonly decision: 'deny' | 'escalate'
  readonly reason: 'pin_changed' | 'pin_unknown'
  readonly text: string
  readonly rule: string
}

/** The denial, or escalation, of a call whose tool is held; undefined where it is not. */
export function holdByPin(policy: Policy, call: PinnedCall, facts: PinFacts): Held | undefined {
  const { mode, held }: PinningRule = pinningFor(policy, call.server)
  if (mode !== 'enforce') return undefined
  const standing = standingOf(call, facts)
  if (standing === 'pinned') return undefined
  const reason = standing === 'changed' || standing === 'mixed' ? 'pin_changed' : 'pin_unknown'
  return { decision: held, reason, text: TEXTS[standing], rule: 'pinning' }
}

const TEXTS: Readonly<Record<Exclude<PinStanding, 'pinned'>, string>> = {
  changed: "the definition of this tool or the server's instructions changed, and no operator has approved it yet",
  mixed:
    "other definitions of this tool or the server's instructions were shown than the approved ones, and which of them this client knows is not known",
  new: "the definition of this tool or the server's instructions are new, and no operator has approved them yet",
  unlisted: 'no list of the server has shown this tool, so its definition is not known',
}

function judge(
  tool: string,
  shown: ShownDefinition,
  { server, facts }: { readonly server: string; readonly facts: PinFacts },
): PinStanding {
  const pin = pinOf(tool, server, facts)
  const definitions = definitionsOf(tool, shown, facts.book)
  if (definitions.length === 0) return pin === undefined ? 'unlisted' : 'pinned'
  if (pin === undefined) return 'new'
  const own = ownOf(tool, shown)
  if (own === undefined ? !definitions.includes(pin) : own !== pin) return 'changed'
  // An approval replaces what was pinned by being seen first: a client that still knows that one goes by no stranger's.
  const isKnown = (digest: string): boolean => digest === pin || digest === facts.book.first.get(tool)
  return definitions.every(isKnown) ? 'pinned' : 'mixed'
}

/** Every definition that the client of a call may know a tool by. A connection that was shown none may have the list of another one. */
function definitionsOf(tool: string, shown: ShownDefinition, { seen, isUnread }: PinBook): readonly string[] {
  const own = ownOf(tool, shown)
  const earlier = (tool === INSTRUCTIONS ? shown.earlier?.instructions : shown.earlier?.tool) ?? []
  if (own !== undefined) return [own, ...earlier.filter((digest) => digest !== own)]
  const elsewhere = [...(seen.get(tool) ?? [])]
  return isUnread === true && elsewhere.length > 0 ? [...elsewhere, UNREAD_DIGEST] : elsewhere
}

function ownOf(tool: string, shown: ShownDefinition): string | undefined {
  return tool === INSTRUCTIONS ? shown.instructions : shown.tool
}
