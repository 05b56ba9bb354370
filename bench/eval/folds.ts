// How sessions are split into history and test. Familiar: history has other runs of the same tasks. Unseen: two folds by
// task, so that no task of the test is in the history. History is benign sessions alone, spread over six days. Pure.
import { createHash } from 'node:crypto'
import { type EngineOptions, type EngineState, initialEngineState } from '../../detectors/engine.ts'
import { playSession } from './play.ts'
import type { TracedSession } from './trace.ts'

/** The two kinds of split. */
export const SPLITS = ['familiar', 'unseen'] as const
/** One of SPLITS. */
export type Split = (typeof SPLITS)[number]

/** What is learned from, and what is judged. */
export interface Fold {
  readonly history: readonly TracedSession[]
  readonly test: readonly TracedSession[]
}

const FAMILIAR_FOLDS = 5
const UNSEEN_FOLDS = 2
const HISTORY_MS = 6 * 24 * 60 * 60 * 1000
const BASE_MS = Date.UTC(2026, 0, 5)
/** When every judged session begins: long enough after the history that no alert of it is still fresh. */
export const TEST_MS = BASE_MS + HISTORY_MS + 12 * 60 * 60 * 1000
/** From the beginning of the history to the judged sessions, milliseconds. */
export const LEARNING_MS = TEST_MS - BASE_MS

/** The folds of a split: every session is judged once. */
export function makeFolds(sessions: readonly TracedSession[], split: Split): readonly Fold[] {
  const keyOf = ({ session, task }: TracedSession): string => (split === 'familiar' ? session : task)
  const count = split === 'familiar' ? FAMILIAR_FOLDS : UNSEEN_FOLDS
  const keys = [...new Set(sessions.map(keyOf))].toSorted((left, right) => compare(digest(left), digest(right)))
  const foldOf = new Map(keys.map((key, index) => [key, index % count]))
  return Array.from({ length: count }, (_, fold) => ({
    history: sessions.filter((each) => each.label === 'benign' && foldOf.get(keyOf(each)) !== fold),
    test: sessions.filter((each) => foldOf.get(keyOf(each)) === fold),
  }))
}

/** The state of the detectors after a history, whose first session begins at a time (milliseconds). */
export function learn(
  history: readonly TracedSession[],
  options: EngineOptions,
  baseMs: number = BASE_MS,
): EngineState {
  const ordered = history.toSorted((left, right) => compare(digest(left.session), digest(right.session)))
  return ordered.reduce((state, session, index) => {
    const startMs = baseMs + Math.floor((index * HISTORY_MS) / ordered.length)
    return playSession(state, session, { options, delayMs: 250, startMs }).state
  }, initialEngineState(options.detectors))
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
