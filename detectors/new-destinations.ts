// Which destinations of a result are new to a session: nobody here has used them, or the result tells an agent to. Pure.
import type { Signals } from '../events/signals.ts'
import { type Baseline, knowsTerm } from './baseline.ts'
import { memberOf } from './call-book.ts'
import type { DetectorSettings } from './settings.ts'

/** What a session must say of itself: the destinations and sites of its arguments, and those that are bound already. */
export interface UsingSession {
  readonly own: readonly string[]
  readonly armed: readonly { readonly name: string }[]
}

/** When a result came, and whether it addresses an agent. */
interface Arriving {
  readonly nowMs: number
  readonly settings: DetectorSettings['taintedDestination']
  readonly isMarked: boolean
}

/**
 * Destinations that neither the session nor the group has used, nor lie in the own domains; first those that an agent is told
 * to use.
 */
export function newDestinations(
  known: Baseline,
  session: UsingSession,
  returned: Signals,
  { nowMs, settings, isMarked }: Arriving,
): readonly string[] {
  const isOwn = usedBy(session, returned)
  // Somebody else's address at a site that is known is no recommendation, where the result gives orders.
  const isSiteEnough = !isMarked
  const isUsed = (term: string, isKnownEnough = true): boolean => {
    return isOwn(term) || (isKnownEnough && knowsTerm(known, term, settings, nowMs))
  }
  const fresh = returned.destinations.filter((destination, index) => {
    const site = returned.sites[index] ?? destination
    return !isUsed(destination) && !isUsed(site, isSiteEnough) && !returned.own.includes(index)
  })
  // There is room for few: what an agent is told to use comes first.
  const targets = targetsOf(returned)
  const [told, others] = [
    fresh.filter((each) => targets.includes(each)),
    fresh.filter((each) => !targets.includes(each)),
  ]
  return [...told, ...others].slice(0, settings.destinationsPerResult)
}

/** Destinations that an agent is told to use, and that others here have used, but not this session. */
export function knownTargets(
  known: Baseline,
  session: UsingSession,
  returned: Signals,
  { nowMs, settings }: Omit<Arriving, 'isMarked'>,
): readonly string[] {
  const isOwn = usedBy(session, returned)
  return targetsOf(returned)
    .filter((each) => !isOwn(each) && knowsTerm(known, each, settings, nowMs))
    .slice(0, settings.destinationsPerResult)
}

/** Tells what the session used itself, or what is bound already; asked for each destination and its site. */
function usedBy({ own, armed }: UsingSession, { destinations }: Signals): (term: string) => boolean {
  const questions = 2 * destinations.length
  const isOwn = memberOf(own, questions)
  const isArmed = memberOf(
    armed.map(({ name }) => name),
    questions,
  )
  return (term) => isOwn(term) || isArmed(term)
}

function targetsOf({ destinations, targets = [], own }: Signals): readonly string[] {
  return targets.filter((index) => !own.includes(index)).flatMap((index) => destinations[index] ?? [])
}
