// An event as a bundle's verifier reads it: canonical, with the envelope of every event, signed by a role that may. Without the
// schemas of events/event.ts, whose library a verifier of one file does not have; what it does not look at is still hashed.
import { type Json, parseCanonical } from '../../events/canonical.ts'
import { ToolwardenError } from '../../events/errors.ts'
import type { PayloadField } from '../../events/field.ts'
import { mayWrite } from '../../events/role.ts'

/** What the verifier needs of a body. */
export interface BundleEvent {
  readonly chain: string
  readonly log: string
  readonly writer: string
  readonly instance: string
  readonly sequence: number
  readonly previous: string
  readonly type: string
  /** All fields. */
  readonly fields: { readonly [key: string]: Json | undefined }
}

const WRITER = /^(gateway|detectors|api|ledger)\/[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const HASH = /^[0-9a-f]{64}$/
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/
const RECORDS: readonly unknown[] = ['full', 'redacted', 'cut', 'commitment']

/** Reads a body. Throws CANONICAL_INVALID, EVENT_TOO_LARGE, EVENT_INVALID. */
export function readBundleEvent(body: Buffer): BundleEvent {
  const value = parseCanonical(body)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('not an object')
  const fields = value as { readonly [key: string]: Json | undefined }
  const { v, log, writer, instance, sequence, previous, time, type } = fields
  if (v !== 1) throw invalid('not of version 1')
  if (!isText(log) || !isText(type)) throw invalid('no ledger or no type')
  if (!isText(writer) || !WRITER.test(writer) || !isText(instance) || !UUID.test(instance))
    throw invalid('no writer or no instance')
  if (typeof sequence !== 'number' || sequence < 1) throw invalid('no sequence number')
  if (!isText(previous) || !HASH.test(previous) || !isText(time) || !TIME.test(time))
    throw invalid('no link or no time')
  if (!mayWrite(writer, type)) throw invalid(`${writer} may not write ${type}`)
  return { chain: `${writer}/${instance}`, log, writer, instance, sequence, previous, type, fields }
}

/** What an event says of the bytes beside it; undefined where there are none. */
export function payloadFieldOf({ type, fields }: BundleEvent): PayloadField | undefined {
  const field = type === 'authorization/propose' ? fields.arguments : undefined
  const found = type === 'authorization/receipt' ? fields.result : field
  if (typeof found !== 'object' || found === null || Array.isArray(found)) return undefined
  const { bytes, commitment, record, recorded } = found as { readonly [key: string]: Json | undefined }
  const isSound = typeof bytes === 'number' && isText(commitment) && RECORDS.includes(record)
  return isSound && (recorded === undefined || isText(recorded)) ? (found as unknown as PayloadField) : undefined
}

function isText(value: Json | undefined): value is string {
  return typeof value === 'string'
}

function invalid(why: string): ToolwardenError {
  return new ToolwardenError('EVENT_INVALID', `the body is no event: ${why}`)
}
