// Every case of the suite, and the rows of the threat list that they belong to.
import type { AttackCase } from './attack-case.ts'
import { bodyCases } from './bodies-and-columns.ts'
import { cleanCases } from './clean-run.ts'
import { proofCases } from './forged-proofs.ts'
import { forgedCases } from './forged-records.ts'
import { missingCases } from './missing-events.ts'
import { orderCases } from './order-and-clones.ts'
import { payloadCases } from './payloads-and-calls.ts'
import { rewriteCases } from './rewritten-chains.ts'
import { rollbackCases } from './rolled-back.ts'
import { bundleCases } from './tampered-bundles.ts'

/** What must be detected, by row. */
export const ROWS: Readonly<Record<number, string>> = {
  1: 'one byte of a body flipped; body and its own hash changed',
  2: 'the rest of the chain recomputed, without keys',
  3: "the same with the current run's stolen key",
  4: 'query columns changed, body intact',
  5: 'one event deleted, inserted, two swapped, an exact row doubled (benign)',
  6: 'replay under another sequence or session, of a batch, into another ledger',
  7: 'tail of a chain cut; a whole chain dropped',
  8: 'store, tiles and checkpoint rolled back; cut and continued',
  9: 'signatures stripped or of the wrong, revoked, foreign or unknown key',
  10: "everything rewritten with the log's key; split view; a stale checkpoint",
  11: 'two sequencers at once; gateway cloned; machine snapshot restored',
  12: 'gateway killed between its steps; its spool deleted',
  13: 'gateway silenced',
  14: 'gaps, reordering, late and duplicated messages',
  15: 'backdated event; clock jump of a day (benign)',
  16: 'forged proofs; a lying API server',
  17: 'not canonical JSON, parser bombs, huge values, invalid UTF-8',
  18: 'payload swapped, edited, salt changed, deleted without an erasure',
  19: 'receipt moved, decide without propose, receipt after deny',
  20: 'quarantine purged',
  21: 'consumer killed at each step, insert in doubt, broker killed, disk full',
  22: 'export: lines dropped, reordered, added; manifest or checkpoint exchanged',
  23: 'a long clean run with restarts, key rotation, erasures (benign)',
}

/** The cases, in the order of their rows. */
export function allCases(): readonly AttackCase[] {
  return [
    ...bodyCases(),
    ...rewriteCases(),
    ...missingCases(),
    ...forgedCases(),
    ...rollbackCases(),
    ...payloadCases(),
    ...orderCases(),
    ...proofCases(),
    ...bundleCases(),
    ...cleanCases(),
  ].toSorted((a, b) => a.row - b.row)
}
