// How a tool's definition stands to its pin, and what that means for a call. Pure. What operators approved (`pin/approved` on
// control) counts before what was seen first.

import { INSTRUCTIONS, pinSubject } from '../events/control-record.ts'
import type { ControlView } from '../events/control-view.ts'
import { type PinningRule, pinningFor } from './policy/pinning.ts'
import type { Policy } from './policy/policy.ts'
import type { ShownDefinition } from './shown-tools.ts'

/** How a definition stands: `unlisted` where neither this nor an earlier run saw one. */
export type PinStanding = 'pinned' | 'changed' | 'new' | 'unlisted'

/** What is known of the definitions of one server, by tool. */
export interface PinBook {
  /** The digest that was seen first. */
  readonly first: ReadonlyMap<string, string>
  /** The digest that was seen last, whichever connection it was shown to. */
  readonly last: ReadonlyMap<string, string>
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
  const current = [
    [tool, shown.tool ?? book.last.get(tool)],
    [INSTRUCTIONS, shown.instructions ?? book.last.get(INSTRUCTIONS)],
  ] as const
  return current.flatMap(([name, digest]) => {
    return digest === undefined || digest === approvedDigest(control, server, name) ? [] : [digest]
  })
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
  const own = judge(tool, shown.tool, { server, facts })
  const instructions = judge(INSTRUCTIONS, shown.instructions, { server, facts })
  return own === 'pinned' && (instructions === 'changed' || instructions === 'new') ? instructions : own
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
  const reason = standing === 'changed' ? 'pin_changed' : 'pin_unknown'
  return { decision: held, reason, text: TEXTS[standing], rule: 'pinning' }
}

const TEXTS: Readonly<Record<Exclude<PinStanding, 'pinned'>, string>> = {
  changed: "the definition of this tool or the server's instructions changed, and no operator has approved it yet",
  new: "the definition of this tool or the server's instructions are new, and no operator has approved them yet",
  unlisted: 'no list of the server has shown this tool, so its definition is not known',
}

function judge(
  tool: string,
  shown: string | undefined,
  { server, facts }: { readonly server: string; readonly facts: PinFacts },
): PinStanding {
  const pin = pinOf(tool, server, facts)
  const current = shown ?? facts.book.last.get(tool)
  if (current === undefined) return pin === undefined ? 'unlisted' : 'pinned'
  return pin === undefined ? 'new' : pin === current ? 'pinned' : 'changed'
}
