// The building blocks of event schemas: hashes, names, times and texts, each with its limit.
import { z } from 'zod'

/** An object of these fields and no others. What it has checked has them in the order of canonical JSON: it is written without a sort. */
export function orderedObject<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const fields = Object.entries(shape).sort(([left], [right]) => (left < right ? -1 : 1))
  return z.strictObject(Object.fromEntries(fields) as Shape)
}

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
export const chainPointField = orderedObject({ instance: uuidField, sequence: countField, hash: hashField })

/** What an event says of bytes that it does not hold: size, commitment, and what of them was recorded beside it. */
export const payloadField = orderedObject({
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
  const part = (from: number, to: number): number => Number(time.slice(from, to))
  if (part(11, 13) > 23 || part(14, 16) > 59 || part(17, 19) > 59) return false
  const day = part(8, 10)
  return day > 0 && day <= daysOf(part(0, 4), part(5, 7))
}

/** None where there is no such month. */
function daysOf(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return [31, 0, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0
}
