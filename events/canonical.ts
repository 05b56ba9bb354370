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
  const isOrdered = checkShape(value, 0)
  const bytes = Buffer.from(canonicalText(value, isOrdered), 'utf8')
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
  if (!isPlainlyCanonical(value, text) && !canonicalBytes(value, maxBytes).equals(bytes))
    throw new ToolwardenError('CANONICAL_INVALID', 'JSON, but not in canonical form (RFC 8785)')
  return value
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Without writing a copy: ECMAScript writes strings and integers as RFC 8785 does (3.2.2), so only the order of keys is left. */
function isPlainlyCanonical(value: Json, text: string): boolean {
  return checkShape(value, 0) && JSON.stringify(value) === text && text.isWellFormed() && !text.includes('\\ud')
}

/**
 * Writes a value that was checked (RFC 8785, section 3.2). ECMAScript writes strings and integers as it wants them, so what
 * has its keys in order, or a copy that has, is written at once; what that can't be done with is written piece by piece.
 */
function canonicalText(value: unknown, isOrdered: boolean): string {
  const ordered = isOrdered ? value : orderedCopy(value)
  if (ordered === undefined) return textByPieces(value)
  const text = JSON.stringify(ordered)
  // Perhaps a lone surrogate, which ECMAScript lets pass.
  return text.includes('\\ud') ? textByPieces(value) : text
}

/** The same with its keys by their UTF-16 code units, as `sort` has them; undefined where an object can't be had so. */
function orderedCopy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const items = (value as readonly unknown[]).map(orderedCopy)
    return items.includes(undefined) ? undefined : items
  }
  const members = value as Readonly<Record<string, unknown>>
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(members).sort()) {
    const item = members[key]
    if (item === undefined) continue
    const ordered = orderedCopy(item)
    // ECMAScript moves keys like "10" to the front, and `__proto__` is none.
    if (ordered === undefined || key < FIRST_PLAIN_KEY || key === '__proto__') return undefined
    copy[key] = ordered
  }
  return copy
}

/** Keys from here on do not begin with a digit. */
const FIRST_PLAIN_KEY = ':'

function textByPieces(value: unknown): string {
  if (typeof value === 'string') return quoted(value)
  if (typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return `[${(value as readonly unknown[]).map(textByPieces).join(',')}]`
  const members = value as Readonly<Record<string, unknown>>
  const texts = Object.keys(members)
    .sort()
    .flatMap((key) => (members[key] === undefined ? [] : [`${quoted(key)}:${textByPieces(members[key])}`]))
  return `{${texts.join(',')}}`
}

/** ECMAScript writes strings as section 3.2.2.2 wants them, except that it lets lone surrogates pass. */
function quoted(text: string): string {
  if (text.isWellFormed()) return JSON.stringify(text)
  throw new ToolwardenError('CANONICAL_INVALID', 'a lone surrogate has no form in UTF-8')
}

/**
 * Refuses what has no place in canonical JSON. Returns whether all objects have their keys in order, by UTF-16 code units, as
 * `<` compares them (RFC 8785, section 3.2.3).
 */
function checkShape(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      // −0 is written as 0, which would parse back as another value.
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) return true
      throw new ToolwardenError('CANONICAL_INVALID', 'a number is not an integer within ±(2^53−1)')
    case 'object':
      if (value === null) return true
      if (depth === MAX_BODY_DEPTH)
        throw new ToolwardenError('CANONICAL_INVALID', `nested deeper than ${MAX_BODY_DEPTH}`)
      return Array.isArray(value) ? checkItems(value, depth + 1) : checkMembers(value, depth + 1)
    default:
      throw new ToolwardenError('CANONICAL_INVALID', `a ${typeof value} has no place in JSON`)
  }
}

/** An array's hole or undefined is refused. */
function checkItems(items: readonly unknown[], depth: number): boolean {
  let isOrdered = true
  for (const item of items) isOrdered = checkShape(item, depth) && isOrdered
  return isOrdered
}

/** An undefined field is one that is absent. Dates, maps and buffers have no own form in JSON, or one that says something else. */
function checkMembers(value: object, depth: number): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null)
    throw new ToolwardenError('CANONICAL_INVALID', 'an object of a class has no place in JSON')
  const members = value as Readonly<Record<string, unknown>>
  let isOrdered = true
  let before: string | undefined
  for (const key of Object.keys(members)) {
    const item = members[key]
    if (item !== undefined) isOrdered = checkShape(item, depth) && isOrdered
    if (before !== undefined && before >= key) isOrdered = false
    before = key
  }
  return isOrdered
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
