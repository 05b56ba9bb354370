// Detectors over history: what a replay says they would have raised and met, and what it says of each threshold.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createDetectors } from '../../detectors/create.ts'
import type { ObservedEvent } from '../../detectors/detector.ts'
import { DetectorReplay, type ReplayTotals } from '../../detectors/replay.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import { type TunedValue, Tuning } from '../../detectors/tuning.ts'
import { Story } from './story.ts'

interface Told {
  readonly observed: ObservedEvent
  readonly nowMs: number
}

/** What a story tells, as a history. */
function record(tell: (story: Story<null>) => void): readonly Told[] {
  const told: Told[] = []
  const story: Story<null> = new Story<null>({
    name: 'recorder',
    version: 1,
    initialState: null,
    observe: (state, observed, nowMs) => {
      told.push({ observed, nowMs })
      return { state, findings: [] }
    },
  })
  tell(story)
  return told
}

function replay(told: readonly Told[], changes: object = {}): ReplayTotals {
  const settings = detectorSettings.parse(changes)
  const run = new DetectorReplay(
    { detectors: createDetectors(settings), feedback: settings.feedback },
    settings.feedback,
  )
  for (const { observed, nowMs } of told) run.take(observed, nowMs)
  return run.totals()
}

const SWEEP = record((story) => {
  for (let index = 0; index < 20; index++) story.wait(1_000).read(`/srv/${index}`)
})

describe('a replay of detectors', () => {
  it('counts the alert, its rule, and the calls that the rule would have met', () => {
    const { calls, sessions, sessionsDenied, byDetector, alerts } = replay(SWEEP)
    assert.deepEqual([calls, sessions, sessionsDenied], [20, 1, 1])
    assert.deepEqual(byDetector['read-spike'], { alerts: 1, rules: 1, denied: 4, held: 0 })
    assert.deepEqual(
      alerts.map(({ alert }) => [alert.detector, alert.severity]),
      [['read-spike', 'high']],
    )
  })

  it('gives a rule the time that feedback takes', () => {
    const told = record((story) => {
      for (let index = 0; index < 20; index++) story.wait(10).read(`/srv/${index}`)
    })
    assert.equal(replay(told).byDetector['read-spike']?.denied, 0)
  })

  it('is that of the settings that it is given, and the same each time', () => {
    assert.deepEqual(replay(SWEEP), replay(SWEEP))
    assert.equal(replay(SWEEP, { readSpike: { distinctReads: 25 } }).byDetector['read-spike'], undefined)
  })

  it('lets a rule be lifted where history lifted it', () => {
    const before = replay(SWEEP).alerts[0]?.alert.rule ?? assert.fail()
    const told = record((story) => {
      for (let index = 0; index < 17; index++) story.wait(1_000).read(`/srv/${index}`)
      const lift = {
        rule: before,
        expiresAt: '2026-11-23T13:00:00.000000Z',
        by: 'user:ann',
        reason: 'known',
        revision: 2,
      }
      story.tell({ type: 'rule/lifted', ...lift }, { writer: 'api/main' })
      for (let index = 17; index < 20; index++) story.wait(1_000).read(`/srv/${index}`)
    })
    assert.equal(replay(told).byDetector['read-spike']?.denied, 1)
  })
})

describe('tuning', () => {
  it('says of each value what it would have raised, and which one is set', () => {
    const tuning = new Tuning(detectorSettings.parse({ readSpike: { distinctReads: 12 } }))
    for (const { observed, nowMs } of SWEEP) tuning.take(observed, nowMs)
    const spikes = tuning.results().filter(({ threshold }) => threshold === 'readSpike.distinctReads')
    const cells = ({ value, isSet, alerts, denied }: TunedValue) => [value, isSet, alerts, denied]
    assert.deepEqual(spikes.map(cells), [
      [5, false, 1, 14],
      [10, false, 1, 9],
      [12, true, 1, 7],
      [15, false, 1, 4],
      [20, false, 0, 0],
      [30, false, 0, 0],
    ])
  })
})
