// The API's verification of its ledger: of everything, or of what grew since the last that found nothing wrong. Where the second
// finds something, all is verified at once, so that what is told is whole.
import type { Verify } from '../api/verification.ts'
import type { Trust } from '../events/trust.ts'
import type { LedgerStore } from '../ledger/store.ts'
import { type VerifiedUpTo, verifyLedger } from '../ledger/verify.ts'
import type { VerifyReport } from '../ledger/verify-report.ts'
import type { Config } from './config.ts'
import type { Installation } from './installation.ts'
import { findMerkleLog } from './merkle-log.ts'

/** What is verified. */
export interface LedgerVerificationOptions {
  readonly store: LedgerStore
  /** Name of the ledger. */
  readonly log: string
  readonly trust: Trust
  readonly config: Config
  readonly installation: Installation
}

/** The verification of one process; it remembers how far the last valid one went, and nothing over a restart. */
export function createVerify({ store, log, trust, config, installation }: LedgerVerificationOptions): Verify {
  let valid: VerifiedUpTo | undefined
  return async (onProgress, { isBackground: isUnhurried, isIncremental, signal }) => {
    const tree = await findMerkleLog(config, installation)
    const means = { store, log, trust, onProgress, isUnhurried, signal, ...tree }
    const since = isIncremental ? valid : undefined
    const part = since === undefined ? undefined : await verifyLedger({ ...means, since })
    const report = part?.violationCount === 0 ? part : await verifyLedger(means)
    valid = report.violationCount === 0 ? upTo(report) : undefined
    return report
  }
}

function upTo({ upToMicros, counts }: VerifyReport): VerifiedUpTo {
  return { upToMicros, leaves: counts.leaves }
}
