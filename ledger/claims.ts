// The claims port: who may sign which tree, where more than one process could. A sequencer claims a tree before it signs it,
// by a compare-and-set that all sequencers of a ledger share: so no size is signed with two roots, not even by a copy of
// the data directory on another machine. Adapters: clickhouse-claims.ts and log-claims.ts; test/contract/claims.ts runs on both.
import { createHash } from 'node:crypto'
import type { VerifiedCheckpoint } from './checkpoint.ts'
import type { VerifierKey } from './note.ts'

/** A tree that a sequencer is to sign, or has signed. */
export interface Claim {
  /** Which log key signs it: two installations that both begin a log claim the same empty tree. */
  readonly key: string
  readonly size: number
  /** Hex. */
  readonly root: string
}

/** One register for all sequencers of a ledger. Both methods fail with STORE_* or LOG_*; those that are retriable leave the outcome open. */
export interface Claims {
  /** The last claim that was won; undefined where there never was one. It may be older than the newest, for a moment. */
  findClaim(): Promise<Claim | undefined>
  /**
   * Compare-and-set, durable: true where the register holds `next` now, also when an earlier try that seemed to fail put
   * it there; false where it holds something else than `expected`, and then nothing was changed.
   */
  replaceClaim(expected: Claim | undefined, next: Claim): Promise<boolean>
}

/** The claim of a checkpoint. */
export function claimOf({ size, root }: Pick<VerifiedCheckpoint, 'size' | 'root'>, key: VerifierKey): Claim {
  return { key: claimKey(key), size, root: root.toString('hex') }
}

/** Whether two claims are of the same tree and key. */
export function isSameClaim(one: Claim | undefined, other: Claim | undefined): boolean {
  return one?.key === other?.key && one?.size === other?.size && one?.root === other?.root
}

function claimKey({ publicKey }: VerifierKey): string {
  return createHash('sha256').update(publicKey).digest('hex').slice(0, 16)
}
