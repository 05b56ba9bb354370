// The building blocks of event schemas: hashes, names, times and texts, each with its limit.
import { z } from 'zod'

/** SHA-256 in lower-case hex. */
export const hashField = z.string().regex(/^[0-9a-f]{64}$/, 'expected SHA-256 in lower-case hex')
/** A UUID in lower-case hex (RFC 9562). */
export const uuidField = z
  .string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, 'expected a UUID')
/** `2026-11-22T13:00:00.123456Z`. */
export const timeField = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/, 'expected a UTC time with microseconds')
  // Date.parse takes 30 February for 2 March; one moment has one spelling.
  .refine((time) => existsInTime(time), 'expected a time that exists')
/** A short name: server, tool, principal, session, client. */
export const nameField = z.string().min(1).max(512)
/** A text for people. */
export const textField = z.string().max(2_000)
/** A count, a size or a duration. */
export const countField = z.number().int().nonnegative()
/** Role and name of a writer; both are also folder names of the embedded log. */
export const writerField = z
  .string()
  .regex(/^(gateway|detectors|api|ledger)\/[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/, 'expected role/name')
/** A raw Ed25519 public key, base64url. */
export const publicKeyField = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'expected an Ed25519 public key')
/** An Ed25519 signature, base64url. */
export const signatureField = z.string().regex(/^[A-Za-z0-9_-]{86}$/, 'expected an Ed25519 signature')

/** The last event of a run, as another event points to it. */
export const chainPointField = z.strictObject({ instance: uuidField, sequence: countField, hash: hashField })

/** What an event says of bytes that it does not hold: size, commitment, and what of them was recorded beside it. */
export const payloadField = z.strictObject({
  /** Size of the exact bytes. */
  bytes: countField,
  /** Commitment to the exact bytes (payload.ts). */
  commitment: hashField,
  record: z.enum(['full', 'redacted', 'cut', 'commitment']),
  /** Commitment to what was recorded, where that is not the exact bytes; with nothing recorded it binds the salt. */
  recorded: hashField.optional(),
})

/** What one event says of bytes beside it. */
export type PayloadField = z.infer<typeof payloadField>

function existsInTime(time: string): boolean {
  const millis = Date.parse(`${time.slice(0, 19)}Z`)
  return !Number.isNaN(millis) && new Date(millis).toISOString().slice(0, 19) === time.slice(0, 19)
}
