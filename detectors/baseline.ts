// What is known because allowed calls used it: terms with the day they were last used, sessions counted once each.
// Nothing becomes known because it was common in results, and what an unapproved hold or a denial touched never does. Pure.
import { type BoundedMap, emptyMap, findValue, putValue } from './bounded-map.ts'
import { isMature, type MaturitySettings } from './session-history.ts'

const MAX_TERMS = 50_000
const HOUR_MS = 60 * 60 * 1000
/** How many terms one principal may teach a mature baseline in an hour. */
const MAX_PRINCIPALS = 10_000

/** The known terms of a group of principals. */
export interface Baseline {
  readonly sinceMs: number
  readonly sessions: number
  /** When each term was last used, milliseconds since 1970. */
  readonly terms: BoundedMap<number>
  /** By principal: the hour in which it last taught a mature baseline, and how many terms. */
  readonly taught: BoundedMap<{ readonly hour: number; readonly terms: number }>
}

/** How a baseline learns. */
export interface BaselineSettings extends MaturitySettings {
  /** A term that nobody used for this long is new again. */
  readonly windowDays: number
  /** Terms that one principal may teach a mature baseline in an hour. */
  readonly termsPerHour: number
}

/** Nothing known. */
export const EMPTY_BASELINE: Baseline = { sinceMs: 0, sessions: 0, terms: emptyMap(), taught: emptyMap() }

/** Whether a term is known. */
export function knowsTerm(baseline: Baseline, term: string, settings: BaselineSettings, nowMs: number): boolean {
  return isRecent(findValue(baseline.terms, term), settings, nowMs)
}

/** Whether a term that was used at a time is known. */
export function isRecent(
  usedMs: number | undefined,
  { windowDays }: Pick<BaselineSettings, 'windowDays'>,
  nowMs: number,
): boolean {
  return usedMs !== undefined && nowMs - usedMs <= windowDays * 24 * HOUR_MS
}

/** Whether there is enough to judge by. */
export function isBaselineMature(baseline: Baseline, settings: BaselineSettings, nowMs: number): boolean {
  return isMature(baseline, settings, nowMs)
}

/** The baseline with one session more. */
export function countSession(baseline: Baseline, nowMs: number): Baseline {
  const sinceMs = baseline.sessions === 0 ? nowMs : Math.min(baseline.sinceMs, nowMs)
  return { ...baseline, sinceMs, sessions: baseline.sessions + 1 }
}

/** The baseline after an allowed call used terms; a mature one learns only so many of a principal in an hour. */
export function learnTerms(
  baseline: Baseline,
  terms: readonly string[],
  moment: { readonly principal: string; readonly nowMs: number; readonly settings: BaselineSettings },
): Baseline {
  const { principal, nowMs, settings } = moment
  const mature = isBaselineMature(baseline, settings, nowMs)
  const hour = Math.floor(nowMs / HOUR_MS)
  let known = baseline.terms
  let { taught } = baseline
  for (const term of terms) {
    const usedMs = findValue(known, term)
    // To the hour is exact enough, where terms are kept for days: not every use is worth a change of the map. Nor the second
    // time that a term stands in one list.
    if (usedMs !== undefined && usedMs <= nowMs && nowMs - usedMs < HOUR_MS) continue
    if (mature && !isRecent(usedMs, settings, nowMs)) {
      const before = findValue(taught, principal)
      const count = before?.hour === hour ? before.terms : 0
      if (count >= settings.termsPerHour) continue
      taught = putValue(taught, principal, { hour, terms: count + 1 }, { nowMs, limit: MAX_PRINCIPALS })
    }
    known = putValue(known, term, nowMs, { nowMs, limit: MAX_TERMS })
  }
  return { ...baseline, terms: known, taught }
}
