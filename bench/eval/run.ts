// The whole evaluation of one set of sessions: delays, detectors, frontier. Pure and deterministic.
import { evaluate } from './evaluate.ts'
import { SPLITS } from './folds.ts'
import { FROZEN, type Point } from './frontier.ts'
import type { Report, Row } from './report.ts'
import { score } from './score.ts'
import type { TracedSession } from './trace.ts'

/** Feedback delays, milliseconds; detectors and frontier are judged at the first of them. */
const DELAYS_MS: readonly number[] = [250, 0, 500, 1000, 1500, 3000]

/** Evaluates; `frontier` are the other configurations to show. */
export function runEvaluation(sessions: readonly TracedSession[], frontier: readonly Point[]): Report {
  const delays: Row[] = []
  const detectors: Row[] = []
  const points: Row[] = []
  for (const split of SPLITS) {
    const judged = evaluate(sessions, { split, options: FROZEN.options, delaysMs: DELAYS_MS, withIgnored: true })
    const [main = []] = judged
    delays.push(
      ...judged.map((each, index) => ({ split, name: `${(DELAYS_MS[index] ?? 0) / 1000} s`, score: score(each) })),
    )
    const names = FROZEN.options.detectors.map(({ name }) => name)
    detectors.push({ split, name: 'together', score: score(main) })
    detectors.push(...names.map((name) => ({ split, name, score: score(main, name) })))
    for (const { name, options } of frontier) {
      const [other = []] =
        name === FROZEN.name ? [main] : evaluate(sessions, { split, options, delaysMs: [250], withIgnored: false })
      points.push({ split, name, score: score(other) })
    }
  }
  const labels = [...new Set(sessions.map(({ label }) => label))].toSorted()
  return {
    sessions: Object.fromEntries(labels.map((each) => [each, sessions.filter(({ label }) => label === each).length])),
    harmfulCalls: sessions.flatMap(({ calls }) => calls.filter(({ harm }) => harm)).length,
    delays: delays.toSorted((left, right) => compare(left, right)),
    detectors,
    frontier: points,
  }
}

function compare(left: Row, right: Row): number {
  if (left.split !== right.split) return left.split < right.split ? -1 : 1
  return Number.parseFloat(left.name) - Number.parseFloat(right.name)
}
