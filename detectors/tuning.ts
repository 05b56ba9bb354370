// What each threshold would have raised: one pass over history drives a replay for every value of every threshold, each with the
// detector alone that the threshold belongs to. Pure.
import { createDetectors } from './create.ts'
import type { ObservedEvent } from './detector.ts'
import { DetectorReplay } from './replay.ts'
import { type DetectorSettings, detectorSettings } from './settings.ts'

/** Thresholds and the values that are tried, beside the one that is set. Detectors bear the names of their settings. */
const THRESHOLDS = [
  { section: 'readSpike', key: 'distinctReads', values: [5, 10, 15, 20, 30] },
  { section: 'sensitiveSweep', key: 'distinctReads', values: [5, 10, 15, 20] },
  { section: 'slowDrip', key: 'windows', values: [10, 20, 40, 80] },
  { section: 'readVolume', key: 'floorBytes', values: [262_144, 1_048_576, 4_194_304] },
  { section: 'firstSeenTool', key: 'windowDays', values: [1, 7, 30] },
  { section: 'taintedDestination', key: 'destinationsPerResult', values: [1, 3, 5, 10] },
  { section: 'taintedDestination', key: 'familiarThousandths', values: [500, 700, 900, 1000] },
  { section: 'copiedValue', key: 'termsPerHour', values: [1, 10, 50] },
  { section: 'rareWrite', key: 'rareThousandths', values: [5, 20, 50, 100] },
  { section: 'probing', key: 'denials', values: [2, 3, 5, 10] },
  { section: 'probing', key: 'identicalCalls', values: [3, 5, 7, 10] },
  { section: 'probing', key: 'errors', values: [3, 5, 7, 10] },
] as const

/** What one value would have raised. */
export interface TunedValue {
  /** `readSpike.distinctReads`. */
  readonly threshold: string
  readonly value: number
  /** Whether it is the one that is set. */
  readonly isSet: boolean
  readonly alerts: number
  readonly rules: number
  readonly denied: number
  readonly held: number
  readonly sessionsDenied: number
  readonly sessionsHeld: number
}

interface Trial {
  readonly threshold: string
  readonly value: number
  readonly isSet: boolean
  readonly replay: DetectorReplay
}

/** All trials over one history; events are taken in the order of the log. */
export class Tuning {
  readonly #trials: readonly Trial[]

  constructor(settings: DetectorSettings) {
    this.#trials = THRESHOLDS.flatMap(({ section, key, values }) => {
      const set = (settings[section] as Readonly<Record<string, unknown>>)[key]
      const tried = [...new Set([...values, ...(typeof set === 'number' ? [set] : [])])]
      return tried
        .toSorted((left, right) => left - right)
        .map((value) => ({
          threshold: `${section}.${key}`,
          value,
          isSet: value === set,
          replay: replayOf(settings, { section, key, value }),
        }))
    })
  }

  take(observed: ObservedEvent, nowMs: number): void {
    for (const { replay } of this.#trials) replay.take(observed, nowMs)
  }

  results(): readonly TunedValue[] {
    return this.#trials.map(({ threshold, value, isSet, replay }) => {
      const { byDetector, sessionsDenied, sessionsHeld } = replay.totals()
      const total = { alerts: 0, rules: 0, denied: 0, held: 0 }
      for (const { alerts, rules, denied, held } of Object.values(byDetector)) {
        total.alerts += alerts
        total.rules += rules
        total.denied += denied
        total.held += held
      }
      return { threshold, value, isSet, ...total, sessionsDenied, sessionsHeld }
    })
  }
}

interface Changed {
  readonly section: (typeof THRESHOLDS)[number]['section']
  readonly key: string
  readonly value: number
}

function replayOf(settings: DetectorSettings, { section, key, value }: Changed): DetectorReplay {
  const changed = detectorSettings.parse({
    ...settings,
    [section]: { ...settings[section], enabled: true, [key]: value },
  })
  const name = section.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  const detectors = createDetectors(changed).filter((each) => each.name === name || each.name.startsWith(`${name}-`))
  return new DetectorReplay({ detectors, feedback: changed.feedback }, changed.feedback)
}
