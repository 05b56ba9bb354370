// A client names its conversations itself, by `traceparent` or by beginning another session over HTTP: one that begins another,
// over a new connection or to another server, must not leave a rule behind. So what is said of such a session binds its caller
// (principal and network, over HTTP) or its origin (client process), which are not the client's to choose. Pure.
import type { Finding, ObservedEvent } from './detector.ts'

/** The finding as it binds whatever follows the session that its event names. */
export function bindOrigin(finding: Finding, { event }: ObservedEvent): Finding {
  const { response } = finding
  if (response === undefined || !('connection' in event)) return finding
  const { session, origin, caller } = event
  const bound = caller ?? origin
  const isAbout = response.scope.session === session || response.scope.session === origin
  if (bound === undefined || response.scope.session === undefined || !isAbout) return finding
  return { ...finding, response: { ...response, scope: { ...response.scope, session: bound } } }
}
