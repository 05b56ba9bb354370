// Rules against a definition live for an hour at most, as all rules do; a definition stays what it is. So the detector renews
// its rules until an operator approves the definition, or for a day.
import { type BoundedMap, dropValue, emptyMap, listEntries, putValue } from './bounded-map.ts'
import type { Finding, RuleTemplate } from './detector.ts'

const MAX_HELD = 500
const RENEW_MS = 55 * 60 * 1000
const HELD_MS = 24 * 60 * 60 * 1000

/** A rule that is renewed. */
interface Held {
  readonly finding: Finding
  readonly server: string
  readonly renewMs: number
  readonly untilMs: number
}

/** The rules that are renewed, by principal and subject, and when the next one is due (milliseconds since 1970). */
export interface HeldDefinitions {
  readonly held: BoundedMap<Held>
  readonly dueMs: number
}

/** None. */
export const NOTHING_HELD: HeldDefinitions = { held: emptyMap(), dueMs: Number.MAX_SAFE_INTEGER }

/** Keeps the rule of a finding in force. */
export function hold(state: HeldDefinitions, finding: Finding, { server, nowMs }: Moment): HeldDefinitions {
  const entry: Held = { finding, server, renewMs: nowMs + RENEW_MS, untilMs: nowMs + HELD_MS }
  const key = JSON.stringify([finding.scope.principal, finding.subject])
  const held = putValue(state.held, key, entry, { nowMs, limit: MAX_HELD })
  return { held, dueMs: Math.min(state.dueMs, entry.renewMs) }
}

/** Ends what only an approved definition held up. */
export function release(
  state: HeldDefinitions,
  { server, digest }: { readonly server: string; readonly digest: string },
): HeldDefinitions {
  const done = listEntries(state.held).filter(([, entry]) => {
    const digests = digestsOf(entry.finding.response)
    return entry.server === server && digests.every((each) => each === digest)
  })
  return { ...state, held: done.reduce((held, [key]) => dropValue(held, key), state.held) }
}

/** The rules that are due, without a further alert. */
export function renew(
  state: HeldDefinitions,
  nowMs: number,
): { readonly state: HeldDefinitions; readonly findings: readonly Finding[] } {
  if (nowMs < state.dueMs) return { state, findings: [] }
  const findings: Finding[] = []
  let held = state.held
  let dueMs = Number.MAX_SAFE_INTEGER
  for (const [key, entry] of listEntries(state.held)) {
    if (entry.untilMs <= nowMs) held = dropValue(held, key)
    else {
      const isDue = entry.renewMs <= nowMs
      if (isDue) findings.push({ ...entry.finding, isQuiet: true })
      const next = isDue ? { ...entry, renewMs: nowMs + RENEW_MS } : entry
      held = putValue(held, key, next, { nowMs, limit: MAX_HELD })
      dueMs = Math.min(dueMs, next.renewMs)
    }
  }
  return { state: { held, dueMs }, findings }
}

interface Moment {
  readonly server: string
  readonly nowMs: number
}

function digestsOf(response: RuleTemplate | undefined): readonly string[] {
  return response?.arguments?.type === 'definition' ? response.arguments.anyOf : []
}
