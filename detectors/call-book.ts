// The open calls of a session: what was proposed, until the receipt says that it ran. Shared by the detectors that
// compare arguments with results. Pure; a call that never closes is forgotten after the newer ones.
import type { EventOf } from '../events/event.ts'
import type { Signals } from '../events/signals.ts'
import type { ObservedEvent } from './detector.ts'

/** Calls of one session that may be open at once. */
const MAX_OPEN_CALLS = 32

/** A call that was proposed, with what its arguments held. */
export interface OpenCall {
  readonly call: string
  readonly hash: string
  readonly signals: Signals
}

/** The events that a call is told by. */
export type CallEvent = EventOf<'authorization/propose' | 'authorization/decide' | 'authorization/receipt'>

/** The open calls with a proposed one, as far as its signals are there. */
export function openCall(
  open: readonly OpenCall[],
  event: CallEvent,
  { hash, signals }: Pick<ObservedEvent, 'hash' | 'signals'>,
): readonly OpenCall[] {
  return signals === undefined ? open : withNewest(open, { call: event.call, hash, signals }, MAX_OPEN_CALLS)
}

/** The key of a session: its id is the client's choice, so the principal is part of it. */
export function sessionKeyOf({ principal, session }: Pick<CallEvent, 'principal' | 'session'>): string {
  // Every detector asks for the same one in turn.
  if (last.principal !== principal || last.session !== session)
    last = { principal, session, key: JSON.stringify([principal, session]) }
  return last.key
}

let last = { principal: '', session: '', key: '["",""]' }

/** A list with one item more, the oldest dropped beyond a limit. */
export function withNewest<Item>(list: readonly Item[], item: Item, limit: number): readonly Item[] {
  return list.length < limit ? [...list, item] : [...list.slice(1 - limit), item]
}

/** A list with what is new in another, the oldest beyond a limit dropped. */
export function addDistinct(list: readonly string[], added: readonly string[], limit: number): readonly string[] {
  if (added.length === 0) return list
  const isKnown = memberOf(list, added.length)
  const fresh = added.filter((each) => !isKnown(each))
  if (fresh.length === 0) return list
  const all = [...list, ...(fresh.length === 1 ? fresh : new Set(fresh))]
  return all.length > limit ? all.slice(-limit) : all
}

/** Tells whether something is in a list; so often it will be asked. */
export function memberOf(list: readonly string[], questions: number): (each: string) => boolean {
  if (list.length * questions <= SET_PAYS) return (each) => list.includes(each)
  const set = new Set(list)
  return (each) => set.has(each)
}

/** Comparisons that take as long as a set to be made. */
const SET_PAYS = 512
