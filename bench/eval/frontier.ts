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

const UNMARKED = { instructionMarkers: { enabled: false } }

/** As if the injected texts had been worded so that no marker is found: what stands on values and history alone. */
export const NO_MARKERS: Point = toPoint('no markers', UNMARKED)

/** The frontier, the frozen configuration among it. */
export const FRONTIER: readonly Point[] = [
  toPoint('values only', { taintedDestination: { enabled: false } }),
  toPoint('destinations only', { copiedValue: { enabled: false } }),
  toPoint('one destination a result', { taintedDestination: { destinationsPerResult: 1 } }),
  FROZEN,
  toPoint('without rare writes', { rareWrite: { enabled: false } }),
  toPoint('holds leads too', { taintedDestination: { heldLeads: true } }),
  toPoint('holds for good', { taintedDestination: { freshCalls: 1000 }, copiedValue: { freshCalls: 1000 } }),
  NO_MARKERS,
  toPoint('no markers, fresh for 2 calls', {
    ...UNMARKED,
    taintedDestination: { freshCalls: 2 },
    copiedValue: { freshCalls: 2 },
  }),
  toPoint('no markers, fresh for 5 calls', {
    ...UNMARKED,
    taintedDestination: { freshCalls: 5 },
    copiedValue: { freshCalls: 5 },
  }),
  toPoint('no markers, holds leads too', { ...UNMARKED, taintedDestination: { heldLeads: true } }),
  toPoint('no markers, holds leads too and for good', {
    ...UNMARKED,
    taintedDestination: { heldLeads: true, freshCalls: 1000 },
    copiedValue: { freshCalls: 1000 },
  }),
  toPoint('no markers, denies where half is familiar', {
    ...UNMARKED,
    taintedDestination: { familiarThousandths: 500 },
  }),
]

function toPoint(name: string, changes: object): Point {
  const settings = detectorSettings.parse(changes)
  return { name, options: { detectors: createDetectors(settings), feedback: settings.feedback } }
}
