// The writers that a bundle's verifier trusts: a file of its own, in the form of an installation's installation.json. Without it
// nobody's signatures can be judged. Pure.
import { ToolwardenError } from '../../events/errors.ts'
import { Trust } from '../../events/trust.ts'

const MAX_WRITERS_BYTES = 1024 * 1024
const HOLDER = /^(gateway|detectors|api|ledger)\/(\*|[A-Za-z0-9][A-Za-z0-9._@-]{0,63})$/
const KEY = /^[A-Za-z0-9_-]{43}$/

/** Reads `{"trust": [{"writer": "gateway/*", "key": "…"}], "enrolment": "…"}`. Throws TRUST_INVALID, KEY_INVALID. */
export function parseWritersFile(bytes: Uint8Array, where: string): Trust {
  const { trust, enrolment } = readObject(bytes, where)
  if (!Array.isArray(trust) || trust.length === 0) throw invalid(where, 'it names no writer')
  const settings = (trust as readonly unknown[]).map((entry) => {
    const { writer, key } = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<string, unknown>
    if (typeof writer === 'string' && HOLDER.test(writer) && typeof key === 'string' && KEY.test(key))
      return { writer, key }
    throw invalid(where, 'an entry is not a writer (role/name or role/*) and its key (base64url)')
  })
  const own = enrolment === undefined ? [] : [enrolment]
  if (!own.every((key): key is string => typeof key === 'string' && KEY.test(key)))
    throw invalid(where, 'the enrolment key is no Ed25519 key in base64url')
  return new Trust(settings, { enrolment: own })
}

function readObject(bytes: Uint8Array, where: string): Record<string, unknown> {
  if (bytes.byteLength > MAX_WRITERS_BYTES) throw invalid(where, `it is larger than ${MAX_WRITERS_BYTES} bytes`)
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch (cause) {
    throw invalid(where, 'it is not JSON', cause)
  }
  throw invalid(where, 'it is not a JSON object')
}

function invalid(where: string, message: string, cause?: unknown): ToolwardenError {
  return new ToolwardenError('TRUST_INVALID', `not a file of trusted writers: ${message}`, {
    where,
    fix: "take the ledger owner's installation.json, or write its `trust` yourself; docs/export.md shows one",
    ...(cause === undefined ? {} : { cause }),
  })
}
