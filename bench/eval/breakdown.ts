// The evaluation by what sessions have in common (a domain, a template of attack, a principal), with markers and without: what is
// good on the whole may rest on one of them. Harm by the group of the attacked session, the rest by that of the benign ones. Pure.
import { evaluate } from './evaluate.ts'
import { SPLITS } from './folds.ts'
import { FROZEN, NO_MARKERS, type Point } from './frontier.ts'
import { formatRows, type Row } from './report.ts'
import { type Judged, score } from './score.ts'
import type { TracedSession } from './trace.ts'

/** What sessions can be grouped by. */
export const GROUPINGS = ['suite', 'kind', 'principal'] as const
/** One of GROUPINGS. */
export type Grouping = (typeof GROUPINGS)[number]

/** One line a split, configuration and group, at 0.25 s; `all` first. Attacked groups share the benign sessions of their suites. */
export function breakDown(sessions: readonly TracedSession[], grouping: Grouping): readonly Row[] {
  return SPLITS.flatMap((split) => {
    return [FROZEN, NO_MARKERS].flatMap((point) => rowsOf(sessions, { split, point, grouping }))
  })
}

/** The lines as a Markdown table. */
export function formatBreakdown(rows: readonly Row[], grouping: Grouping): string {
  return formatRows(`By ${grouping}, 0.25 s`, grouping, rows)
}

function rowsOf(
  sessions: readonly TracedSession[],
  { split, point, grouping }: { readonly split: Row['split']; readonly point: Point; readonly grouping: Grouping },
): readonly Row[] {
  const [judged = []] = evaluate(sessions, { split, options: point.options, delaysMs: [250], withIgnored: true })
  const row = (name: string, part: readonly Judged[]): Row => {
    return { split, name: point === FROZEN ? name : `${name}, ${point.name}`, score: score(part) }
  }
  const groups = [...new Set(judged.map(({ session }) => groupOf(session, grouping)))].toSorted()
  const named = groups.filter((group) => group !== '')
  return [
    row('all', judged),
    ...named.map((group) =>
      row(
        group,
        judged.filter(({ session }) => groupOf(session, grouping) === group),
      ),
    ),
  ]
}

function groupOf({ task, kind, principal }: TracedSession, grouping: Grouping): string {
  switch (grouping) {
    case 'suite':
      return task.slice(0, task.indexOf('/'))
    case 'kind':
      return kind.split(' ')[0] ?? ''
    case 'principal':
      return principal.split('@')[0] ?? principal
  }
}
