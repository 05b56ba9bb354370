// Reading too much: how many distinct objects a sweep gets before it is stopped, how long a slow drip goes unnoticed, and
// that loops raise nothing. Rules come back after the delay of the evaluation.
import { createDetectors } from '../../detectors/create.ts'
import { type EngineOptions, initialEngineState } from '../../detectors/engine.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import { playSession } from '../eval/play.ts'
import { makeSession } from './made-session.ts'

const START_MS = Date.UTC(2026, 0, 5)
const OBJECTS = 30
const MINUTE_MS = 60 * 1000
const SETTINGS = detectorSettings.parse({})
const OPTIONS: EngineOptions = { detectors: createDetectors(SETTINGS), feedback: SETTINGS.feedback }

/** Objects of a sweep of thirty that were read, at one call in so many milliseconds. */
export function countSwept(everyMs: number, delayMs: number): number {
  const calls = Array.from({ length: OBJECTS }, (_, index) => {
    return { atMs: index * everyMs, tool: 'read_file', arguments: { path: `/customers/${index}` } }
  })
  const { verdicts } = play(makeSession(calls), delayMs)
  return verdicts.filter(({ deniedBy, escalatedBy }) => deniedBy.length + escalatedBy.length === 0).length
}

/** After how many hours one new object in ten minutes raises an alert; undefined where a day does not do. */
export function hoursOfDrip(): number | undefined {
  const drip = Array.from({ length: 144 }, (_, index) => ({
    session: makeSession([{ atMs: 0, tool: 'read_file', arguments: { path: `/customers/${index}` } }], {
      session: `drip-${index}`,
    }),
    startMs: START_MS + index * 10 * MINUTE_MS,
  }))
  return firstAlert(drip)
}

/** The same of a loop that reads five objects again and again, for a day. */
export function hoursOfLoop(): number | undefined {
  const loop = Array.from({ length: 288 }, (_, index) => ({
    session: makeSession([{ atMs: 0, tool: 'read_file', arguments: { path: `/status/${index % 5}` } }], {
      session: `loop-${Math.floor(index / 6)}`,
    }),
    startMs: START_MS + index * 5 * MINUTE_MS,
  }))
  return firstAlert(loop)
}

function firstAlert(
  sessions: readonly { readonly session: ReturnType<typeof makeSession>; readonly startMs: number }[],
): number | undefined {
  let state = initialEngineState(OPTIONS.detectors)
  for (const { session, startMs } of sessions) {
    const played = playSession(state, session, { options: OPTIONS, delayMs: 250, startMs })
    if (played.alerts > 0) return (startMs - START_MS) / (60 * MINUTE_MS)
    state = played.state
  }
  return undefined
}

function play(session: ReturnType<typeof makeSession>, delayMs: number): ReturnType<typeof playSession> {
  return playSession(initialEngineState(OPTIONS.detectors), session, { options: OPTIONS, delayMs, startMs: START_MS })
}
