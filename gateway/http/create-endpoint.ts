// Puts one server's part of the HTTP gateway together: its run, its connections, its upstream.
import type { Clock } from '../../events/time.ts'
import type { GatewayRun } from '../start.ts'
import { AnswerRoom } from './answer-room.ts'
import type { CallersSeen } from './callers-seen.ts'
import { Endpoint } from './endpoint.ts'
import type { HttpLimits } from './limits.ts'
import { Peers } from './peers.ts'
import type { QuietSessions } from './quiet-sessions.ts'
import type { Upstream } from './upstream.ts'

/** What one server is served with. */
export interface EndpointParts {
  readonly server: string
  readonly run: Pick<GatewayRun, 'gate' | 'recorder' | 'pins'>
  readonly upstream: Upstream
  readonly limits: HttpLimits
  readonly clock: Clock
  /** Shared by all servers of the gateway. */
  readonly quietSessions: QuietSessions
  readonly seen: CallersSeen
  /** Fields that are taken out of the server's responses instead of refusing them; lower case. */
  readonly dropped: readonly string[]
  readonly fail: (error: unknown) => void
}

/** Serves one server at its path. */
export function createEndpoint(parts: EndpointParts): Endpoint {
  const { server, run, upstream, limits, clock, quietSessions, seen, dropped, fail } = parts
  const { gate, recorder, pins } = run
  const peers = new Peers({ server, gate, recorder, pins, clock, limits, quietSessions, fail })
  const room = new AnswerRoom(limits)
  return new Endpoint({ upstream, gate, limits, room, dropped: new Set(dropped), fail, peers, seen })
}
