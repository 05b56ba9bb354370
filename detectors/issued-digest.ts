// By what a detector tells whether the rules that it would issue now are those that it issued last.
import { hash } from 'node:crypto'
import type { Predicate } from '../events/rule.ts'

/** A digest of predicates and names, in their order; '' of nothing. */
export function issuedDigest(said: readonly (Predicate | readonly string[] | readonly Predicate[])[]): string {
  return said.length === 0 ? '' : hash('sha256', JSON.stringify(said), 'base64url')
}
