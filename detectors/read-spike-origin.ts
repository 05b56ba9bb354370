// D5, over the sessions of one origin: a client names its sessions itself, so a fresh `traceparent` for each call would
// start each count anew. The origin (client process or token) is not the client's to choose.
import type { Detector } from './detector.ts'
import { createReadSpike, type ReadSpikeState } from './read-spike.ts'
import type { DetectorSettings } from './settings.ts'

/** How many sessions' reads one origin may do: clients lead several conversations at once. */
const SESSIONS_AT_ONCE = 3

/** The read-spike detector, with origins in the place of sessions. */
export function createOriginReadSpike(settings: DetectorSettings['readSpike']): Detector<ReadSpikeState> {
  const inner = createReadSpike({ ...settings, distinctReads: settings.distinctReads * SESSIONS_AT_ONCE })
  return {
    ...inner,
    name: 'read-spike-origin',
    observe: (state, observed, nowMs) => {
      const { event } = observed
      if (!('origin' in event) || event.origin === undefined) return { state, findings: [] }
      return inner.observe(state, { ...observed, event: { ...event, session: event.origin } }, nowMs)
    },
  }
}
