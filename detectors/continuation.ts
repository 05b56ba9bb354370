// A client names its conversations itself, by `traceparent`: one that begins another, over a new connection or to another
// server, must not leave a rule behind. So what is said of such a session binds its origin (client process or token, the
// first session of each of its connections), which is not the client's to choose. Pure.
import type { Finding, ObservedEvent } from './detector.ts'

/** The finding as it binds whatever follows the session that its event names. */
export function bindOrigin(finding: Finding, { event }: ObservedEvent): Finding {
  const { response } = finding
  if (response === undefined || !('origin' in event) || event.origin === undefined) return finding
  if (response.scope.session !== event.session) return finding
  return { ...finding, response: { ...response, scope: { ...response.scope, session: event.origin } } }
}
