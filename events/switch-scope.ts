// The kill switch's scopes: everything, one server, or one principal. An operator's `switch/stopped` holds for a scope until
// a `switch/resumed` of the same scope.
import { z } from 'zod'
import type { ControlView } from './control-view.ts'
import type { EventOf } from './event.ts'

const MAX_SCOPE_LENGTH = 512

/** `all`, `server:<name>` or `principal:<name>`. */
export const switchScopeField = z
  .string()
  .max(MAX_SCOPE_LENGTH)
  .regex(/^(?:all|(?:server|principal):\S.*)$/u, 'expected all, server:<name> or principal:<name>')

/** The stop that holds for a call, the widest first; undefined where none does. */
export function findStop(
  view: ControlView,
  { server, principal }: { readonly server: string; readonly principal: string },
): EventOf<'switch/stopped'> | undefined {
  for (const scope of ['all', `server:${server}`, `principal:${principal}`]) {
    const event = view.subjects.get(`switch/${scope}`)?.event
    if (event?.type === 'switch/stopped') return event
  }
  return undefined
}
