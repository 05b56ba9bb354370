// Canonical JSON, RFC 8785 (JCS), narrowed to what an event may hold: no floats, bounded size and depth.
// `canonicalize(parse(bytes)) === bytes` is the one check that refuses duplicate keys, `1.0`, precision loss,
// reordering and odd escapes.
import { ToolwardenError } from './errors.ts'

/** The largest event body, bytes: the C2SP tlog-tiles limit of one entry. */
export const MAX_BODY_BYTES = 65_535
/** The deepest nesting of arrays and objects in a body. */
export const MAX_BODY_DEPTH = 16

/** What canonical JSON may hold; numbers are integers within ±(2^53−1). */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** The canonical bytes of a value. Throws CANONICAL_INVALID for floats, lone surrogates, depth and foreign types, EVENT_TOO_LARGE above the limit. */
export function canonicalBytes(value: unknown, maxBytes: number = MAX_BODY_BYTES): Buffer {
  const bytes = Buffer.from(canonicalText(value, 0), 'utf8')
  if (bytes.byteLength > maxBytes) {
    throw new ToolwardenError(
      'EVENT_TOO_LARGE',
      `canonical JSON of ${bytes.byteLength} bytes is over the limit of ${maxBytes}`,
    )
  }
  return bytes
}

/** Parses bytes that must already be canonical. Throws CANONICAL_INVALID or EVENT_TOO_LARGE; never returns a value that other bytes would give too. */
export function parseCanonical(bytes: Uint8Array, maxBytes: number = MAX_BODY_BYTES): Json {
  if (bytes.byteLength > maxBytes) {
    throw new ToolwardenError('EVENT_TOO_LARGE', `${bytes.byteLength} bytes, the limit is ${maxBytes}`)
  }
  // Checked on bytes first: a 20,000-deep array makes recursive code overflow its stack.
  if (nestingDepth(bytes) > MAX_BODY_DEPTH)
    throw new ToolwardenError('CANONICAL_INVALID', `nested deeper than ${MAX_BODY_DEPTH}`)
  let text: string
  let value: Json
  try {
    text = UTF8.decode(bytes)
    value = JSON.parse(text) as Json
  } catch (cause) {
    throw new ToolwardenError('CANONICAL_INVALID', 'not JSON in UTF-8', { cause })
  }
  if (canonicalText(value, 0) !== text)
    throw new ToolwardenError('CANONICAL_INVALID', 'JSON, but not in canonical form (RFC 8785)')
  return value
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Checks and writes in one pass: every event goes through here before its call goes on. */
function canonicalText(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      return quoted(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'number':
      // −0 is written as 0, which would parse back as another value.
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) return String(value)
      throw new ToolwardenError('CANONICAL_INVALID', 'a number is not an integer within ±(2^53−1)')
    case 'object':
      if (value === null) return 'null'
      if (depth === MAX_BODY_DEPTH)
        throw new ToolwardenError('CANONICAL_INVALID', `nested deeper than ${MAX_BODY_DEPTH}`)
      return Array.isArray(value) ? arrayText(value, depth) : objectText(value, depth)
    default:
      throw new ToolwardenError('CANONICAL_INVALID', `a ${typeof value} has no place in JSON`)
  }
}

/** By index, not by `map`: that would pass over a hole, which is refused as undefined is. */
function arrayText(items: readonly unknown[], depth: number): string {
  let text = ''
  for (let index = 0; index < items.length; index++)
    text += `${index === 0 ? '' : ','}${canonicalText(items[index], depth + 1)}`
  return `[${text}]`
}

/** Members by the UTF-16 code units of their keys (section 3.2.3); one that is undefined is absent. */
function objectText(object: object, depth: number): string {
  checkPlain(object)
  const members = object as Readonly<Record<string, unknown>>
  let text = ''
  for (const key of Object.keys(members).sort()) {
    const value = members[key]
    if (value !== undefined) text += `${text === '' ? '' : ','}${quoted(key)}:${canonicalText(value, depth + 1)}`
  }
  return `{${text}}`
}

/** ECMAScript writes strings as section 3.2.2.2 wants them, except that it lets lone surrogates pass. */
function quoted(text: string): string {
  if (text.isWellFormed()) return JSON.stringify(text)
  throw new ToolwardenError('CANONICAL_INVALID', 'a lone surrogate has no form in UTF-8')
}

/** Dates, maps and buffers have no own form in JSON, or one that says something else. */
function checkPlain(value: object): void {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return
  throw new ToolwardenError('CANONICAL_INVALID', 'an object of a class has no place in JSON')
}

function nestingDepth(bytes: Uint8Array): number {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index]
    if (inString) {
      if (byte === 0x5c) index++
      else if (byte === 0x22) inString = false
    } else if (byte === 0x22) inString = true
    else if (byte === 0x5b || byte === 0x7b) deepest = Math.max(deepest, ++depth)
    else if (byte === 0x5d || byte === 0x7d) depth--
  }
  return deepest
}
