// Rows whose cases need whole processes: the suites that have them, each test by the words of its title. And what nothing
// detects yet, with the reason. The command fails where a title is not in its suite any more.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectRoot } from '../support/project-root.ts'

/** A test of another suite; `npm run test:real` runs it, unless it is one of the default suite. */
export interface OtherTest {
  readonly row: number
  /** Path below test/, without `.test.ts`. */
  readonly suite: string
  /** Words of the title as they stand in its source. */
  readonly title: string
  readonly holds: string
}

const WHOLE = 'what was acknowledged is stored, each once; verification clean'

/** The tests. */
export const OTHER_TESTS: readonly OtherTest[] = [
  {
    row: 8,
    suite: 'real/witness',
    title: 'is found out by its witness and by a kept checkpoint',
    holds: 'an `up` that was rolled back is told by its witness, and by `verify`',
  },
  {
    row: 9,
    suite: 'real/keys',
    title: 'are rotated, and what was in force stays so',
    holds: 'a stolen old key is quarantined after its rotation; verification clean',
  },
  {
    row: 9,
    suite: 'real/bundles',
    title: 'shows what the key signed after its revocation, and nothing of before',
    holds: 'revocations travel in every bundle; its verifier honours those of its own enrolment keys',
  },
  {
    row: 11,
    suite: 'real/sequencers',
    title: 'that begin at once on two directories',
    holds: 'one has the log, the other learns that it is kept elsewhere (STORE_LOCKED)',
  },
  {
    row: 11,
    suite: 'real/sequencers',
    title: 'of which one is a copy of the other',
    holds: 'one goes on, the other stops (TREE_INVALID); no size was signed with two roots',
  },
  {
    row: 11,
    suite: 'real/sequencer-refusals',
    title: 'is refused while another process has it',
    holds: 'the second sequencer does not start (STORE_LOCKED)',
  },
  {
    row: 11,
    suite: 'real/sequencer-refusals',
    title: 'is kept elsewhere',
    holds: 'a sequencer on another directory does not start (STORE_LOCKED)',
  },
  {
    row: 12,
    suite: 'real/kill',
    title: 'leave all that ran on record, nothing lost, nothing doubled, on the embedded log',
    holds: 'no call ran without its record; verification clean',
  },
  {
    row: 12,
    suite: 'real/spool',
    title: 'and whose gateway is killed then have their receipts in the log',
    holds: 'spooled receipts are replayed by the next start',
  },
  {
    row: 12,
    suite: 'real/spool',
    title: 'and whose gateway is killed and its spool emptied are ambiguous',
    holds: 'the call is closed as ambiguous',
  },
  {
    row: 12,
    suite: 'real/spool',
    title: 'has them closed as ambiguous by the next gateway',
    holds: 'calls under way are closed as ambiguous',
  },
  {
    row: 12,
    suite: 'real/spool',
    title: 'and whose spool is gone has them named as open',
    holds: 'verification names the open calls',
  },
  { row: 14, suite: 'detectors/integrity', title: 'finds a gap open for 30 s, once', holds: 'an alert names the gap' },
  {
    row: 19,
    suite: 'detectors/integrity',
    title: 'finds a receipt after a deny',
    holds: 'an alert, and writes of the session are paused',
  },
  {
    row: 20,
    suite: 'real/repair',
    title: 'and verification misses it where it is purged',
    holds: 'quarantine-missing: what a repair put aside is covered by its event',
  },
  {
    row: 21,
    suite: 'real/repair',
    title: 'verifies after its repair, which is recorded',
    holds: 'each kind of damage to the store is put right from the log; verification clean',
  },
  {
    row: 21,
    suite: 'real/repair',
    title: 'is finished by the next one',
    holds: 'a repair that was killed at each step is finished; verification clean',
  },
  {
    row: 21,
    suite: 'real/repair',
    title: 'puts back nothing from a log that somebody changed',
    holds: 'a changed log puts nothing into the store; verification still names the damage',
  },
  {
    row: 7,
    suite: 'real/retention',
    title: 'without an event is missed',
    holds: 'leaf-without-row and event-missing: a month that goes without its `admin/pruned`',
  },
  {
    row: 23,
    suite: 'real/retention',
    title: 'verifies, and says how far it was pruned',
    holds: 'no alarm: a month is pruned, proofs of what is gone and of what stays hold',
  },
  {
    row: 21,
    suite: 'real/ingest-writes',
    title: 'afterwards all is stored and a leaf, once',
    holds: 'each write × failed, failed but persisted, crashed after',
  },
  {
    row: 21,
    suite: 'real/witness',
    title: 'is cosigned on, when its witness is killed again and again while it cosigns',
    holds: 'class A again, no conflict',
  },
  { row: 21, suite: 'real/ingest-crash', title: 'loses nothing and stores nothing twice', holds: WHOLE },
  {
    row: 21,
    suite: 'real/ingest-crash',
    title: 'is no alarm to a second one that has the same batches at once',
    holds: 'no alarm',
  },
  { row: 21, suite: 'real/ingest-crash', title: 'repeats the same rows until they are there', holds: WHOLE },
  {
    row: 21,
    suite: 'real/sequencer',
    title: 'afterwards every event is a leaf, once',
    holds: 'each write × failed, failed but persisted, crashed after',
  },
  {
    row: 22,
    suite: 'ledger/bundle/bundle-attacks',
    title: 'says in an empty directory what the command says',
    holds: 'the verifier of one file gives the same answer and exit code',
  },
  {
    row: 21,
    suite: 'ledger/witness/witness',
    title: 'no size is cosigned with two roots',
    holds: 'each write × failed, failed but persisted, crashed after',
  },
  {
    row: 21,
    suite: 'real/broker',
    title: 'that is stopped: calls are denied',
    holds: 'calls are denied, the chain goes on',
  },
  {
    row: 21,
    suite: 'real/disk',
    title: 'denies calls when it is nearly full',
    holds: 'calls are denied, answers held, the chain goes on',
  },
]

/** What is not detected, by row, and why. */
export const NOT_DETECTED: readonly { readonly row: number; readonly what: string; readonly why: string }[] = [
  {
    row: 15,
    what: 'a backdated event, by itself',
    why: 'its time is what its writer says, so no verifier reports it. Its place in the log stands between cosigned checkpoints, and a proof under an older one does not hold (the case above).',
  },
]

/** Titles that their suites do not have. */
export function findMissingTests(): readonly string[] {
  return OTHER_TESTS.filter(({ suite, title }) => {
    const source = readFileSync(join(projectRoot, 'test', `${suite}.test.ts`), 'utf8')
    return !source.includes(title)
  }).map(({ suite, title }) => `docs/attacks.md names a test that test/${suite}.test.ts does not have: ${title}`)
}
