// One evaluation: every session judged once a split, from the state that its fold's history leaves. Pure.
import type { EngineOptions } from '../../detectors/engine.ts'
import { learn, makeFolds, type Split, TEST_MS } from './folds.ts'
import { playSession } from './play.ts'
import type { Judged } from './score.ts'
import type { TracedSession } from './trace.ts'

/** What is evaluated. */
export interface Evaluation {
  readonly split: Split
  readonly options: EngineOptions
  readonly delaysMs: readonly number[]
  /** Whether sessions with an ignored injection are played too, at the first delay. */
  readonly withIgnored: boolean
}

/** The judged sessions of each delay, in the order of the delays. */
export function evaluate(
  sessions: readonly TracedSession[],
  { split, options, delaysMs, withIgnored }: Evaluation,
): readonly (readonly Judged[])[] {
  const judged: Judged[][] = delaysMs.map(() => [])
  for (const { history, test } of makeFolds(sessions, split)) {
    const learned = learn(history, options)
    for (const session of test)
      for (const [index, delayMs] of delaysMs.entries()) {
        if (session.label === 'injected_ignored' && (!withIgnored || index > 0)) continue
        const { verdicts } = playSession(learned, session, { options, delayMs, startMs: TEST_MS })
        judged[index]?.push({ session, verdicts })
      }
  }
  return judged
}
