// How tight each constraint is written. Everything starts as tight as can be; while too many sessions would have been denied
// a call by a policy made from the other sessions, the constraint that costs the most is loosened by one step.
import type { Level } from './marks.ts'

/** One constraint of one rule, and all ways to write it, from tight to none. */
export interface Choice<Content> {
  readonly levels: readonly Level<Content>[]
  /** The level that was chosen; written here alone. */
  at: number
}

/** Chooses a level for each; `mayMiss` sessions may be denied in all. */
export function chooseLevels(choices: readonly Choice<unknown>[], mayMiss: number): void {
  const counts = new Map<string, number>()
  for (const choice of choices) count(counts, missedBy(choice), 1)
  while (counts.size > mayMiss) {
    const worst = findWorst(choices)
    if (worst === undefined) return
    count(counts, missedBy(worst), -1)
    worst.at += 1
    count(counts, missedBy(worst), 1)
  }
}

function findWorst(choices: readonly Choice<unknown>[]): Choice<unknown> | undefined {
  let worst: Choice<unknown> | undefined
  for (const choice of choices)
    if (missedBy(choice).size > (worst === undefined ? 0 : missedBy(worst).size)) worst = choice
  return worst
}

function missedBy({ levels, at }: Choice<unknown>): ReadonlySet<string> {
  return levels[at]?.missed ?? nothing
}

const nothing: ReadonlySet<string> = new Set()

function count(counts: Map<string, number>, sessions: ReadonlySet<string>, step: 1 | -1): void {
  for (const session of sessions) {
    const known = (counts.get(session) ?? 0) + step
    if (known === 0) counts.delete(session)
    else counts.set(session, known)
  }
}
