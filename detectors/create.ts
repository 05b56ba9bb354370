// The detectors that the settings enable, in the order in which they see each event.
import { createCopiedValue } from './copied-value.ts'
import type { Detector } from './detector.ts'
import { createFirstSeenTool } from './first-seen-tool.ts'
import { createIntegrity } from './integrity.ts'
import { createProbing } from './probing.ts'
import { createRareWrite } from './rare-write.ts'
import { createReadSpike } from './read-spike.ts'
import { createOriginReadSpike } from './read-spike-origin.ts'
import { createReadVolume } from './read-volume.ts'
import { createSecretEgress } from './secret-egress.ts'
import { createSensitiveSweep } from './sensitive-sweep.ts'
import type { DetectorSettings } from './settings.ts'
import { createSlowDrip } from './slow-drip.ts'
import { createTaintedDestination } from './tainted-destination.ts'
import { createToolDefinition } from './tool-definition.ts'

/** The detectors that the settings enable. */
export function createDetectors(settings: DetectorSettings): readonly Detector<unknown>[] {
  return [
    ...(settings.integrity.enabled ? [createIntegrity(settings.integrity)] : []),
    ...(settings.toolDefinition.enabled ? [createToolDefinition(settings.toolDefinition)] : []),
    ...(settings.readSpike.enabled
      ? [createReadSpike(settings.readSpike), createOriginReadSpike(settings.readSpike)]
      : []),
    ...(settings.readVolume.enabled ? [createReadVolume(settings.readVolume)] : []),
    ...(settings.sensitiveSweep.enabled ? [createSensitiveSweep(settings.sensitiveSweep, settings.classes)] : []),
    ...(settings.slowDrip.enabled ? [createSlowDrip(settings.slowDrip)] : []),
    ...(settings.firstSeenTool.enabled ? [createFirstSeenTool(settings.firstSeenTool)] : []),
    ...(settings.taintedDestination.enabled ? [createTaintedDestination(settings.taintedDestination, settings)] : []),
    ...(settings.rareWrite.enabled ? [createRareWrite(settings.rareWrite)] : []),
    ...(settings.secretEgress.enabled ? [createSecretEgress(settings.secretEgress)] : []),
    ...(settings.probing.enabled ? [createProbing(settings.probing)] : []),
    ...(settings.copiedValue.enabled ? [createCopiedValue(settings.copiedValue, settings)] : []),
  ]
}
