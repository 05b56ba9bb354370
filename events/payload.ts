// Payloads: arguments and results are never in a body; a body holds a commitment to their exact bytes.
// commitment = SHA-256("toolwarden/payload/v1\n" ‖ salt ‖ bytes). Bytes, because a parse makes 9007199254740993 and …992 one value.
import { createHash, createHmac } from 'node:crypto'
import type { PayloadField } from './field.ts'
import { MAX_PAYLOAD_BYTES } from './record.ts'

const PAYLOAD_DOMAIN = 'toolwarden/payload/v1\n'
const SALT_DOMAIN = 'toolwarden/payload-salt/v1\n'
const ARGUMENTS_DOMAIN = 'toolwarden/arguments/v1\n'
/** Random bytes before every recorded value. */
export const SALT_BYTES = 32

/** What the operator wants kept of a value. */
export interface RecordChoice {
  readonly record: 'full' | 'redacted' | 'commitment'
  /** The most recorded bytes; cut beyond. At most MAX_PAYLOAD_BYTES − SALT_BYTES. */
  readonly maxBytes: number
}

/** A payload: what the body says, and what travels beside it (salt ‖ recorded bytes). */
export interface Payload {
  readonly field: PayloadField
  readonly attachment: Buffer
}

/** Salted commitment to bytes, hex. */
export function commitment(salt: Uint8Array, bytes: Uint8Array): string {
  return createHash('sha256').update(PAYLOAD_DOMAIN).update(salt).update(bytes).digest('hex')
}

/**
 * Commits to the exact bytes of a value and keeps what the choice allows.
 * Bytes that are not recorded whole are committed under a salt derived with the deployment key: else whoever reads the
 * recorded part and its salt could guess a redacted secret and check the guess.
 */
export function commitPayload(
  exact: Buffer,
  choice: RecordChoice,
  means: { salt: Buffer; deploymentKey: Buffer; redact: (bytes: Buffer) => Buffer },
): Payload {
  const { salt, deploymentKey } = means
  const wanted =
    choice.record === 'commitment' ? Buffer.alloc(0) : choice.record === 'full' ? exact : means.redact(exact)
  const recorded = wanted.subarray(0, Math.min(choice.maxBytes, MAX_PAYLOAD_BYTES - SALT_BYTES))
  const attachment = Buffer.concat([salt, recorded])
  if (recorded.equals(exact))
    return { field: { bytes: exact.byteLength, commitment: commitment(salt, exact), record: 'full' }, attachment }
  const whole = commitment(hiddenSalt(deploymentKey, salt), exact)
  const shortened = recorded.byteLength < wanted.byteLength ? 'cut' : 'redacted'
  const record = choice.record === 'commitment' ? 'commitment' : shortened
  return {
    field: { bytes: exact.byteLength, commitment: whole, record, recorded: commitment(salt, recorded) },
    attachment,
  }
}

/** Whether an attachment is the one that a body committed to. */
export function attachmentHolds(field: PayloadField, attachment: Uint8Array): boolean {
  if (attachment.byteLength < SALT_BYTES) return false
  const salt = attachment.subarray(0, SALT_BYTES)
  const recorded = attachment.subarray(SALT_BYTES)
  if (field.record === 'commitment' && recorded.byteLength > 0) return false
  if (field.record === 'full')
    return recorded.byteLength === field.bytes && commitment(salt, recorded) === field.commitment
  return commitment(salt, recorded) === field.recorded
}

/** Salt of a commitment to bytes that were not recorded whole. */
export function hiddenSalt(deploymentKey: Buffer, salt: Uint8Array): Buffer {
  return createHmac('sha256', deploymentKey).update(SALT_DOMAIN).update(salt).digest()
}

/** Keyed digest of the exact argument bytes: what approvals and loop detection compare. Hex. */
export function argumentsDigest(deploymentKey: Buffer, exact: Uint8Array): string {
  return createHmac('sha256', deploymentKey).update(ARGUMENTS_DOMAIN).update(exact).digest('hex')
}
