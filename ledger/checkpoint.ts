// Checkpoints (C2SP tlog-checkpoint): a note whose text is origin, size and root of a Merkle tree.
import { ToolwardenError } from '../events/errors.ts'
import type { KeyPair } from '../events/keys.ts'
import { HASH_BYTES } from './merkle.ts'
import { decodeBase64, parseNote, signNote, type VerifiedSignature, type VerifierKey, verifyNote } from './note.ts'

/** What a log says of its tree. */
export interface Checkpoint {
  /** The log's name; our logs sign with a key of the same name. */
  readonly origin: string
  /** Number of leaves. */
  readonly size: number
  readonly root: Buffer
}

/** A checkpoint whose log signature holds. */
export interface VerifiedCheckpoint extends Checkpoint {
  /** The note as it was read. */
  readonly note: string
  readonly signatures: readonly VerifiedSignature[]
}

/** The origin of a ledger: its name, with what no key name may hold percent-encoded. */
export function originOf(log: string): string {
  return log.replaceAll(/[\s+%\u0085]/gu, encodeURIComponent)
}

/** The text that is signed. */
function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n`
}

/**
 * Reads the text of a checkpoint. Extension lines are refused, as nobody audits them; a witness allows them to the logs of
 * others. Throws CHECKPOINT_INVALID.
 */
export function parseCheckpoint(text: string, extensions: 'refused' | 'allowed' = 'refused'): Checkpoint {
  const [origin = '', decimal = '', encoded = '', ...rest] = text.split('\n')
  const root = decodeBase64(encoded)
  const size = Number(decimal)
  const extra = rest.slice(0, -1)
  if (origin === '' || rest.at(-1) !== '' || extra.includes('') || (extensions === 'refused' && extra.length > 0))
    throw invalid('it is not three lines: origin, size and root')
  if (!/^(0|[1-9]\d*)$/.test(decimal) || !Number.isSafeInteger(size)) throw invalid('its size is no whole number')
  if (root?.byteLength !== HASH_BYTES) throw invalid(`its root is not ${HASH_BYTES} bytes in base64`)
  return { origin, size, root }
}

/** A checkpoint with the log's signature. */
export function signCheckpoint(checkpoint: Checkpoint, key: KeyPair): string {
  return signNote(formatCheckpoint(checkpoint), checkpoint.origin, key)
}

/** Reads a checkpoint that a log's key signed; further keys are those of witnesses. Throws CHECKPOINT_INVALID. */
export function verifyCheckpoint(
  note: string,
  logKey: VerifierKey,
  witnesses: readonly VerifierKey[] = [],
): VerifiedCheckpoint {
  const parsed = parseNote(note)
  const signatures = verifyNote(parsed, [logKey, ...witnesses])
  if (!signatures.some(({ key }) => key === logKey)) throw invalid(`the log ${logKey.name} did not sign it`)
  const checkpoint = parseCheckpoint(parsed.text)
  if (checkpoint.origin !== logKey.name) throw invalid(`it is of the log ${checkpoint.origin}, not of ${logKey.name}`)
  return { ...checkpoint, note, signatures }
}

function invalid(reason: string): ToolwardenError {
  return new ToolwardenError('CHECKPOINT_INVALID', `not a checkpoint that can be trusted: ${reason}`)
}
