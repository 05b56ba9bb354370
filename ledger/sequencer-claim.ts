// Between a sequencer and the register of claims that it shares with others: what was claimed is signed, and nothing else;
// a claim that a crash or a lost answer left open is settled before anything new is staged.
import { ToolwardenError } from '../events/errors.ts'
import { signCheckpoint, verifyCheckpoint } from './checkpoint.ts'
import { type Claim, type Claims, claimOf, isSameClaim } from './claims.ts'
import type { LogKey } from './log-key.ts'
import type { SequencerFiles, Staged } from './sequencer-files.ts'

/** What claiming works with. */
export interface ClaimMeans {
  readonly files: SequencerFiles
  readonly key: LogKey
  /** Undefined where the lock of the directory is enough: one store, one directory, one process. */
  readonly claims: Claims | undefined
}

/** A tree as checkpoints and staged files say it; the root in bytes or hex. */
export interface ClaimedTree {
  readonly size: number
  readonly root: Buffer | string
}

/** Claims a tree over the one before it (undefined for the first). Throws TREE_INVALID where another sequencer did, STORE_*. */
export async function claimTree(means: ClaimMeans, before: ClaimedTree | undefined, next: ClaimedTree): Promise<void> {
  const { claims, files, key } = means
  if (claims === undefined) return
  const [expected, wanted] = [before && asClaim(before, key), asClaim(next, key)]
  await files.write('claim', async () => {
    if (!(await claims.replaceClaim(expected, wanted))) throw lost(await claims.findClaim(), before)
  })
}

/** The won checkpoint, after what was claimed and not signed yet is. Throws TREE_INVALID where another sequencer claimed. */
export async function settleClaim(means: ClaimMeans): Promise<string | undefined> {
  const { claims, files, key } = means
  const note = await files.won()
  if (claims === undefined || note === undefined) return note
  const won = verifyCheckpoint(note, key.verifier)
  const own = claimOf(won, key.verifier)
  const claim = await claims.findClaim()
  const staged = await files.stagedFrom(won.size)
  if (staged !== undefined && (isSameClaim(claim, own) || isSameClaim(claim, asClaim(staged, key)))) {
    // Its answer may have been lost, and it may still arrive: so it is this one that is claimed again, and no other.
    await claimTree(means, won, staged)
    return await signStaged(means, note, staged)
  }
  // A register that was restored from a backup, or is new to this log, is behind.
  if (claim === undefined || (claim.key === own.key && claim.size < own.size)) await replaceOld(claims, claim, own)
  else if (!isSameClaim(claim, own)) throw lost(claim, won)
  return note
}

async function signStaged({ files, key }: ClaimMeans, before: string, staged: Staged): Promise<string> {
  const root = Buffer.from(staged.root, 'hex')
  const note = signCheckpoint({ origin: key.verifier.name, size: staged.size, root }, key.pair)
  await files.replace(before, note)
  return note
}

async function replaceOld(claims: Claims, old: Claim | undefined, own: Claim): Promise<void> {
  if (!(await claims.replaceClaim(old, own))) throw lost(await claims.findClaim(), own)
}

function asClaim({ size, root }: ClaimedTree, key: LogKey): Claim {
  return claimOf({ size, root: typeof root === 'string' ? Buffer.from(root, 'hex') : root }, key.verifier)
}

function lost(claim: Claim | undefined, own: ClaimedTree | undefined): ToolwardenError {
  const size = claim?.size ?? 0
  if (own === undefined)
    return new ToolwardenError('STORE_LOCKED', `another ledger has begun the Merkle log (${size} leaves)`, {
      fix: 'run the ledger on the data directory in which that log is, or take another store',
    })
  return new ToolwardenError(
    'TREE_INVALID',
    `another sequencer has claimed a tree of ${size} leaves; this one goes as far as ${own.size}`,
    {
      where: 'the Merkle log',
      fix: 'stop the other ledger: it runs on a copy of this data directory, or this is the copy',
    },
  )
}
