// Who calls whom: the fields that every event of a connection carries (events.md, "Context").
import type { EventOf } from '../events/event.ts'

/** The context of one MCP connection; `client` is known after `initialize`. */
export interface ConnectionContext {
  readonly session: string
  /** The session that the client did not choose, where it named another one. */
  readonly origin?: string
  /** Over HTTP, of a call: a digest of whom it comes from (http/callers-seen.ts). */
  readonly caller?: string
  readonly connection: string
  readonly principal: string
  readonly principalSource: 'declared' | 'token'
  readonly client: string
  readonly server: string
}

/** The context of one governed call. */
export type CallContext = ConnectionContext & Pick<EventOf<'authorization/propose'>, 'call' | 'tool'>

/** The longest name that an event takes; longer ones are refused where they decide something, cut where they describe. */
export const MAX_NAME_LENGTH = 512

/** A name from a peer, fit for an event: well-formed, not empty, cut to MAX_NAME_LENGTH. */
export function describeName(name: unknown, otherwise: string): string {
  if (typeof name !== 'string' || name === '') return otherwise
  return name.toWellFormed().slice(0, MAX_NAME_LENGTH).toWellFormed()
}
