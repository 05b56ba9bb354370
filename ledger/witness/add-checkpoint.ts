// The request by which a log asks a witness to cosign (C2SP tlog-witness, add-checkpoint), and the rules by which a witness
// answers it. Pure. What is not exactly such a request is refused; a log's key alone can make a witness look further.
import { ToolwardenError } from '../../events/errors.ts'
import { type Checkpoint, parseCheckpoint } from '../checkpoint.ts'
import { EMPTY_ROOT, HASH_BYTES } from '../merkle.ts'
import { consistencyHolds } from '../merkle-proof.ts'
import { decodeBase64, type Note, parseNote, type VerifierKey, verifyNote } from '../note.ts'

/** The most hashes of a proof: those of a tree of 2^63 leaves. */
const MAX_PROOF_HASHES = 63
/** The largest request that is read, bytes: a full proof, and a note with many signatures. */
export const MAX_REQUEST_BYTES = 128 * 1024

/** What a log asks for. */
export interface AddCheckpoint {
  /** The size that the log believes the witness to have seen last. */
  readonly oldSize: number
  /** From the old size to that of the checkpoint. */
  readonly proof: readonly Buffer[]
  readonly note: Note
  /** As the note says; nothing of it is believed yet. */
  readonly checkpoint: Checkpoint
}

/** What a witness saw last of a log: it cosigns only what extends this. */
export interface SeenTree {
  readonly size: number
  readonly root: Buffer
}

/** Why a witness does not cosign, as an HTTP status and a text; `seen` is the size that a 409 tells. */
export interface Refusal {
  readonly status: 400 | 403 | 404 | 409 | 422
  readonly reason: string
  readonly seen?: number
}

/** The body of a request. */
export function formatAddCheckpoint(oldSize: number, proof: readonly Buffer[], note: string): string {
  return [`old ${oldSize}`, ...proof.map((hash) => hash.toString('base64')), '', note].join('\n')
}

/** Takes a request apart; undefined for what is none. */
export function parseAddCheckpoint(body: string): AddCheckpoint | undefined {
  const split = body.indexOf('\n\n')
  const [first = '', ...lines] = body.slice(0, Math.max(0, split)).split('\n')
  const decimal = /^old (0|[1-9]\d{0,15})$/.exec(first)?.[1]
  const proof = lines.map(decodeBase64).filter((hash) => hash?.byteLength === HASH_BYTES) as Buffer[]
  const oldSize = Number(decimal)
  if (decimal === undefined || !Number.isSafeInteger(oldSize)) return undefined
  if (proof.length !== lines.length || proof.length > MAX_PROOF_HASHES) return undefined
  try {
    const note = parseNote(body.slice(split + 2))
    return { oldSize, proof, note, checkpoint: parseCheckpoint(note.text, 'allowed') }
  } catch (error) {
    if (error instanceof ToolwardenError && error.code === 'CHECKPOINT_INVALID') return undefined
    throw error
  }
}

/** Whether a log that the witness serves signed the checkpoint; a refusal where not. */
export function findSignatureRefusal(
  { note, checkpoint }: AddCheckpoint,
  logKeys: readonly VerifierKey[],
): Refusal | undefined {
  const keys = logKeys.filter(({ name }) => name === checkpoint.origin)
  if (keys.length === 0) return { status: 404, reason: 'this witness does not serve that log' }
  try {
    verifyNote(note, keys)
    return undefined
  } catch (error) {
    if (!(error instanceof ToolwardenError)) throw error
    return { status: 403, reason: error.message }
  }
}

/** Whether a checkpoint of a known log extends what was seen; the refusal where not. */
export function findTreeRefusal(request: AddCheckpoint, seen: SeenTree | undefined): Refusal | undefined {
  const { oldSize, proof, checkpoint } = request
  const { size, root } = checkpoint
  const known = seen?.size ?? 0
  if (oldSize > size) return { status: 400, reason: 'the old size is larger than that of the checkpoint' }
  if (oldSize !== known) return { status: 409, reason: `this witness saw ${known} leaves last`, seen: known }
  if (size === 0 && !root.equals(EMPTY_ROOT))
    return { status: 422, reason: 'the root is not that of a tree without leaves' }
  if (oldSize === 0)
    return proof.length === 0 ? undefined : { status: 422, reason: 'from a tree without leaves there is no proof' }
  const fromRoot = seen?.root ?? EMPTY_ROOT
  if (consistencyHolds({ from: oldSize, to: size, fromRoot, toRoot: root, proof })) return undefined
  const reason =
    oldSize === size
      ? 'this witness saw another root at that size'
      : 'the proof does not show that the tree extends what this witness saw'
  return { status: 422, reason }
}
