// D9: instruction markers. A result that addresses an agent (events/instruction-markers.ts counts such phrases at the gateway,
// the signals carry the count) makes its session suspect. Never alone: it denies and holds nothing by itself. It turns what D2
// and D3 hold of that result into denials, and ends what they let pass in sessions that give no such ground.
import type { EventOf } from '../events/event.ts'
import type { Signals } from '../events/signals.ts'
import type { DetectorSettings } from './settings.ts'

type Settings = DetectorSettings['instructionMarkers']

/** Whether a result addresses an agent. */
export function isMarked(signals: Signals | undefined, settings: Settings): boolean {
  return settings.enabled && signals !== undefined && signals.markers >= settings.perResult
}

/** Whether a decision says that somebody took the session's call for an attack: an adaptive rule, or a person. */
export function isRefusal({ decision, reason }: EventOf<'authorization/decide'>): boolean {
  return decision === 'deny' && (reason === 'adaptive_rule' || reason === 'approval_denied')
}
