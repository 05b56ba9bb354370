// The rules of D2: one that holds a session's writes to destinations that its results named, and one that denies some, reads
// too: whoever fetches a page tells its host something.
import type { Predicate } from '../events/rule.ts'
import type { CallEvent } from './call-book.ts'
import type { Finding } from './detector.ts'

/** What is to be bound. */
export interface Binding {
  readonly names: readonly string[]
  /** What of it is denied. */
  readonly denials: readonly Predicate[]
  /** Something was denied before. */
  readonly hadDenial: boolean
  readonly causes: readonly string[]
  readonly ruleMinutes: number
}

/** One rule that holds writes to any of the destinations, and one that denies some of them. */
export function findArmed(
  { principal, session: id, server, tool }: CallEvent,
  { names, denials, hadDenial, causes, ruleMinutes }: Binding,
): readonly Finding[] {
  const named: Predicate = { type: 'signal', field: 'destinations', anyOf: names }
  const finding = (action: 'deny' | 'escalate', predicate: Predicate, subject: string): Finding => ({
    severity: 'low',
    score: 300,
    subject: `${subject} in session ${id}`,
    scope: { session: id, principal, server, tool },
    explanation: `Results of this session, the last of ${tool} on server ${server}, named ${names.length} destination(s) that nobody here has used before; ${action === 'deny' ? 'calls that name one of them are denied' : 'its writes to one of them are held for approval'}.`,
    causes,
    isQuiet: true,
    response: {
      scope: { session: id, principal },
      tool: '*',
      ...(action === 'deny' ? {} : { toolClass: 'write' as const }),
      arguments: predicate,
      action,
      lifetimeMs: ruleMinutes * 60 * 1000,
      reason: 'the destination comes from a result of this session, and nobody here has used it before',
    },
  })
  const held = finding('escalate', named, 'destinations from results')
  if (denials.length > 0)
    return [held, finding('deny', { type: 'any', predicates: denials }, 'unfamiliar destinations from results')]
  if (!hadDenial) return [held]
  // Where nothing is denied any longer, an empty rule takes the denial's place.
  const nothing: Predicate = { type: 'signal', field: 'destinations', anyOf: [] }
  return [held, finding('escalate', nothing, 'unfamiliar destinations from results')]
}
