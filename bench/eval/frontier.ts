// The points of the frontier: one frozen configuration (the defaults), and what other choices would buy and cost.
import { createDetectors } from '../../detectors/create.ts'
import type { EngineOptions } from '../../detectors/engine.ts'
import { detectorSettings } from '../../detectors/settings.ts'

/** One configuration of the detectors. */
export interface Point {
  readonly name: string
  readonly options: EngineOptions
}

/** The defaults: the one configuration for all splits and delays. */
export const FROZEN: Point = toPoint('frozen', {})

/** The frontier, the frozen configuration among it. */
export const FRONTIER: readonly Point[] = [
  toPoint('values only', { taintedDestination: { enabled: false } }),
  toPoint('destinations only', { copiedValue: { enabled: false } }),
  toPoint('one destination a result', { taintedDestination: { destinationsPerResult: 1 } }),
  FROZEN,
  toPoint('values learned slowly', { copiedValue: { termsPerHour: 1, flowsPerHour: 1 } }),
  toPoint('without rare writes', { rareWrite: { enabled: false } }),
  toPoint('denies single destinations', { taintedDestination: { deniedPerResult: 1, familiarThousandths: 600 } }),
  toPoint('denies only what is wholly familiar', { taintedDestination: { familiarThousandths: 1000 } }),
  toPoint('denies where half is familiar', { taintedDestination: { familiarThousandths: 500 } }),
]

function toPoint(name: string, changes: object): Point {
  const settings = detectorSettings.parse(changes)
  return { name, options: { detectors: createDetectors(settings), feedback: settings.feedback } }
}
