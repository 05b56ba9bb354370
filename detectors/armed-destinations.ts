// The destinations that results of one session named and nobody here has used: which of them its writes may not reach now.
// An agent obeys an injected instruction at once, and where it first looks; work that a user delegated goes from document
// to document. So a destination is let pass after some calls, and where the session followed a lead to it, unless the
// session is suspect. Pure.
import type { Signals } from '../events/signals.ts'
import { addDistinct, memberOf } from './call-book.ts'
import type { DetectorSettings } from './settings.ts'

const MAX_ARMED = 100
/** Destinations and values of results that a later call may follow; the oldest go first, and nothing follows those. */
const MAX_NAMED = 600

/** A destination that a rule may bind. */
export interface ArmedDestination {
  readonly name: string
  /** How many calls of the session had run when a result last named it. */
  readonly namedAt: number
  /** Every result that named it was fetched by something that an earlier result had named. */
  readonly isLed: boolean
  /** It came with few others: a result full of new ones is a list, and is only held. */
  readonly isDeniable: boolean
  /** A result that addresses an agent named it. */
  readonly isMarked: boolean
}

/** What a session must say of itself for its destinations to be judged. */
export interface ArmedSession {
  readonly armed: readonly ArmedDestination[]
  readonly calls: number
  readonly isSuspect: boolean
}

type Settings = Pick<DetectorSettings['taintedDestination'], 'freshCalls' | 'heldLeads'>

/** The armed destinations after a result named some: new ones, and what it says anew of those before. */
export function arm(
  armed: readonly ArmedDestination[],
  fresh: readonly string[],
  named: Omit<ArmedDestination, 'name'> & { readonly all: readonly string[] },
): readonly ArmedDestination[] {
  const { all, ...about } = named
  const isNamedAgain = memberOf(all, armed.length)
  const told = armed.map((each) => {
    if (!isNamedAgain(each.name)) return each
    return {
      ...each,
      namedAt: about.namedAt,
      isLed: each.isLed && about.isLed,
      isMarked: each.isMarked || about.isMarked,
    }
  })
  return [...told, ...fresh.map((name) => ({ name, ...about }))].slice(-MAX_ARMED)
}

/** The destinations that the session's next call may not reach without a person. */
export function boundOf(
  { armed, calls, isSuspect }: ArmedSession,
  { freshCalls, heldLeads }: Settings,
): readonly ArmedDestination[] {
  return armed.filter(({ isLed, namedAt }) => {
    return isSuspect || ((heldLeads || !isLed) && calls - namedAt < freshCalls)
  })
}

/** Whether a call follows what earlier results of the session named: an address, a value, a file. */
export function isLead(signals: Signals, named: readonly string[]): boolean {
  const references = referencesOf(signals)
  return references.some(memberOf(named, references.length))
}

/** What later calls may follow, with what a result names. */
export function addNamed(named: readonly string[], { destinations, values }: Signals): readonly string[] {
  return addDistinct(named, [...destinations, ...values], MAX_NAMED)
}

function referencesOf({ destinations, fields, references = [] }: Signals): readonly string[] {
  return [...destinations, ...fields.flatMap(({ values }) => values), ...references]
}
