// Proofs that a person can keep (C2SP tlog-proof): the place of an event, the way up to the root, and the checkpoint with
// its signatures, in one text. Whoever has the log's key checks it without us. Pure.
import { ToolwardenError } from '../events/errors.ts'
import { type VerifiedCheckpoint, verifyCheckpoint } from './checkpoint.ts'
import { inclusionHolds } from './merkle-proof.ts'
import { decodeBase64, type VerifierKey } from './note.ts'

const FIRST_LINE = 'c2sp.org/tlog-proof@v1'
/** A tree of 2^63 leaves has this many levels. */
const MAX_HASHES = 63

/** What a proof holds. */
export interface TlogProof {
  /** Index of the leaf, from 0. */
  readonly index: number
  /** From the leaf's sibling up. */
  readonly hashes: readonly Buffer[]
  /** The signed checkpoint. */
  readonly note: string
}

/** The text of a proof. */
export function formatTlogProof({ index, hashes, note }: TlogProof): string {
  return [FIRST_LINE, `index ${index}`, ...hashes.map((hash) => hash.toString('base64')), '', note].join('\n')
}

/** Reads a proof; nothing of it is believed. Throws CHECKPOINT_INVALID. */
export function parseTlogProof(text: string): TlogProof {
  const split = text.indexOf('\n\n')
  const [first, ...lines] = text.slice(0, Math.max(0, split)).split('\n')
  // The extra line is not authenticated, and we never write one.
  if (lines[0]?.startsWith('extra ')) lines.shift()
  const index = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? '')?.[1]
  const hashes = lines.map(decodeBase64).filter((hash) => hash !== undefined)
  if (first !== FIRST_LINE || index === undefined || hashes.length !== lines.length || hashes.length > MAX_HASHES)
    throw new ToolwardenError('CHECKPOINT_INVALID', 'not a proof: the first lines are not those of tlog-proof@v1')
  return { index: Number(index), hashes, note: text.slice(split + 2) }
}

/**
 * Checks that an event (its hash in hex) stands in the log that a key signed; gives its index and the checkpoint.
 * Throws CHECKPOINT_INVALID.
 */
export function verifyTlogProof(
  text: string,
  hash: string,
  keys: { readonly log: VerifierKey; readonly witnesses?: readonly VerifierKey[] },
): { readonly index: number; readonly checkpoint: VerifiedCheckpoint } {
  const { index, hashes, note } = parseTlogProof(text)
  const checkpoint = verifyCheckpoint(note, keys.log, keys.witnesses)
  const { size, root } = checkpoint
  if (!inclusionHolds({ index, size, root, leaf: Buffer.from(hash, 'hex'), proof: hashes }))
    throw new ToolwardenError('CHECKPOINT_INVALID', `the proof does not show that ${hash} is in the log`)
  return { index, checkpoint }
}
