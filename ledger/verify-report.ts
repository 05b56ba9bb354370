// What a verification found: what was counted, and each violation with its position. The codes are a closed union.

/** Everything that verification can find wrong, and whether it means tampering or only that something is not there to check. */
export const VIOLATION_CLASSES = {
  'hash-mismatch': 'tampered',
  'body-invalid': 'tampered',
  'column-mismatch': 'tampered',
  'event-missing': 'tampered',
  'gap-open': 'incomplete',
  'link-broken': 'tampered',
  fork: 'tampered',
  'original-missing': 'tampered',
  'signature-missing': 'tampered',
  'signature-invalid': 'tampered',
  'key-untrusted': 'tampered',
  'key-revoked': 'tampered',
  'payload-missing': 'tampered',
  'payload-mismatch': 'tampered',
  'signals-missing': 'tampered',
  'signals-mismatch': 'tampered',
  'decide-without-propose': 'tampered',
  'receipt-without-decide': 'tampered',
  'receipt-after-deny': 'tampered',
  'receipt-repeated': 'tampered',
  'receipt-of-another-decision': 'tampered',
  'allow-without-approval': 'tampered',
  'approval-reused': 'tampered',
  'verdict-mismatch': 'tampered',
  'verdict-missing': 'incomplete',
  'quarantine-missing': 'tampered',
  'quarantine-altered': 'tampered',
  'range-mismatch': 'tampered',
  'row-unannounced': 'tampered',
  'tree-missing': 'tampered',
  'tree-damaged': 'tampered',
  'checkpoint-invalid': 'tampered',
  'checkpoint-conflict': 'tampered',
  'quorum-unmet': 'incomplete',
  'checkpoint-stale': 'incomplete',
  'age-unknown': 'incomplete',
  unwitnessed: 'incomplete',
  'leaf-mismatch': 'tampered',
  'leaf-without-row': 'tampered',
  'row-without-leaf': 'tampered',
  'bundle-unreadable': 'incomplete',
  'bundle-truncated': 'incomplete',
  'bundle-empty': 'incomplete',
  'bundle-invalid': 'tampered',
  'count-mismatch': 'tampered',
  'writers-unknown': 'incomplete',
  'checkpoint-unproven': 'incomplete',
} as const

/** One kind of violation. */
export type ViolationCode = keyof typeof VIOLATION_CLASSES

/** One thing that is wrong, as precisely as it can be said. */
export interface Violation {
  readonly code: ViolationCode
  /** `role/name/instance`; empty for what belongs to no chain. */
  readonly chain: string
  /** Sequence number of the event; of a missing range its first. */
  readonly sequence?: number
  readonly hash?: string
  /** `topic/partition/offset` of the row. */
  readonly position?: string
  readonly text: string
}

/** How much was checked. */
export interface VerifyCounts {
  /** Rows read, whatever their outcome. */
  rows: number
  /** Distinct events in chains. */
  events: number
  chains: number
  /** Appends whose signature was checked. */
  appends: number
  /** Events beside a gap, whose append is not whole, so that its signature can't be checked. */
  unverifiable: number
  duplicates: number
  late: number
  forks: number
  quarantined: number
  payloads: number
  signals: number
  erased: number
  /** `ledger/ingested` statements whose rows were checked. */
  ranges: number
  /** `ledger/repaired` statements whose evidence was checked. */
  repairs: number
  calls: number
  openCalls: number
  /** Leaves whose events were pruned, and said to be. */
  pruned: number
  /** Leaves of the Merkle log; 0 where no log was given. */
  leaves: number
  /** Signed checkpoints that were held against the tree. */
  checkpoints: number
}

/** A call that was allowed, and of whose outcome nothing is known (yet). */
export interface OpenCall {
  readonly call: string
  readonly chain: string
  readonly sequence: number
  readonly state: 'proposed' | 'waiting' | 'allowed'
}

/** The whole result. */
export interface VerifyReport {
  readonly counts: Readonly<VerifyCounts>
  /** The first MAX_LISTED of them. */
  readonly violations: readonly Violation[]
  /** How many there are in all. */
  readonly violationCount: number
  /** The first MAX_LISTED of them. */
  readonly openCalls: readonly OpenCall[]
  /** Rows that the ledger stored after this time (microseconds since 1970) were left out. */
  readonly upToMicros: number
}

/** How many violations and open calls are listed one by one. */
export const MAX_LISTED = 1_000

/** What a verification comes to. */
export type Verdict = 'valid' | 'tampered' | 'incomplete'

/** `valid`, `tampered`, or `incomplete` where nothing is wrong but something is not there. */
export function verdictOf(report: Pick<VerifyReport, 'violations' | 'violationCount'>): Verdict {
  const isTampered = report.violations.some(({ code }) => VIOLATION_CLASSES[code] === 'tampered')
  if (isTampered) return 'tampered'
  return report.violationCount > 0 ? 'incomplete' : 'valid'
}

/** Collects what a verification finds; written by its parts, read once at the end. */
export class Findings {
  readonly counts: VerifyCounts = {
    rows: 0,
    events: 0,
    chains: 0,
    appends: 0,
    unverifiable: 0,
    duplicates: 0,
    late: 0,
    forks: 0,
    quarantined: 0,
    payloads: 0,
    signals: 0,
    erased: 0,
    ranges: 0,
    repairs: 0,
    calls: 0,
    openCalls: 0,
    pruned: 0,
    leaves: 0,
    checkpoints: 0,
  }
  readonly #violations: Violation[] = []
  readonly #openCalls: OpenCall[] = []
  #violationCount = 0

  violation(violation: Violation): void {
    this.#violationCount++
    if (this.#violations.length < MAX_LISTED) this.#violations.push(violation)
    else this.#makeRoom(violation)
  }

  openCall(call: OpenCall): void {
    this.counts.openCalls++
    if (this.#openCalls.length < MAX_LISTED) this.#openCalls.push(call)
  }

  report(upToMicros: number): VerifyReport {
    return {
      counts: this.counts,
      violations: this.#violations,
      violationCount: this.#violationCount,
      openCalls: this.#openCalls,
      upToMicros,
    }
  }

  /** A thousand gaps must not hide the one tampered event behind them. */
  #makeRoom(violation: Violation): void {
    if (VIOLATION_CLASSES[violation.code] !== 'tampered') return
    const lesser = this.#violations.findIndex(({ code }) => VIOLATION_CLASSES[code] === 'incomplete')
    if (lesser >= 0) this.#violations[lesser] = violation
  }
}
